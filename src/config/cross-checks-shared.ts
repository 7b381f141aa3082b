/**
 * What the keys of `cache.shared` say about each other.
 *
 * @module
 */

import { isLoopback } from './addresses.ts'
import type { Remarks } from './findings.ts'
import type { RedisAddress } from './redis-url.ts'
import { sharedKeys } from './schema-shared.ts'
import { find, valueAt } from './tree.ts'
import type { Tree } from './tree.ts'

const path = ['cache', 'shared']

export function checkShared(tree: Tree, { problems, warnings }: Remarks): void {
  const unencrypted = serversOf(tree).filter(({ scheme }) => scheme === 'redis')
  if (unencrypted.length === 0) return
  if (find(tree, [...path, 'caFile'])) {
    const message = 'is for TLS, and the address begins with redis://: write rediss://, or leave this out'
    problems.push({ path: [...path, 'caFile'], message })
  }
  if (unencrypted.every(({ host }) => isLoopback(host))) return
  const type = valueAt(tree, [...path, 'auth', 'type'])
  if (type === 'entra') {
    const message = 'would send tokens of Entra unencrypted: write rediss:// (Azure: port 10000)'
    problems.push({ path: [...path, 'auth'], message })
  } else if (type === 'passwordFile') {
    const message =
      'the password goes to Redis unencrypted, at every connection: write rediss:// if it speaks TLS'
    warnings.push({ path: [...path, 'auth'], message })
  }
}

function serversOf(tree: Tree): readonly RedisAddress[] {
  const url = sharedKeys.shape.url.safeParse(valueAt(tree, [...path, 'url'])).data
  const cluster = sharedKeys.shape.cluster.safeParse(valueAt(tree, [...path, 'cluster'])).data
  return [...(url ? [url] : []), ...(cluster ?? [])]
}

/**
 * What a running gateway has kept of an answer: each replica is asked for its headers only, and only from its cache, so that
 * Graph is not asked.
 *
 * @module
 */

import { graphTarget, type ReadRequest } from '../../session/index.ts'
import { ask, reasonOf, type Reply, replicasAt } from '../replicas.ts'

export interface Heard {
  readonly lines: readonly string[]
  /** Whether every replica was reached, and has decided as was explained. */
  readonly isAsExplained: boolean
}

export interface Asking {
  /** None: nobody is asked. */
  readonly url: string | undefined
  readonly token: string | undefined
  /** Certificate authorities (PEM) to trust instead of the system's. */
  readonly ca: string | undefined
}

export async function askRunning(asked: ReadRequest, { url, token, ca }: Asking): Promise<Heard> {
  if (asked.read !== 'session') return { lines: ['nothing of such a read is kept'], isAsExplained: true }
  if (url === undefined) {
    return { lines: ['give --url to ask a running gateway whether it has an answer'], isAsExplained: true }
  }
  const target = new URL(graphTarget(asked), url)
  const headers = {
    'cache-control': 'only-if-cached',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }
  const lines: string[] = []
  let isAsExplained = true
  try {
    for (const replica of await replicasAt(target)) {
      const reply = await ask(target, replica, { method: 'HEAD', headers, ca })
      const said = understand(reply)
      isAsExplained &&= said !== undefined
      lines.push(`${replica.address}: ${said ?? otherwise(reply)} (request-id ${reply.requestId})`)
    }
  } catch (error) {
    return { lines: [...lines, `the gateway could not be asked: ${reasonOf(error)}`], isAsExplained: false }
  }
  return { lines: [...lines, 'Graph was not asked; an audit record says that this was'], isAsExplained }
}

/** @returns undefined for an answer that only another decision can have led to */
function understand({ status, headers }: Reply): string | undefined {
  const cacheStatus = String(headers['cache-status'] ?? '')
  if (status === 504 && cacheStatus.includes('only-if-cached')) return 'not cached: a read would ask Graph'
  if (status === 429) return 'the rate of the rule is used up just now (429)'
  const ttl = /; hit; ttl=(-?\d+)/.exec(cacheStatus)?.[1]
  if (ttl === undefined) return undefined
  const what = status === 404 || status === 410 ? `, that Graph has no such session (${status})` : ''
  const seconds = Number(ttl)
  const state = seconds > 0 ? `fresh for another ${seconds} s` : `stale for ${-seconds} s`
  return `cached${what}: ${String(headers['age'])} s old, ${state}`
}

function otherwise({ status }: Reply): string {
  return (
    `it answered ${status}, and not as explained here: its log and its record have the reason under this request-id; does ` +
    'it run with this configuration?'
  )
}

/**
 * `HTTPS_PROXY` and `NO_PROXY` fill what the files leave out, as every other program around reads them.
 *
 * @module
 */

import type { Environed } from './environment.ts'
import { place, quoted } from './findings.ts'
import { formatPath } from './path.ts'
import { parseProxy, splitProxy } from './proxy.ts'
import { find, formatPlace, merge, single } from './tree.ts'
import type { Tree } from './tree.ts'

const proxyPath = ['outbound', 'proxy']
const authPath = ['outbound', 'proxyAuth']
const exemptPath = ['outbound', 'noProxy']

/** In both cases; where both are set the lower one counts, as with curl. */
export const proxyFills = [
  { name: 'HTTPS_PROXY', path: proxyPath },
  { name: 'NO_PROXY', path: exemptPath },
]

type Read = (name: string) => string | undefined

interface Found {
  name: string
  value: string
}

export function fillProxy(before: Environed, read: Read): Environed {
  const written = find(before.tree, proxyPath)
  if (written?.kind === 'leaf' && (written.value === 'off' || written.value === false)) return before
  const found = eitherCase('HTTPS_PROXY', read)
  if (written === undefined && found === undefined) return { ...before, ...warned(before, notRead(read)) }
  const filled = found === undefined ? before : fillAddress(before, found, written)
  return find(filled.tree, proxyPath) === undefined ? filled : fillExempt(filled, read)
}

function fillAddress(before: Environed, { name, value }: Found, written: Tree | undefined): Environed {
  const split = splitProxy(value)
  if (written !== undefined && !isSame(written, split)) {
    // Neither is shown: what cannot be read as a proxy may be anything.
    const message = `${name} names another proxy than ${formatPlace(written.at)}: the file counts`
    return { ...before, ...warned(before, [place({ path: proxyPath, message }, before.tree)]) }
  }
  const at = { variable: name }
  if (typeof split === 'string') {
    const problem = { path: formatPath(proxyPath), message: split, where: formatPlace(at) }
    return { ...before, problems: [...before.problems, problem] }
  }
  const filled = { ...before, tree: merge(single(proxyPath, split.written, at), before.tree) }
  return split.credentials === undefined ? filled : fillAuth(filled, split.credentials, at)
}

/** They are for the proxy they came with, and never reach this for another one. */
function fillAuth(before: Environed, credentials: string, at: { variable: string }): Environed {
  const written = find(before.tree, authPath)
  if (written === undefined) {
    return { ...before, tree: merge(single([...authPath, 'value'], credentials, at), before.tree) }
  }
  const value = find(written, ['value'])
  if (value?.kind === 'leaf' && value.value === credentials) return before
  const message = `${at.variable} has credentials, and so has ${formatPlace(written.at)}: the file counts`
  return { ...before, ...warned(before, [place({ path: authPath, message }, before.tree)]) }
}

function fillExempt(before: Environed, read: Read): Environed {
  const found = eitherCase('NO_PROXY', read)
  const hosts = found?.value.split(/[\s,]+/).filter((host) => host !== '') ?? []
  if (found === undefined || hosts.length === 0) return before
  const at = { variable: found.name }
  const written = find(before.tree, exemptPath)
  if (written === undefined) {
    return { ...before, tree: merge(single(exemptPath, hosts, at), before.tree) }
  }
  const said =
    written.kind === 'list' ? written.items.map((item) => (item.kind === 'leaf' ? item.value : '')) : []
  if (said.join().toLowerCase() === hosts.join().toLowerCase()) return before
  const message = `${found.name} says ${quoted(found.value)}, ${formatPlace(written.at)} says otherwise: the file counts`
  return { ...before, ...warned(before, [place({ path: exemptPath, message }, before.tree)]) }
}

function notRead(read: Read): Environed['warnings'] {
  return ['ALL_PROXY', 'HTTP_PROXY'].flatMap((name) => {
    const found = eitherCase(name, read)
    const message = 'is not read: for https, the only thing asked, set HTTPS_PROXY or outbound.proxy'
    return found === undefined ? [] : [{ path: '', message, where: `env ${found.name}` }]
  })
}

function eitherCase(name: string, read: Read): Found | undefined {
  return [name.toLowerCase(), name]
    .map((each) => ({ name: each, value: read(each) }))
    .find((each): each is Found => each.value !== undefined)
}

function isSame(written: Tree, split: ReturnType<typeof splitProxy>): boolean {
  const said = written.kind === 'leaf' ? parseProxy(String(written.value)) : ''
  return typeof split !== 'string' && JSON.stringify(said) === JSON.stringify(split.address)
}

function warned({ warnings }: Environed, more: Environed['warnings']): Pick<Environed, 'warnings'> {
  return { warnings: [...warnings, ...more] }
}

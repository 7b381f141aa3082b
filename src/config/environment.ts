/**
 * What the environment says: `GATEWAY_*` speaks over the files; `AZURE_*`, `HTTPS_PROXY` and `NO_PROXY` only where
 * they are silent, because others put them there without being asked.
 *
 * @module
 */

import { fillProxy } from './environment-proxy.ts'
import { nearest, place, quoted } from './findings.ts'
import type { Finding } from './findings.ts'
import { formatPath } from './path.ts'
import { find, formatPlace, merge, single } from './tree.ts'
import type { Branch, Tree } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

interface Variable {
  name: string
  path: readonly string[]
}

const shared = ['cache', 'shared']

/** Separated by `:`; read when no file was named on the command line. */
export const filesVariable = 'GATEWAY_CONFIG'

export const overrides: readonly Variable[] = [
  { name: 'GATEWAY_LISTEN', path: ['server', 'listen'] },
  { name: 'GATEWAY_MANAGEMENT_LISTEN', path: ['server', 'management', 'listen'] },
  { name: 'GATEWAY_GRAPH_ENDPOINT', path: ['graph', 'endpoint'] },
  { name: 'GATEWAY_REDIS_URL', path: [...shared, 'url'] },
  { name: 'GATEWAY_LOG_LEVEL', path: ['log', 'level'] },
]

export const fills: readonly Variable[] = [
  { name: 'AZURE_TENANT_ID', path: ['identity', 'tenantId'] },
  { name: 'AZURE_CLIENT_ID', path: ['identity', 'clientId'] },
  { name: 'AZURE_AUTHORITY_HOST', path: ['identity', 'authorityHost'] },
]

const credential = ['identity', 'credential']

/** Each fills one key of one type of credential. */
export const credentialFills: readonly (Variable & { type: string })[] = [
  { name: 'AZURE_CLIENT_SECRET', path: [...credential, 'value'], type: 'secret' },
  { name: 'AZURE_CLIENT_CERTIFICATE_PATH', path: [...credential, 'file'], type: 'certificate' },
  { name: 'AZURE_FEDERATED_TOKEN_FILE', path: [...credential, 'tokenFile'], type: 'federated' },
]

export interface Environed {
  tree: Branch
  problems: Finding[]
  warnings: Finding[]
}

/** Empty variables count as absent, as charts often leave them. */
export function applyEnvironment(files: Branch, env: Environment): Environed {
  const filled = fillProxy(fillCredential(fillPlain(files, env), env), (name) => read(env, name))
  // What is said of the document as a whole is said of the file, and not of a variable that filled one key.
  const whole = { ...filled.tree, at: files.at }
  const tree = overrides.reduce((under, { name, path }) => {
    const value = read(env, name)
    return value === undefined ? under : merge(under, single(path, value, { variable: name }))
  }, whole)
  const problems = [...filled.problems, ...redisUrlAlone(files, env)]
  return { tree, problems, warnings: [...filled.warnings, ...unknownVariables(env)] }
}

export function filesOf(env: Environment): string[] {
  return (read(env, filesVariable) ?? '').split(':').filter((file) => file !== '')
}

function read(env: Environment, name: string): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  return value === '' ? undefined : value
}

function fillPlain(files: Branch, env: Environment): Environed {
  const warnings: Finding[] = []
  let tree = files
  for (const { name, path } of fills) {
    const value = read(env, name)
    if (value === undefined) continue
    const written = find(files, path)
    if (written === undefined) tree = merge(single(path, value, { variable: name }), tree)
    else if (!isSame(written, value)) {
      const message = `${name} says ${quoted(value)}, ${formatPlace(written.at)} says otherwise: the file counts`
      warnings.push(place({ path, message }, files))
    }
  }
  return { tree, problems: [], warnings }
}

/** GUIDs and hosts have no case, and AZURE_AUTHORITY_HOST usually ends in a slash. */
function isSame(written: Tree, value: string): boolean {
  return written.kind === 'leaf' && plain(String(written.value)) === plain(value)
}

function plain(text: string): string {
  return text.toLowerCase().replace(/\/$/, '')
}

function fillCredential({ tree, problems, warnings }: Environed, env: Environment): Environed {
  const set = credentialFills.filter(({ name }) => read(env, name) !== undefined)
  const written = find(tree, credential)
  if (written === undefined && set.length > 1) {
    const names = set.map(({ name }) => name).join(' and ')
    const message = `${names} are set, each for another credential: choose with identity.credential.type`
    return { tree, problems: [...problems, { path: formatPath(credential), message }], warnings }
  }
  const type = written === undefined ? set[0]?.type : typeOf(written)
  if (type === 'managed') return { tree, problems: [...problems, ...otherServices(env)], warnings }
  const fill = set.find((each) => each.type === type)
  const value = fill && read(env, fill.name)
  if (fill === undefined || value === undefined) return { tree, problems, warnings }
  const at = { variable: fill.name }
  const rival =
    find(tree, fill.path) ?? (fill.type === 'secret' ? find(tree, [...credential, 'file']) : undefined)
  if (rival === undefined) {
    const under = merge(single([...credential, 'type'], fill.type, at), single(fill.path, value, at))
    return { tree: merge(under, tree), problems, warnings }
  }
  if (rival.kind === 'leaf' && rival.value === value) return { tree, problems, warnings }
  const message = `${fill.name} is set and differs from ${formatPlace(rival.at)}: the file counts`
  return { tree, problems, warnings: [...warnings, place({ path: fill.path, message }, tree)] }
}

/** Where one of these is set, the platform has another service for managed identities than IMDS, which alone is asked. */
const serviceVariables = ['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'AZURE_POD_IDENTITY_AUTHORITY_HOST']

function otherServices(env: Environment): Finding[] {
  const set = serviceVariables.filter((name) => read(env, name) !== undefined)
  if (set.length === 0) return []
  const message = `managed asks IMDS, and ${set.join(' and ')} say that this platform has another service for identities: use another credential`
  return [{ path: formatPath([...credential, 'type']), message }]
}

/** A URL is no tier: without keys nothing may be stored there. */
function redisUrlAlone(files: Branch, env: Environment): Finding[] {
  const name = 'GATEWAY_REDIS_URL'
  if (read(env, name) === undefined) return []
  const cluster = find(files, [...shared, 'cluster'])
  const about = (path: readonly string[], message: string): Finding[] => [
    { path: formatPath(path), message, where: `env ${name}` },
  ]
  if (find(files, [...shared, 'keysFile']) === undefined) {
    return about(
      [...shared, 'keysFile'],
      `${name} alone shares nothing: write cache.shared with a keysFile into the file, or unset ${name}`,
    )
  }
  if (cluster === undefined) return []
  return about(
    shared,
    `${name} is one server, and ${formatPlace(cluster.at)} has a cluster: unset ${name}, or remove cluster`,
  )
}

function typeOf(tree: Tree): unknown {
  const type = find(tree, ['type'])
  return type?.kind === 'leaf' ? type.value : undefined
}

function unknownVariables(env: Environment): Finding[] {
  const known = [filesVariable, ...overrides.map(({ name }) => name)]
  // What Kubernetes gives to every pod beside a Service called "gateway".
  const injected = /^GATEWAY_(?:PORT|SERVICE_PORT)(?:_|$)|^GATEWAY_SERVICE_HOST$/
  return Object.keys(env)
    .filter((name) => name.startsWith('GATEWAY_') && !known.includes(name) && !injected.test(name))
    .map((name) => {
      const meant = nearest(name, known)
      const hint = meant === undefined ? `Known: ${known.join(', ')}` : `Did you mean ${meant}?`
      return { path: '', message: `unknown variable, without effect. ${hint}`, where: `env ${name}` }
    })
}

/**
 * What one key alone cannot tell: keys that contradict each other, and settings that would never work or are
 * seldom meant. Each check reads the document as it was written and looks only at parts that are well formed,
 * so a mistake elsewhere hides nothing.
 *
 * @module
 */

import type * as z from 'zod'
import { checkAccess } from './cross-checks-access.ts'
import { checkShared } from './cross-checks-shared.ts'
import { guidPattern, isLoopback } from './addresses.ts'
import type { Remarks } from './findings.ts'
import { issuer as issuerSchema } from './schema-callers.ts'
import { audit } from './schema-audit.ts'
import { cache } from './schema.ts'
import { outbound } from './schema-outbound.ts'
import { server } from './schema-server.ts'
import { entriesOf, find, toValue, valueAt } from './tree.ts'
import type { Tree } from './tree.ts'

type Issuer = z.output<typeof issuerSchema>
type KubernetesIssuer = Extract<Issuer, { type: 'kubernetes' }>
type AnonymousIssuer = Extract<Issuer, { type: 'anonymous' }>
type OidcIssuer = Extract<Issuer, { type: 'oidc' }>

/** @param tree all layers and the environment, merged; of any shape */
export function crossCheck(tree: Tree): Remarks {
  const remarks: Remarks = { problems: [], warnings: [] }
  checkServer(tree, remarks)
  checkOutbound(tree, remarks)
  checkCache(tree, remarks)
  checkShared(tree, remarks)
  checkIdentity(tree, remarks)
  checkIssuers(tree, remarks)
  checkAccess(tree, remarks)
  checkAudit(tree, remarks)
  return remarks
}

function checkServer(tree: Tree, { problems, warnings }: Remarks): void {
  const { shape } = server
  if (shape.tls.safeParse(valueAt(tree, ['server', 'tls'])).data === 'off') {
    const message = 'callers send their tokens unencrypted to this port: TLS must end right in front of it'
    warnings.push({ path: ['server', 'tls'], message })
  }
  const callers = shape.listen.safeParse(valueAt(tree, ['server', 'listen'])).data
  checkLinks(tree, { problems, warnings })
  const management = shape.management.safeParse(valueAt(tree, ['server', 'management']) ?? {}).data
  if (callers !== undefined && callers.port !== 0 && callers.port === management?.listen.port) {
    const message = `port ${callers.port} is server.listen's: probes and metrics need a port of their own`
    problems.push({ path: ['server', 'management', 'listen'], message })
  }
  const purgers = [...entriesOf(find(tree, ['access'])).values()].some((rule) => find(rule, ['admin']))
  if (purgers && management?.tls === 'off' && !isLoopback(management.listen.host)) {
    const message = 'callers with admin send their tokens unencrypted to this port: give certFile and keyFile'
    warnings.push({ path: ['server', 'management', 'tls'], message })
  }
  const drain = shape.drain.safeParse(valueAt(tree, ['server', 'drain'])).data
  if (drain !== undefined && drain.timeout <= drain.delay) {
    const message = 'must be longer than server.drain.delay, which it includes'
    problems.push({ path: ['server', 'drain', 'timeout'], message })
  }
}

/** Links to next pages are absolute; where TLS ends in front, only the operator knows how they begin. */
function checkLinks(tree: Tree, { problems }: Remarks): void {
  const { shape } = server
  const isPlain = shape.tls.safeParse(valueAt(tree, ['server', 'tls'])).data === 'off'
  const address = shape.listen.safeParse(valueAt(tree, ['server', 'listen'])).data
  const rules = [...entriesOf(find(tree, ['access'])).values()]
  const granted = rules.map((rule) => valueAt(rule, ['reads'])).filter(Array.isArray)
  const hasLists = granted.some((reads) => reads.some((read) => String(read).endsWith('s')))
  if (!isPlain || !hasLists || find(tree, ['server', 'publicUrl']) || isLoopback(address?.host ?? '')) return
  const message =
    'is needed: a rule grants lists, whose links to next pages begin with it, and with server.tls: off nobody else knows'
  problems.push({ path: ['server', 'publicUrl'], message })
}

function checkOutbound(tree: Tree, { warnings }: Remarks): void {
  const auth = find(tree, ['outbound', 'proxyAuth'])
  const written = valueAt(tree, ['outbound', 'proxy'])
  const proxy = outbound.shape.proxy.safeParse(written).data
  if (written === undefined || proxy === 'off') {
    for (const key of ['proxyAuth', 'noProxy']) {
      const said = valueAt(tree, ['outbound', key])
      if (said === undefined || (Array.isArray(said) && said.length === 0)) continue
      warnings.push({ path: ['outbound', key], message: 'has no effect: there is no outbound.proxy' })
    }
  } else if (auth !== undefined && proxy?.scheme === 'http') {
    const message =
      'go to the proxy unencrypted, at every connection: write https:// in outbound.proxy if it speaks TLS'
    warnings.push({ path: ['outbound', 'proxyAuth'], message: `the credentials ${message}` })
  }
}

/** Fresh, then stale, then a last resort, and never beyond maxRetention. */
function checkCache(tree: Tree, { problems, warnings }: Remarks): void {
  const read = (key: 'freshFor' | 'staleWhileRevalidate' | 'staleIfError' | 'maxRetention' | 'notFoundFor') =>
    cache.shape[key].safeParse(valueAt(tree, ['cache', key])).data ?? Number.NaN
  const [freshFor, staleIfError, maxRetention] = [
    read('freshFor'),
    read('staleIfError'),
    read('maxRetention'),
  ]
  if (read('staleWhileRevalidate') > staleIfError) {
    const message =
      'must be at least cache.staleWhileRevalidate: what is served while Graph works is served when it fails'
    problems.push({ path: ['cache', 'staleIfError'], message })
  }
  for (const key of ['freshFor', 'notFoundFor'] as const) {
    if (read(key) > maxRetention) {
      problems.push({ path: ['cache', key], message: 'must not be longer than cache.maxRetention' })
    }
  }
  if (freshFor <= maxRetention && freshFor + staleIfError > maxRetention) {
    const message = 'ends freshFor and staleIfError before their time: nothing is served beyond it'
    warnings.push({ path: ['cache', 'maxRetention'], message })
  }
}

function checkIdentity(tree: Tree, { warnings }: Remarks): void {
  const path = ['identity', 'credential']
  if (valueAt(tree, [...path, 'type']) !== 'managed') return
  const message =
    'on Kubernetes every pod of the node can get tokens of this identity from IMDS: run the gateway on nodes of its own, or prefer type: federated'
  warnings.push({ path, message })
  const authorityHost = find(tree, ['identity', 'authorityHost'])
  // From the environment it comes unasked.
  if (authorityHost !== undefined && 'file' in authorityHost.at) {
    const unused = 'not used: tokens of a managed identity come from IMDS. Leave it out'
    warnings.push({ path: ['identity', 'authorityHost'], message: unused })
  }
}

function checkAudit(tree: Tree, { problems, warnings }: Remarks): void {
  const { shape } = audit
  if (find(tree, ['audit', 'signingKeyFile']) && valueAt(tree, ['audit', 'chain']) === false) {
    const message = 'signs the chain, and audit.chain is false: leave one of them out'
    problems.push({ path: ['audit', 'signingKeyFile'], message })
  }
  if (shape.delivery.safeParse(valueAt(tree, ['audit', 'delivery'])).data === 'best-effort') {
    const message = 'answers leave without a record while records cannot be written'
    warnings.push({ path: ['audit', 'delivery'], message })
  }
}

function checkIssuers(tree: Tree, remarks: Remarks): void {
  const seen = new Map<string, string>()
  for (const [name, written] of entriesOf(find(tree, ['issuers']))) {
    const issuer = issuerSchema.safeParse(toValue(written)).data
    if (issuer === undefined) continue
    if (issuer.type === 'anonymous') {
      checkAnonymous(tree, name, issuer, remarks)
      continue
    }
    if (issuer.type === 'kubernetes') checkKubernetes(name, issuer, remarks)
    else checkOidc(name, issuer, remarks)
    const origin = issuer.issuer ?? ('apiServer' in issuer ? issuer.apiServer : undefined)
    const tokens = JSON.stringify([origin, issuer.audience])
    const twin = seen.get(tokens)
    if (twin !== undefined) {
      const message = `takes the same tokens as issuers.${twin}: give them different audiences, or keep one`
      remarks.problems.push({ path: ['issuers', name], message })
    }
    seen.set(tokens, name)
  }
}

function checkAnonymous(
  tree: Tree,
  name: string,
  issuer: AnonymousIssuer,
  { problems, warnings }: Remarks,
): void {
  const path = ['issuers', name]
  const address = server.shape.listen.safeParse(valueAt(tree, ['server', 'listen'])).data
  if (issuer.acceptAnyoneWhoConnects) {
    const message = 'ANYONE WHO CAN CONNECT may read what the rules give to this issuer. Never in production'
    warnings.push({ path, message })
  } else if (address !== undefined && !isLoopback(address.host)) {
    const message =
      'anonymous callers need server.listen on 127.0.0.1, ::1 or localhost, or acceptAnyoneWhoConnects: true'
    problems.push({ path, message })
  } else {
    warnings.push({ path, message: 'everyone on this machine may read what the rules give to this issuer' })
  }
}

/** Tokens for the API server lie in almost every pod; a gateway that took them could also use them there. */
function checkKubernetes(
  name: string,
  { audience, issuer, apiServer }: KubernetesIssuer,
  remarks: Remarks,
): void {
  const service = /^(?:https:\/\/)?kubernetes(?:\.default(?:\.svc(?:\.cluster\.local)?)?)?(?::443)?$/
  const plain = audience.replace(/\/$/, '')
  const own = [issuer, apiServer].map((each) => each?.replace(/\/$/, ''))
  if (!service.test(plain) && !own.includes(plain)) return
  const message =
    'the API server\'s own audience: any pod\'s default token would do. Choose one for this gateway, such as "session-gateway"'
  remarks.problems.push({ path: ['issuers', name, 'audience'], message })
}

const entraHosts = 'login\\.microsoftonline\\.(?:com|us)|login\\.partner\\.microsoftonline\\.cn'
const entraV2 = new RegExp(`^https://(?:${entraHosts})/([^/]+)/v2\\.0/?$`, 'i')
const entraV1 = /^https:\/\/sts\.(?:windows\.net|chinacloudapi\.cn)\//i

function checkOidc(
  name: string,
  { issuer, audience, require }: OidcIssuer,
  { problems, warnings }: Remarks,
): void {
  const path = ['issuers', name]
  const tenant = entraV2.exec(issuer)?.[1]
  if (tenant !== undefined && !guidPattern.test(tenant)) {
    const message = "can never match: Entra writes the tenant's GUID into iss. Write …/<tenant GUID>/v2.0"
    problems.push({ path: [...path, 'issuer'], message })
  }
  if (tenant !== undefined && audience.startsWith('api://')) {
    const message =
      "can never match: the aud of an Entra v2.0 token is the application's client ID, so write that GUID, not its api:// URI"
    problems.push({ path: [...path, 'audience'], message })
  }
  if ((tenant !== undefined || entraV1.test(issuer)) && Object.keys(require).length === 0) {
    const message =
      'no claim is required, and Entra gives a token for this audience to any application of the tenant. Add for example require: { idtyp: app, roles: [Sessions.Read] }'
    warnings.push({ path, message })
  }
}

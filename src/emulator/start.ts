/**
 * Entra ID, Graph beta, a caller's issuer and what a Kubernetes API server tells about
 * tokens, behind one HTTPS origin, and IMDS beside them: everything a gateway talks to, without any of it.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { AccessTokens, objectIdOf } from './access-tokens.ts'
import { createAuthority } from './certificate.ts'
import { ClientAssertions } from './client-assertions.ts'
import { Cluster, isClusterPath } from './cluster.ts'
import { control } from './control.ts'
import type { Emulator, EmulatorOptions } from './emulator.ts'
import { Entra } from './entra.ts'
import { FaultQueue, meet, parts } from './faults.ts'
import type { Fault, Part, PartName } from './faults.ts'
import { Graph } from './graph.ts'
import { graphControls } from './graph-controls.ts'
import { Imds } from './imds.ts'
import { Issuer } from './issuer.ts'
import { RequestLog } from './request-log.ts'
import { startServer, text } from './server.ts'
import type { Delivery, EmulatedRequest } from './server.ts'
import { ServiceAccounts } from './service-accounts.ts'
import type { ServiceAccountTokenOptions } from './service-accounts.ts'
import { SigningKeys } from './signing-keys.ts'
import { Workspaces } from './workspaces.ts'

/** Identifiers that Microsoft's own documentation uses for tenants and applications that do not exist. */
const exampleTenantId = 'aaaabbbb-0000-cccc-1111-dddd2222eeee'
const exampleClientId = '00001111-aaaa-2222-bbbb-3333cccc4444'

const usualClusterIssuerUrl = 'https://kubernetes.default.svc.cluster.local'

/** Rejects when the port is taken. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { tenantId = exampleTenantId, clientId = exampleClientId, now = Date.now, domain } = options
  const { clusterIssuerUrl = usualClusterIssuerUrl } = options
  const clientSecret = options.clientSecret ?? randomBytes(30).toString('base64url')
  const [authority, tenantKeys, issuerKeys] = await Promise.all([
    createAuthority(),
    SigningKeys.create(options.makeKey),
    SigningKeys.create(options.makeKey),
  ])
  const tokens = new AccessTokens(tenantKeys, tenantId, clientId)
  const assertions = new ClientAssertions(clientId, issuerKeys)
  const workspaces = new Workspaces()
  const entra = new Entra({ tenantId, clientId, clientSecret, keys: tenantKeys, tokens, assertions, now })
  const serviceAccounts = new ServiceAccounts(clusterIssuerUrl, issuerKeys, now)
  const podToken = await serviceAccounts.token({
    namespace: 'session-gateway',
    serviceAccount: 'session-gateway',
    audience: clusterIssuerUrl,
  })
  const logs = forEachPart(() => new RequestLog())
  const faults = forEachPart((part) => new FaultQueue(part))
  let jwksRequests = 0

  const { host = '127.0.0.1' } = options
  const server = await startServer({
    host,
    port: options.port ?? 0,
    certificate: await authority.issue([
      'localhost',
      '127.0.0.1',
      '::1',
      ...(domain === undefined ? [] : [`*.${domain}`]),
    ]),
    now,
    deliver: (request) => deliver(request),
  })
  const metadata = await startServer({ host, port: 0, now, deliver: (request) => meetAt('imds', request) })
  const url = `https://localhost:${server.port}`
  const issuerOrigin = domain === undefined ? url : `https://issuer.${domain}:${server.port}`
  const issuer = new Issuer(`${issuerOrigin}/issuer`, issuerKeys, now)
  const cluster = new Cluster(podToken, {
    issuerUrl: clusterIssuerUrl,
    keys: issuerKeys,
    serviceAccounts,
    now,
  })
  const graph = new Graph(tokens, workspaces, now)
  const imds = new Imds({ tokens, clientId, roles: () => entra.roles, now })
  const emulated: Record<PartName, Part> = {
    graph,
    token: entra,
    issuer,
    cluster,
    imds,
  }

  function meetAt(name: PartName, request: EmulatedRequest): Promise<Delivery> {
    const fault = faults[name].next()
    const { method, target, httpVersion, rawHeaders, body } = request
    logs[name].record({ method, target, httpVersion, rawHeaders, body })
    return meet(fault, emulated[name], request)
  }

  async function deliver(request: EmulatedRequest): Promise<Delivery> {
    const name = partAt(request.path)
    if (name === undefined) {
      const answer = /^\/_emulator(?:\/|$)/.test(request.path)
        ? await control(request, controls)
        : (entra.metadata(request) ?? text(404, 'Not Found\n'))
      return { how: 'whole', answer }
    }
    if (request.path === '/issuer/jwks') jwksRequests += 1
    return meetAt(name, request)
  }

  async function close(): Promise<void> {
    await Promise.all([server.close(), metadata.close()])
  }

  function fail(part: PartName, fault: Fault, times = 1): void {
    faults[part].add(fault, times)
  }

  function reset(): void {
    for (const part of parts) {
      faults[part].clear()
      logs[part].clear()
    }
    entra.exchanges = 0
    cluster.reviews = 0
    jwksRequests = 0
  }

  const controls = {
    counters: () => ({
      graph: { calls: logs.graph.total },
      token: { requests: logs.token.total, exchanges: entra.exchanges },
      issuer: { requests: logs.issuer.total, jwksRequests },
      cluster: { requests: logs.cluster.total, reviews: cluster.reviews },
      imds: { requests: logs.imds.total },
    }),
    fail,
    reset,
    token: (claims: Record<string, unknown>) => issuer.token(claims),
    serviceAccountToken: (account: ServiceAccountTokenOptions) => serviceAccounts.token(account),
  }

  return {
    url,
    caPem: authority.certPem,
    certificateFor: (names, keyType) => authority.issue(names, keyType),
    entra: {
      tenantId,
      clientId,
      objectId: objectIdOf(clientId),
      clientSecret,
      get exchanges() {
        return entra.exchanges
      },
      get requests() {
        return logs.token.recent
      },
      get roles() {
        return entra.roles
      },
      set roles(roles) {
        entra.roles = roles
      },
      get tokenLifetimeSeconds() {
        return entra.tokenLifetimeSeconds
      },
      set tokenLifetimeSeconds(seconds) {
        entra.tokenLifetimeSeconds = seconds
      },
      trustCertificate: (certPem) => assertions.trustCertificate(certPem),
      trustFederated: (credential) => assertions.trustFederated(credential),
      revokeTokens: () => tokens.revokeAll(),
    },
    graph: graphControls(graph, workspaces, logs.graph),
    issuer: {
      url: issuer.url,
      get jwksRequests() {
        return jwksRequests
      },
      token: (claims, tokenOptions) => issuer.token(claims, tokenOptions),
      serviceAccountToken: (account) => serviceAccounts.token(account),
      rotate: ({ keepOld = true } = {}) => issuerKeys.rotate(keepOld),
    },
    cluster: {
      url: `${url}/cluster`,
      issuerUrl: clusterIssuerUrl,
      podToken,
      get requests() {
        return logs.cluster.total
      },
      get recorded() {
        return logs.cluster.recent
      },
      get reviews() {
        return cluster.reviews
      },
      get mayReview() {
        return cluster.mayReview
      },
      set mayReview(may) {
        cluster.mayReview = may
      },
      deletePod: (namespace, pod) => serviceAccounts.deletePod(namespace, pod),
    },
    imds: {
      url: `http://127.0.0.1:${metadata.port}`,
      get requests() {
        return logs.imds.recent
      },
      get identities() {
        return imds.identities
      },
      set identities(identities) {
        imds.identities = identities
      },
      get tokenLifetimeSeconds() {
        return imds.tokenLifetimeSeconds
      },
      set tokenLifetimeSeconds(seconds) {
        imds.tokenLifetimeSeconds = seconds
      },
      forgetTokens: () => imds.forgetTokens(),
    },
    fail,
    recover: (part) => faults[part].clear(),
    reached: (part, requests) => logs[part].reached(requests),
    reset,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function forEachPart<Thing>(make: (part: PartName) => Thing): Record<PartName, Thing> {
  return {
    graph: make('graph'),
    token: make('token'),
    issuer: make('issuer'),
    cluster: make('cluster'),
    imds: make('imds'),
  }
}

function partAt(path: string): PartName | undefined {
  if (path.startsWith('/beta/')) return 'graph'
  if (/^\/[^/]+\/oauth2\/v2\.0\/token$/.test(path)) return 'token'
  if (path.startsWith('/issuer/')) return 'issuer'
  return isClusterPath(path) ? 'cluster' : undefined
}

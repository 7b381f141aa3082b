import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Fault } from '../../src/emulator/faults.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { type Asking, sessionPath, type World } from '../world/world.ts'
import { assertPlainHeaders, sharedWorld } from '../security/wire.ts'

interface Kind {
  readonly what: string
  readonly status: number
  /** Absent where the answer is Graph's, and not ours. */
  readonly proxyError?: string
  /** Graph's status, where there was one. */
  readonly received?: number
  readonly path?: string
  readonly fault?: Fault
  readonly asking?: (world: World) => Promise<Asking>
}

const as =
  (serviceAccount: string) =>
  async (world: World): Promise<Asking> => ({ token: await world.workloadToken(serviceAccount) })
const select = (names: string): string => `${sessionPath}?$select=${names}`

const kinds: readonly Kind[] = [
  { what: 'a miss', status: 200 },
  { what: 'a hit', status: 200 },
  { what: 'a 304', status: 304, asking: async () => ({ headers: { 'if-none-match': '*' } }) },
  { what: 'a 404 of Graph', status: 404, path: sessionPath.replace('ecdf', 'ecd0') },
  { what: 'a 404 of Graph from the cache', status: 404, path: sessionPath.replace('ecdf', 'ecd0') },
  {
    what: 'nothing cached',
    status: 504,
    path: select('id,createdDateTime'),
    asking: async () => ({ headers: { 'cache-control': 'only-if-cached' } }),
  },
  { what: 'a bad $select', status: 400, proxyError: 'http_request_error', path: select('x') },
  { what: 'an unknown path', status: 404, proxyError: 'http_request_error', path: '/elsewhere' },
  { what: 'a bad path', status: 400, proxyError: 'http_request_error', path: `${sessionPath}%00` },
  {
    what: 'a body',
    status: 400,
    proxyError: 'http_request_error',
    asking: async () => ({ method: 'POST', body: 'x' }),
  },
  {
    what: 'another method',
    status: 405,
    proxyError: 'http_request_error',
    asking: async () => ({ method: 'DELETE' }),
  },
  { what: 'no token', status: 401, proxyError: 'http_request_denied', asking: async () => ({ token: null }) },
  {
    what: 'a bad token',
    status: 401,
    proxyError: 'http_request_denied',
    asking: async () => ({ token: 'x.y.z' }),
  },
  { what: 'a denial', status: 403, proxyError: 'http_request_denied', asking: as('stranger') },
  {
    what: 'HTML from Graph',
    status: 502,
    proxyError: 'http_protocol_error',
    received: 200,
    path: select('id'),
    fault: { kind: 'html' },
  },
  {
    what: 'a wrong id',
    status: 502,
    proxyError: 'http_protocol_error',
    received: 200,
    path: select('id'),
    fault: { kind: 'otherId' },
  },
  {
    what: 'a cut answer',
    status: 502,
    proxyError: 'http_protocol_error',
    path: select('id'),
    fault: { kind: 'truncate' },
  },
  {
    what: 'a 400 of Graph',
    status: 502,
    proxyError: 'http_request_denied',
    received: 400,
    path: select('displayName'),
    fault: { kind: 'status', status: 400 },
  },
  {
    what: 'a 403 of Graph',
    status: 502,
    proxyError: 'http_request_denied',
    received: 403,
    path: select('createdDateTime'),
    fault: { kind: 'status', status: 403 },
  },
  {
    what: 'a caller beyond its rate',
    status: 429,
    proxyError: 'http_request_denied',
    path: select('id'),
    asking: as('seldom'),
  },
  {
    what: 'a 429 of Graph',
    status: 503,
    proxyError: 'destination_unavailable',
    received: 429,
    path: select('lastModifiedDateTime'),
    fault: { kind: 'status', status: 429, retryAfter: '30' },
  },
]

for (const tls of ['off', 'on'] as const) {
  describe(`with TLS ${tls}, whatever the answer is, it carries nosniff, our request-id and no banner:`, () => {
    const seldom = {
      callers: [{ issuer: 'cluster', namespace: 'soc', serviceAccount: 'seldom' }],
      workspaces: ['default'],
      rate: '1/m',
    }
    const clock = createFakeClock()
    const world = sharedWorld({
      clock,
      config: { access: { seldom }, ...(tls === 'off' ? { server: { tls } } : {}) },
    })

    for (const { what, status, proxyError, received, path, fault, asking } of kinds) {
      test(`${what} is ${status}`, async () => {
        const { emulator } = world()
        if (fault !== undefined) {
          // What failed before rests no more.
          clock.advance(20_000)
          emulator.fail('graph', fault)
        }
        const usual = (await asking?.(world())) ?? {}
        if (status === 429) await world().ask(path, usual)
        const own = { ...usual, headers: { ...usual.headers, 'client-request-id': 'callers-own' } }
        const { status: got, headers, body } = await world().ask(path, own)
        assert.equal(got, status)
        assertPlainHeaders(headers as Record<string, string>)
        assert.equal(headers['client-request-id'], 'callers-own')
        const told = `session-gateway; error=${proxyError}${received === undefined ? '' : `; received-status=${received}`}`
        assert.equal(headers['proxy-status'], proxyError && told)
        assert.equal(
          headers['cache-control'],
          status === 200 || status === 304 ? 'private, no-cache' : 'no-store',
        )
        assert.equal(headers['cache-status'] === undefined, proxyError !== undefined)
        assert.equal(headers['retry-after'] !== undefined, status === 429 || status === 503)
        assert.equal(headers['www-authenticate'] !== undefined, status === 401)
        assert.equal(headers['allow'], status === 405 ? 'GET, HEAD' : undefined)
        if (status >= 400) {
          const { error } = JSON.parse(body)
          assert.equal(error.innerError['request-id'], headers['request-id'])
          assert.equal(error.innerError['client-request-id'], 'callers-own')
        }
        const record = await world().recordOf(headers['request-id'])
        assert.deepEqual([record['clientRequestId'], record['status']], ['callers-own', status])
      })
    }
  })
}

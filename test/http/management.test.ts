import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { request } from 'undici'
import { sessionId, sessionPath } from '../world/world.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { sharedWorld, until, untilClosed, untilQuiet } from '../security/wire.ts'

describe('the management port', () => {
  const world = sharedWorld()

  test('serves four paths, and purges, and 404 that names them for every other', async () => {
    for (const path of [
      '/',
      '/livez/',
      '/livez/x',
      '/LIVEZ',
      '/readyz/',
      '/Metrics',
      '/metrics.json',
      '/debug/pprof',
      '/env',
      sessionPath,
      '/%zz',
      '/..%2f',
    ]) {
      const reply = await world().manage(path)
      assert.equal(reply.status, 404, path)
      assert.deepEqual(reply.json, {
        error:
          'The management port serves GET /livez, /readyz, /metrics and /openapi.json, and DELETE /cache.',
      })
    }
  })

  test('answers without a banner, for no cache, and says what it answers in', async () => {
    for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json', '/unknown']) {
      const { headers } = await world().manage(path)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers['server'], undefined)
      assert.equal(headers['x-powered-by'], undefined)
      assert.equal(headers['etag'], undefined)
      const type = path === '/metrics' ? 'text/plain; version=0.0.4' : 'application/json'
      assert.equal(headers['content-type'], `${type}; charset=utf-8`)
    }
  })

  test('says what is so now, whatever the asker has already', async () => {
    const headers = { 'if-none-match': '*', 'if-modified-since': new Date().toUTCString() }
    for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json']) {
      for (const given of [headers, { 'if-none-match': '"x"' }]) {
        const { status, body } = await world().manage(path, { headers: given })
        assert.equal(status, 200, path)
        assert.notEqual(body, '', path)
      }
    }
  })

  test('only reads', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'] as const) {
      const { statusCode, body } = await request(
        `http://127.0.0.1:${world().gateway.managementAddress.port}/livez`,
        { method },
      )
      await body.dump()
      assert.equal(statusCode, 404, method)
    }
  })

  test('says that the process lives, and that it is ready', async () => {
    assert.deepEqual((await world().manage('/livez')).json, { status: 'alive' })
    assert.deepEqual((await world().manage('/readyz')).json.status, 'ready')
  })

  test('is not the callers’ port: none of its paths is served there', async () => {
    for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json', '/cache'])
      assert.equal((await world().ask(path)).status, 404)
  })
})

describe('the metrics', () => {
  const clock = createFakeClock()
  const world = sharedWorld({ clock, config: { issuers: { cluster: { tokenReview: {} } } } })

  /** name → sets of labels */
  async function series(): Promise<Map<string, Record<string, string>[]>> {
    const found = new Map<string, Record<string, string>[]>()
    for (const line of (await world().manage('/metrics')).body.split('\n')) {
      const [, name, labels = ''] = /^(session_gateway_\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? []
      if (name === undefined) continue
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [
        label,
        value,
      ])
      found.set(name, [...(found.get(name) ?? []), Object.fromEntries(pairs)])
    }
    return found
  }

  test('are the ones that were promised, with labels from small fixed sets', async () => {
    const { emulator } = world()
    await world().ask()
    await world().ask()
    await world().ask(`${sessionPath}/`, { token: null })
    await world().ask(sessionPath, { token: await world().workloadToken('stranger') })
    await world().ask(sessionPath.replace('default', 'a-workspace').replace('ecdf', 'abcd'), {
      headers: { 'client-request-id': 'callers-own' },
    })
    emulator.fail('graph', { kind: 'reset' }, 2)
    await world().ask(`${sessionPath}?$select=id`)
    clock.advance(31_000)
    await world().ask()
    await untilQuiet(world())
    const ops = await world().workloadToken('ops')
    for (const path of ['', '/workspaces/a', `/workspaces/a/sessions/${sessionId}`])
      assert.equal((await world().manage(`/cache${path}`, { method: 'DELETE', token: ops })).status, 200)
    await untilClosed({ ...world(), url: 'https:' }, 'garbage\r\n\r\n')
    const found = await series()
    const outcome = /^(hit|stale|miss|expired|collapsed|bypass|lastResort|none)$/
    const labelled: Record<string, Record<string, RegExp>> = {
      session_gateway_requests_total: { status: /^[1-5]\d\d$/, cache: outcome },
      session_gateway_request_duration_seconds_count: { cache: outcome },
      session_gateway_refusals_total: { code: /^[a-zA-Z]+$/ },
      session_gateway_unparsable_requests_total: { code: /^[A-Z_]+$/ },
      session_gateway_graph_calls_total: { outcome: /^([1-5]\d\d|[a-z_]+)$/ },
      session_gateway_graph_call_duration_seconds_count: {},
      session_gateway_graph_retries_total: { result: /^(made|denied)$/ },
      session_gateway_clock_skew_seconds: {},
      session_gateway_app_token_expiry_timestamp_seconds: {},
      session_gateway_app_token_role_missing: {},
      session_gateway_app_token_needless_roles: {},
      session_gateway_certificate_expiry_timestamp_seconds: { setting: /^server\.tls$/ },
      session_gateway_issuer_keys_fetched_timestamp_seconds: { issuer: /^(cluster|oidc)$/ },
      session_gateway_token_exchanges_total: { result: /^(success|failure)$/ },
      session_gateway_issuer_key_fetches_total: { issuer: /^(cluster|oidc)$/, result: /^(success|failure)$/ },
      session_gateway_token_reviews_total: {
        issuer: /^cluster$/,
        outcome: /^(accepted|refused|unavailable)$/,
      },
      session_gateway_requests_in_flight: {},
      session_gateway_caller_tokens_remembered: {},
      session_gateway_connections: {},
      session_gateway_requests_shed_total: {},
      session_gateway_connections_refused_total: {},
      session_gateway_connections_cut_total: {},
      session_gateway_cache_entries: {},
      session_gateway_cache_bytes: {},
      session_gateway_cache_evictions_total: {},
      session_gateway_cache_refreshes_total: { result: /^(success|failure)$/ },
      session_gateway_cache_purges_total: { scope: /^(session|workspace|everything)$/ },
      session_gateway_graph_trips_in_flight: {},
      session_gateway_graph_calls_in_flight: {},
      session_gateway_graph_waiting: {},
      session_gateway_graph_gate_shut_seconds: {},
      session_gateway_audit_pending_bytes: {},
      session_gateway_audit_blocked: {},
      session_gateway_audit_records_total: {},
      session_gateway_audit_refused_total: {},
      session_gateway_audit_lost_total: {},
      session_gateway_shared_up: {},
      session_gateway_ready: {},
    }
    for (const [name, labels] of Object.entries(labelled)) {
      const all = found.get(name)
      assert.ok(all !== undefined && all.length > 0, `${name} is missing`)
      for (const each of all) {
        assert.deepEqual(Object.keys(each).toSorted(), Object.keys(labels).toSorted(), name)
        for (const [label, value] of Object.entries(each))
          assert.match(value, labels[label] ?? /^$/, `${name} ${label}`)
      }
    }
    const known = new Set([
      ...Object.keys(labelled),
      'session_gateway_reload_failing',
      ...['certificate_reloads', 'shared_asked', 'shared_refused', 'shared_trips', 'shared_key_reloads'].map(
        (name) => `session_gateway_${name}_total`,
      ),
    ])
    const others = [...found.keys()].filter((name) => !known.has(name) && !/_(bucket|sum)$/.test(name))
    assert.deepEqual(others, [])
  })

  test('count what happened, once each', async () => {
    const read = async (line: string): Promise<number> => {
      const { body } = await world().manage('/metrics')
      return Number(
        body
          .split('\n')
          .find((each) => each.startsWith(`session_gateway_${line} `))
          ?.split(' ')[1] ?? 0,
      )
    }
    const lines = [
      'requests_total{status="200",cache="miss"}',
      'requests_total{status="200",cache="hit"}',
      'requests_total{status="403",cache="none"}',
      'refusals_total{code="accessDenied"}',
      'graph_calls_total{outcome="200"}',
      'cache_entries',
    ]
    const before = await Promise.all(lines.map(read))
    const path = `${sessionPath}?$select=createdDateTime`
    for (let turn = 0; turn < 3; turn += 1) await world().ask(path)
    await world().ask(path, { token: await world().workloadToken('stranger') })
    const after = await Promise.all(lines.map(read))
    assert.deepEqual(
      after.map((value, at) => value - (before[at] ?? 0)),
      [1, 2, 1, 1, 1, 1],
    )
  })

  test('tell when an issuer’s keys were last had, and not when they were last asked for', async () => {
    const value = async (name: string): Promise<number> => {
      const { body } = await world().manage('/metrics')
      const [, text] = new RegExp(`^session_gateway_issuer_${name}} (.*)$`, 'm').exec(body) ?? []
      return Number(text)
    }
    const fetchedAt = (): Promise<number> => value('keys_fetched_timestamp_seconds{issuer="oidc"')
    // A second at a time: minutes that pass at a stroke would end a fetch under way.
    const inTime = (what: string, isSo: () => Promise<boolean>): Promise<void> =>
      until(what, async () => {
        clock.advance(1_000)
        return await isSo()
      })
    const atFirst = await fetchedAt()
    await inTime('keys', async () => (await fetchedAt()) > atFirst)
    const fetched = await fetchedAt()
    assert.ok(fetched - atFirst >= 300 && fetched * 1000 <= clock.now(), `${fetched - atFirst} s later`)
    world().emulator.fail('issuer', { kind: 'reset' }, 9)
    await inTime(
      'a failure',
      async () => (await value('key_fetches_total{issuer="oidc",result="failure"')) > 0,
    )
    assert.equal(await fetchedAt(), fetched)
  })

  test('name no caller, workspace, session, pod or id', async () => {
    const { body } = await world().manage('/metrics')
    for (const word of [
      sessionId,
      'default"',
      'a-workspace',
      'triage',
      'stranger',
      'serviceaccount',
      'callers-own',
      'eyJ',
      'displayName',
    ]) {
      assert.ok(!body.includes(word), word)
    }
    assert.doesNotMatch(body, /[0-9a-f]{8}-[0-9a-f]{4}/)
  })
})

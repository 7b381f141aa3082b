import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Fault } from '../../src/emulator/index.ts'
import { closeWorld, verdict } from '../graph/answers.ts'
import { readAnswers, wireTo } from '../security/wire.ts'
import { sendRaw } from '../world/raw.ts'
import { type Reply, sessionPath, startWorld, type World, workspacePath } from '../world/world.ts'
import { untilSo } from './stubbed.ts'

const root = workspacePath.replace('/default', '')
const sessions = `${workspacePath}/sessions`
const prompts = `${sessionPath}/prompts`
const everything = ['session', 'sessions', 'prompts', 'prompt', 'evaluations', 'evaluation', 'plugins']
const reads = { triage: { reads: [...everything, 'workspaces'] } }

describe('what is not kept is passed on:', () => {
  let world: World
  const replies: Reply[] = []
  before(async () => {
    world = await startWorld({ config: { access: reads } })
  })
  after(() => closeWorld(world, replies))
  afterEach(() => world.emulator.recover('graph'))
  const ask: World['ask'] = async (path, asking) => {
    const reply = await world.ask(path, asking)
    replies.push(reply)
    return reply
  }

  const paths: readonly (readonly [operation: string, path: string, resources: readonly string[]])[] = [
    ['workspace.list', root, ['workspace *']],
    ['plugin.list', `${workspacePath}/plugins`, ['plugin *']],
    ['session.list', sessions, ['session *']],
    ['prompt.list', prompts, ['session S', 'prompt *']],
    ['prompt.get', `${prompts}/P`, ['session S', 'prompt P']],
    ['evaluation.list', `${prompts}/P/evaluations`, ['session S', 'prompt P', 'evaluation *']],
    ['evaluation.get', `${prompts}/P/evaluations/E`, ['session S', 'prompt P', 'evaluation E']],
  ]
  for (const [operation, path, resources] of paths) {
    test(`${operation}, byte for byte, each time from Graph, and on record`, async () => {
      const [prompt] = (await ask(prompts)).json.value
      const [evaluation] = (await ask(`${prompts}/${prompt.id}/evaluations`)).json.value
      const named = (text: string): string =>
        text
          .replace(/\bP\b/, prompt.id)
          .replace(/\bE\b/, evaluation.id)
          .replace(/\bS\b/, sessionPath.slice(-36))
      const target = named(path)
      for (const method of ['GET', 'GET', 'HEAD'] as const) {
        const calls = world.emulator.graph.calls
        const reply = await ask(target, { method })
        assert.equal(reply.status, 200)
        assert.equal(world.emulator.graph.calls, calls + 1)
        assert.equal(world.emulator.graph.requests.at(-1)?.target, target)
        assert.equal(world.emulator.graph.requests.at(-1)?.method, 'GET')
        assert.equal(reply.headers['cache-status'], 'session-gateway; fwd=bypass; fwd-status=200')
        assert.equal(reply.headers['cache-control'], 'no-store')
        assert.match(String(reply.headers['content-type']), /^application\/json/)
        for (const name of ['etag', 'age', 'x-ms-ags-diagnostic', 'strict-transport-security', 'vary']) {
          assert.equal(reply.headers[name], undefined)
        }
        if (method === 'HEAD') assert.equal(reply.body, '')
        else assert.equal(reply.body, await fromGraph(target))
        assert.partialDeepStrictEqual(await world.recordOf(reply.headers['request-id']), {
          operation,
          resources: resources.map((each) => `Security Copilot ${named(each)}`),
          rule: 'triage',
          status: 200,
          cache: 'uncached',
          serviceAccount: 'triage',
        })
      }
    })
  }

  /** What Graph says to the gateway's own last token. */
  async function fromGraph(target: string): Promise<string> {
    const rawHeaders = world.emulator.graph.requests.at(-1)?.rawHeaders ?? []
    const authorization = rawHeaders[rawHeaders.indexOf('authorization') + 1] ?? ''
    const { text } = await sendRaw(
      `GET ${target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\nConnection: close\r\n\r\n`,
      { port: Number(new URL(world.emulator.url).port), ca: world.ca },
    )
    const [answer] = readAnswers(text.replace(/^Transfer-Encoding/m, 'transfer-encoding'))
    return Buffer.from(answer?.body ?? '', 'latin1').toString('utf8')
  }

  test('a text that looks like a link is left as it is', async () => {
    const reply = await ask(prompts)
    assert.match(reply.body, /\\"@odata\.nextLink\\":\\"https:\/\/evil\.example\//)
  })

  const faults: readonly (readonly [what: string, Fault | readonly Fault[], status: number, code: string])[] =
    [
      ['an HTML page', { kind: 'html' }, 502, 'graphAnswerInvalid'],
      ['a redirect', { kind: 'redirect', location: 'https://evil.example/' }, 502, 'graphAnswerInvalid'],
      [
        'a 401, and again',
        Array.from({ length: 2 }, () => ({ kind: 'status', status: 401 }) as const),
        502,
        'graphRefused',
      ],
      ['a 403', { kind: 'status', status: 403 }, 502, 'graphRefused'],
      ['a 404', { kind: 'status', status: 404 }, 404, 'ResourceNotFound'],
      ['a 404 that is not Graph’s', { kind: 'html', status: 404 }, 502, 'graphAnswerInvalid'],
      ['a 410', { kind: 'status', status: 410 }, 410, 'ResourceNotFound'],
      ['a 400 to a question without a query', { kind: 'status', status: 400 }, 502, 'graphRefused'],
      ['a 304', { kind: 'body', status: 304, headers: {}, body: '' }, 502, 'graphAnswerInvalid'],
      ['two resets', Array.from({ length: 2 }, () => ({ kind: 'reset' }) as const), 502, 'graphFailed'],
      [
        'two 500s',
        Array.from({ length: 2 }, () => ({ kind: 'status', status: 500 }) as const),
        502,
        'graphFailed',
      ],
      [
        'two 101s',
        twice({ kind: 'body', status: 101, headers: { Upgrade: 'x', Connection: 'Upgrade' }, body: '' }),
        502,
        'graphFailed',
      ],
      [
        'UTF-16',
        {
          kind: 'body',
          status: 200,
          headers: { 'Content-Type': 'application/json; charset=utf-16' },
          body: '{}',
        },
        502,
        'graphAnswerInvalid',
      ],
      [
        'gzip',
        {
          kind: 'body',
          status: 200,
          headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' },
          body: '{}',
        },
        502,
        'graphAnswerInvalid',
      ],
      [
        '100 KB of headers',
        {
          kind: 'body',
          status: 200,
          headers: { 'Content-Type': 'application/json', ...bulky() },
          body: '{}',
        },
        502,
        'graphAnswerInvalid',
      ],
      [
        '1 MB of error',
        { kind: 'body', status: 500, headers: { 'Content-Type': 'application/json' }, body: 'x'.repeat(1e6) },
        502,
        'graphAnswerInvalid',
      ],
    ]
  for (const [what, fault, status, code] of faults) {
    test(`${what} is ${status} ${code} in Graph’s envelope, on record, and the next one is answered`, async () => {
      for (const each of Array.isArray(fault) ? fault : [fault]) world.emulator.fail('graph', each)
      const reply = await ask(sessions)
      assert.deepEqual(verdict(reply).slice(0, 2), [status, code])
      assert.equal(reply.json.error.innerError['request-id'], reply.headers['request-id'])
      const record = await world.recordOf(reply.headers['request-id'])
      assert.equal(record['status'], status)
      assert.equal(record['operation'], 'session.list')
      world.emulator.recover('graph')
      assert.equal((await ask(sessions)).status, 200)
    })
  }

  for (const [what, fault, calls] of [
    ['a reset', { kind: 'reset' }, 2],
    ['a 500', { kind: 'status', status: 500 }, 2],
    ['a 503', { kind: 'status', status: 503 }, 2],
    ['a 401', { kind: 'status', status: 401 }, 2],
    ['a 429 that asks for 0.1 s', { kind: 'status', status: 429, retryAfter: '0.1' }, 2],
  ] as const satisfies readonly (readonly [string, Fault, number])[]) {
    test(`${what} is tried once more, on a connection of its own`, async () => {
      // Each of the tests before may have cost the one new token in 30 s.
      await using other = await startWorld({ config: { access: reads } })
      assert.equal((await other.ask(sessions)).status, 200)
      other.emulator.fail('graph', fault)
      const asked = other.emulator.graph.calls
      assert.equal((await other.ask(sessions)).status, 200)
      assert.equal(other.emulator.graph.calls - asked, calls)
      const [first, second] = other.emulator.graph.requests
        .slice(-2)
        .map(({ rawHeaders }) => rawHeaders.at(-1))
      assert.deepEqual([first, second], ['keep-alive', 'close'])
    })
  }

  test('what Graph says of a filter is told, in its words and with our code', async () => {
    const reply = await ask(`${sessions}?$filter=owner%20eq%20'x'`)
    assert.deepEqual(verdict(reply).slice(0, 2), [400, 'graphRejectedQuery'])
    assert.match(reply.json.error.message, /^Microsoft Graph rejects this query: .*'owner'/)
    assert.equal(reply.headers['proxy-status'], undefined)
    const record = await world.recordOf(reply.headers['request-id'])
    assert.deepEqual([record['filtered'], record['refusal']], [true, 'graphRejectedQuery'])
    assert.ok(!JSON.stringify(world.trail).includes('owner%20eq'), 'the filter is on record')
  })

  test('only-if-cached is 504, and Graph is not asked', async () => {
    const calls = world.emulator.graph.calls
    const reply = await ask(sessions, { headers: { 'cache-control': 'only-if-cached' } })
    assert.deepEqual(verdict(reply).slice(0, 2), [504, 'notCached'])
    assert.equal(world.emulator.graph.calls, calls)
  })

  test('a truncated answer is no whole one, and a second record says so', async () => {
    world.emulator.fail('graph', { kind: 'truncate' })
    const recorded = world.records.length
    await assert.rejects(ask(sessions))
    await untilSo(() => world.records.length === recorded + 2)
    const [first, second] = world.records.slice(recorded)
    assert.equal(first?.['requestId'], second?.['requestId'])
    assert.partialDeepStrictEqual(first, { status: 200, cache: 'uncached' })
    assert.partialDeepStrictEqual(second, { status: 200, cut: true, refusal: 'graphAnswerInvalid' })
    assert.match(second?.['reason'], /^it broke off/)
    assert.match(
      (await world.manage('/metrics')).body,
      /^session_gateway_requests_total\{status="502",cache="uncached"\} [1-9]/m,
    )
    assert.equal((await ask(sessions)).status, 200)
  })

  test('over HTTP/1.0 it ends with its connection', async () => {
    const token = await world.workloadToken('triage')
    const { text, isClosed } = await sendRaw(
      `GET ${sessions} HTTP/1.0\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      wireTo(world),
    )
    assert.ok(isClosed)
    const [head = '', body = ''] = text.split('\r\n\r\n')
    assert.match(head, /^HTTP\/1\.1 200 /)
    assert.doesNotMatch(head, /transfer-encoding|content-length/i)
    assert.equal(JSON.parse(body).value.length, 2)
  })
})

function twice(fault: Fault): readonly Fault[] {
  return [fault, fault]
}

function bulky(): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x-${n}`, 'x'.repeat(1_000)]))
}

for (const [what, server, origin] of [
  ['the name by which it was called', {}, 'https://gateway.example:8443'],
  ['that name over http, where TLS is off', { tls: 'off' }, 'http://gateway.example:8443'],
  ['server.publicUrl', { publicUrl: 'https://sessions.example/' }, 'https://sessions.example'],
  [
    'server.publicUrl, where TLS ends in front',
    { tls: 'off', publicUrl: 'https://s.example' },
    'https://s.example',
  ],
] as const) {
  test(`a link leads to ${what}`, async () => {
    await using world = await startWorld({ config: { access: reads, server } })
    world.emulator.graph.pageSize = 1
    const reply = await world.ask(sessions, { headers: { host: 'gateway.example:8443' } })
    const link = new URL(reply.json['@odata.nextLink'])
    assert.equal(link.origin, origin)
    const next = await world.ask(link.pathname + link.search)
    assert.deepEqual([next.status, next.json.value.length], [200, 1])
  })
}

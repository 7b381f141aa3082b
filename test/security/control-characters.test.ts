import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { createLog } from '../../src/telemetry/index.ts'
import { base64url } from '../callers/forge.ts'
import { placeSession } from '../graph/answers.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { sessionPath } from '../world/world.ts'
import { goodHead, sharedWorld, until, untilClosed, withoutTls } from './wire.ts'

/** C0, C1, DEL, what turns the direction of writing, what cannot be seen, other ends of lines, half a character. */
const controls =
  '\r\n\0\u0007\u001b[31m\u007f\u0085\u009b31m\u200b\u202e\u2066\u2028\u2029\ufeff\u{e0001}\ud800'
const readable = /^[^\p{C}\p{Zl}\p{Zp}]*$/v

const unsigned = (claims: object): string =>
  `${base64url('{"alg":"RS256"}')}.${base64url(JSON.stringify(claims))}.AAAA`

describe('a line of the log', () => {
  function written(act: (log: ReturnType<typeof createLog>) => void): string {
    let text = ''
    act(createLog('trace', { write: (line) => void (text += line) }))
    return text
  }

  test('is one line that can be read, whatever is in it, and says the same again', () => {
    const anything = fc.oneof(fc.string({ unit: 'binary' }), fc.constant(controls), fc.constant('\ud800'))
    fc.assert(
      fc.property(anything, anything, (reason, msg) => {
        const line = written((log) => log.warn({ reason }, `x${msg}`))
        assert.ok(line.endsWith('\n'))
        assert.match(line.slice(0, -1), readable)
        const said = JSON.parse(line)
        assert.deepEqual([said.reason, said.msg], [reason, `x${msg}`])
      }),
      { numRuns: 2_000 },
    )
  })

  test('of an error is one, too, stack and all', () => {
    const line = written((log) => log.error({ err: new Error(controls) }, 'x'))
    assert.match(line.slice(0, -1), readable)
    assert.equal(JSON.parse(line).err.message, controls)
  })
})

describe('what is quoted of somebody else', () => {
  const clock = createFakeClock()
  const world = sharedWorld({ clock })

  /** The trail is ASCII, one event a line; and it says the reason, where there is one. */
  function assertPlainTrail(): void {
    for (const line of world().trail) {
      assert.match(line, /^[ -~]+$/)
      JSON.parse(line)
    }
  }

  test('from a token that nobody has signed stands in one line of the trail, and in no answer', async () => {
    for (const claims of [
      { iss: controls },
      { iss: `x${'\n'.repeat(300)}` },
      { iss: '\u{1f6e1}'.repeat(900) },
    ]) {
      const reply = await world().ask(sessionPath, { token: unsigned(claims) })
      assert.equal(reply.status, 401)
      assert.match(reply.body, /^[ -~\u2019]+$/)
      const record = await world().recordOf(reply.headers['request-id'])
      assert.match(record['reason'], /no issuer is configured for iss "/)
      assertPlainTrail()
    }
  })

  test('from Graph stands in one line, and in no answer', async () => {
    const { emulator } = world()
    for (const [status, code] of [
      [403, 'graphRefused'],
      [400, 'graphRefused'],
      [404, 'itemNotFound'],
    ] as const) {
      emulator.fail('graph', { kind: 'status', status, code: `C${controls}`, message: `M${controls}` })
      const reply = await world().ask(placeSession(world()).path)
      assert.equal(reply.json.error.code, code)
      assert.match(reply.body, /^[ -~\u2019]+$/)
      for (const value of Object.values(reply.headers)) assert.match(String(value), /^[ -~]*$/)
      await world().recordOf(reply.headers['request-id'])
      assertPlainTrail()
    }
  })

  test('from the head of Graph’s answer goes no further than it may', async () => {
    const { id, path } = placeSession(world())
    const headers = {
      'Content-Type': 'application/json; x="\u00e9\u009b"',
      'OData-Version': '4.0\u0085',
      ETag: '"\u009b"',
      'request-id': 'a\u009bb',
      'client-request-id': 'of-graph',
      'Set-Cookie': 'a=b',
      'Cache-Control': 'public, max-age=99999',
      Location: 'https://evil.example/',
      'X-Evil': 'yes',
    }
    world().emulator.fail('graph', { kind: 'body', status: 200, headers, body: JSON.stringify({ id }) })
    const reply = await world().ask(path)
    assert.equal(reply.status, 200)
    assert.deepEqual(Object.keys(reply.headers).toSorted(), [
      'cache-control',
      'cache-status',
      'connection',
      'content-length',
      'date',
      'etag',
      'keep-alive',
      'request-id',
      'x-content-type-options',
    ])
    assert.equal(world().records.at(-1)?.['graphRequestId'], undefined)
    assertPlainTrail()
  })

  test('from Entra stands in one line of the log', async () => {
    const { emulator } = world()
    const message = `AADSTS7000215: ${controls}`
    emulator.fail('token', { kind: 'status', status: 401, code: `e${controls}`, message }, Infinity)
    const since = world().logs.length
    const failed = (): boolean =>
      world()
        .logs.slice(since)
        .some(({ msg }) => String(msg).includes('no new app-only token'))
    clock.advance(60 * 60_000)
    await until('an exchange that fails', async () => {
      await world().manage('/livez')
      return failed()
    })
    const reply = await world().ask(placeSession(world()).path)
    assert.equal(reply.status, 503)
    assert.match(reply.body, /^[ -~\u2019]+$/)
    assertPlainTrail()
  })

  test('of a request’s line comes back in no answer, readable or not', async () => {
    for (const target of [
      `${sessionPath}CANARY`,
      `${sessionPath}?CANARY=%0d%0aX:%20y`,
      `${sessionPath}?$select=CANARY%1b`,
      '/CANARY%0d%0aX:%20y',
      '/CANARY\x80',
      `${sessionPath}?$select=id%0d%0aCANARY`,
    ]) {
      const found = await untilClosed(world(), `${await goodHead(world(), target)}Connection: close\r\n\r\n`)
      assert.equal(found.length, 1, target)
      assert.ok([400, 404].includes(found[0]?.status ?? 0))
      assert.doesNotMatch(JSON.stringify(found), /CANARY/)
    }
  })
})

describe('client-request-id', () => {
  const world = sharedWorld(withoutTls)
  /** Raw, since no client would send most of these. */
  async function echoOf(value: string): Promise<{ echo: string | undefined; recorded: unknown }> {
    const head = await goodHead(world())
    const found = await untilClosed(
      world(),
      `${head}client-request-id: ${value}\r\nConnection: close\r\n\r\n`,
    )
    assert.equal(found.length, 1)
    assert.equal(found[0]?.status, 200)
    return {
      echo: found[0]?.headers['client-request-id'],
      recorded: world().records.at(-1)?.['clientRequestId'],
    }
  }

  test('a tame one of up to 64 characters is repeated and recorded', async () => {
    for (const value of ['3f2504e0-4f89-11d3-9a0c-0305e82c3301', 'a', 'A.b_c-9', 'x'.repeat(64)]) {
      assert.deepEqual(await echoOf(value), { echo: value, recorded: value })
    }
  })

  test('a long, empty or odd one is treated as absent', async () => {
    const odd = [
      'x'.repeat(65),
      '',
      'a b',
      'a,b',
      'a"b',
      '<b>',
      'a%0d%0aX: y',
      'a\tb',
      'caf\xe9',
      'a;b',
      '{}',
      "'--",
      'a\x80',
    ]
    for (const value of odd)
      assert.deepEqual(await echoOf(value), { echo: undefined, recorded: undefined }, value)
  })

  test('one that is sent twice is treated as absent', async () => {
    assert.deepEqual(await echoOf('a\r\nclient-request-id: b'), { echo: undefined, recorded: undefined })
  })

  test('no value puts a header or a second answer into the answer', async () => {
    const head = await goodHead(world())
    const bytes = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 100 })
    await fc.assert(
      fc.asyncProperty(bytes, async (value) => {
        const found = await untilClosed(
          world(),
          `${head}client-request-id: ${value.replaceAll(/[\r\n]/g, '')}\r\nConnection: close\r\n\r\n`,
        )
        assert.equal(found.length, 1)
        const { status, headers } = found[0] ?? {}
        assert.ok(status === 200 || status === 400)
        const echo = headers?.['client-request-id']
        assert.ok(echo === undefined || (echo === value.trim() && /^[A-Za-z0-9._-]{1,64}$/.test(echo)))
      }),
      { numRuns: 150 },
    )
  })
})

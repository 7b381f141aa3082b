import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { answers, sendRaw } from '../world/raw.ts'
import { sessionId, sessionPath } from '../world/world.ts'
import { type CapturedWorld, sharedCapturedWorld } from './captured-graph.ts'
import { disguises } from './disguises.ts'
import {
  assertRefusal,
  goodHead,
  readAnswers,
  sharedWorld,
  untilClosed,
  upstreamCalls,
  wireTo,
  withoutTls,
} from './wire.ts'

/** Of a session that nobody has asked for: whoever is let through must ask Graph. */
const newPath = (): string => sessionPath.replace(sessionId, randomUUID())

/** Whatever was sent before it, on the connection to Graph that others share: the next question arrives as it is. */
async function assertNextUntouched({ world, taken, question }: CapturedWorld): Promise<void> {
  const path = newPath()
  const reply = await world.ask(path)
  assert.deepEqual([reply.status, reply.json.id], [200, path.slice(-36)])
  assert.equal(await taken(), question(path))
}

for (const [tls, options] of [
  ['over TLS', {}],
  ['without TLS', withoutTls],
] as const) {
  describe(`${tls}, what could be read in two ways is 400 and closes, and nothing of it or behind it reaches Graph:`, () => {
    const captured = sharedCapturedWorld(options)
    for (const [name, lines, body, method = 'GET'] of disguises) {
      test(name, async () => {
        const { world, taken } = captured()
        const records = world.records.length
        const hidden = `${await goodHead(world, newPath())}\r\n`
        const head = await goodHead(world, newPath(), method)
        const found = await untilClosed(world, `${head}${lines}\r\n${body(hidden)}`)
        assert.equal(found.length, 1)
        assertRefusal(found[0], 400, 'invalidRequest')
        assert.equal(found[0]?.headers['connection'], 'close')
        assert.equal(await taken(), '')
        assert.ok(world.records.length <= records + 1, 'the hidden request has a record')
        await assertNextUntouched(captured())
      })
    }

    test('and all those who came behind them shared one connection to Graph', () => {
      assert.equal(captured().connections, 1)
    })
  })
}

/** Requests that the parser lets through, or refuses: how they are answered, and whether Graph is asked. */
type Edge = readonly [
  what: string,
  /** @param lines Host and Authorization */
  bytes: (path: string, lines: string) => string,
  status: number,
  isAsked?: 'asked',
]

const get = (target: string, lines: string): string => `GET ${target} HTTP/1.1\r\n${lines}\r\n`
const edges: readonly Edge[] = [
  // Refused by the parser.
  ['a space in the target', (path, lines) => get(`${path} x`, lines), 400],
  ['a NUL in the target', (path, lines) => get(`${path}\0`, lines), 400],
  ['0x80 in the target', (path, lines) => get(`${path}\x80`, lines), 400],
  ['a method in lower case', (path, lines) => get(path, lines).replace('GET', 'get'), 400],
  ['HTTP in lower case', (path, lines) => get(path, lines).replace('HTTP/', 'http/'), 400],
  ['a tab behind the method', (path, lines) => get(path, lines).replace(' ', '\t'), 400],
  ['a space behind the version', (path, lines) => get(path, lines).replace('1.1', '1.1 '), 400],
  ['bare LFs all over', (path, lines) => get(path, lines).replaceAll('\r\n', '\n'), 400],
  ['17 KiB of headers', (path, lines) => get(path, `${lines}X: ${'x'.repeat(17_000)}\r\n`), 431],
  ['no Host', (path, lines) => get(path, lines.replace(/^Host.*\r\n/, '')), 400],
  ['an unknown expectation', (path, lines) => get(path, `${lines}Expect: x\r\n`), 417],
  // Let through by the parser, and refused by us.
  ['an empty Host', (path, lines) => get(path, lines.replace(/^Host.*\r\n/, 'Host:\r\n')), 400],
  ['HTTP/0.9', (path) => `GET ${path}\r\n\r\n`, 400],
  ['HTTP/0.9 with headers', (path, lines) => get(path, lines).replace('1.1', '0.9'), 400],
  [
    'HTTP/1.0 without a Host',
    (path, lines) => get(path, lines.replace(/^Host.*\r\n/, '')).replace('1.1', '1.0'),
    400,
  ],
  ['HTTP/2.0', (path, lines) => get(path, lines).replace('1.1', '2.0'), 400],
  ['the absolute form', (path, lines) => get(`https://gateway.example${path}`, lines), 400],
  ['an asterisk', (_path, lines) => get('*', lines), 400],
  ['a fragment', (path, lines) => get(`${path}#x`, lines), 400],
  ['a backslash', (path, lines) => get(path.replace('/sessions/', '\\sessions\\'), lines), 400],
  ['dot segments', (path, lines) => get(path.replace('/default/', '/x/../default/'), lines), 400],
  ['a host in the path', (path, lines) => get(`//evil.example${path}`, lines), 400],
  ['QUERY', (path, lines) => get(path, lines).replace('GET', 'QUERY'), 405],
  ['CONNECT', (_path, lines) => `CONNECT graph:443 HTTP/1.1\r\n${lines}\r\n`, 405],
  // Let through: it has one meaning only.
  ['two spaces behind the method', (path, lines) => get(path, lines).replace(' ', '  '), 200, 'asked'],
  [
    'two spaces before the version',
    (path, lines) => get(path, lines).replace(' HTTP', '  HTTP'),
    200,
    'asked',
  ],
  ['empty lines before the request', (path, lines) => `\r\n\r\n${get(path, lines)}`, 200, 'asked'],
  [
    'another protocol’s name',
    (path, lines) => get(path, lines).replace('HTTP/1.1', 'RTSP/1.0'),
    200,
    'asked',
  ],
  ['0x80 in a header', (path, lines) => get(path, `${lines}X: \x80\xff\r\n`), 200, 'asked'],
  ['an empty query', (path, lines) => get(`${path}?`, lines), 200, 'asked'],
  [
    'an offer of h2c',
    (path, lines) =>
      get(
        path,
        `${lines}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n`,
      ),
    200,
    'asked',
  ],
  ['an expected 100-continue', (path, lines) => get(path, `${lines}Expect: 100-continue\r\n`), 200, 'asked'],
  [
    'two expectations',
    (path, lines) => get(path, `${lines}Expect: 100-continue\r\nExpect: x\r\n`),
    200,
    'asked',
  ],
  ['a length with an underscore', (path, lines) => get(path, `${lines}Content_Length: 5\r\n`), 200, 'asked'],
  ['a length of 0', (path, lines) => get(path, `${lines}Content-Length: 0\r\n`), 200, 'asked'],
]

describe('of what stands at the edge of HTTP, Graph receives its own fixed bytes or none:', () => {
  const captured = sharedCapturedWorld(withoutTls)
  for (const [what, bytes, status, isAsked] of edges) {
    test(`${what} is ${status}`, async () => {
      const { world, taken, question } = captured()
      const path = newPath()
      const [, lines = ''] = /^[^\r]*\r\n([^]*)$/.exec(await goodHead(world)) ?? []
      const { text } = await sendRaw(bytes(path, lines), { ...wireTo(world), until: answers(1) })
      const [answer] = readAnswers(text)
      assert.equal(answer?.status, status)
      if (status !== 200) assertRefusal(answer, status)
      assert.equal(await taken(), isAsked === undefined ? '' : question(path))
      await assertNextUntouched(captured())
    })
  }

  test('and all of them shared one connection to Graph', () => {
    assert.equal(captured().connections, 1)
  })

  test('a second answer behind Graph’s own, in the same bytes, is nobody’s', async () => {
    const { world } = captured()
    const evil = '{"displayName":"of another"}'
    captured().sendBehind(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${evil.length}\r\n\r\n${evil}`,
    )
    for (let turn = 0; turn < 5; turn += 1) {
      const paths = Array.from({ length: 10 }, newPath)
      const replies = await Promise.all(paths.map((path) => world.ask(path)))
      for (const [at, { status, json }] of replies.entries()) {
        assert.deepEqual([status, json], [200, { id: paths[at]?.slice(-36) }])
      }
    }
  })
})

describe('a request in pieces', () => {
  const world = sharedWorld(withoutTls)

  test('a body that comes later than its head is not waited for', async () => {
    const head = await goodHead(world())
    const [answer] = await untilClosed(world(), `${head}Content-Length: 5\r\n\r\n`)
    assertRefusal(answer, 400)
  })

  test('bytes that come while the refusal is under way are not read either', async () => {
    const hidden = `${await goodHead(world(), `${sessionPath}?$select=lastModifiedDateTime`)}\r\n`
    const parts = [
      `${await goodHead(world())}Transfer-Encoding: chunked\r\n\r\n`,
      '0\r\n\r\n',
      hidden,
      hidden,
    ]
    const calls = await upstreamCalls(world(), async () => {
      const found = await untilClosed(world(), parts)
      assert.equal(found.length, 1)
      assertRefusal(found[0], 400)
    })
    assert.equal(calls, 0)
  })

  test('nothing is read behind a request that asked for the connection to close', async () => {
    const head = await goodHead(world())
    const hidden = `${await goodHead(world(), `${sessionPath}?$select=lastModifiedDateTime`)}\r\n`
    await world().ask()
    const calls = await upstreamCalls(world(), async () => {
      const found = await untilClosed(world(), `${head}Connection: close\r\n\r\n${hidden}`)
      assert.deepEqual(
        found.map(({ status }) => status),
        [200],
      )
    })
    assert.equal(calls, 0)
  })

  test('a Content-Length of 0 is no body', async () => {
    const head = await goodHead(world())
    const [answer] = await untilClosed(world(), `${head}Content-Length: 0\r\nConnection: close\r\n\r\n`)
    assert.equal(answer?.status, 200)
  })
})

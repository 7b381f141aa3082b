import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { answers, sendRaw } from '../world/raw.ts'
import { workspacePath } from '../world/world.ts'
import { sharedCapturedWorld } from './captured-graph.ts'
import { hostile } from './hostile-headers.ts'
import { askDressed, assertInert, newPath } from './inert.ts'
import { goodHead, readAnswers, wireTo, withoutTls } from './wire.ts'

describe('Graph receives the fixed request and nothing of the caller’s, and the next caller what Graph sent to that:', () => {
  const captured = sharedCapturedWorld(withoutTls)

  test('these are the bytes, all of them', async () => {
    const { world, taken, question } = captured()
    const path = newPath()
    const reply = await world.ask(`${path}?select=ID`, { method: 'HEAD', headers: hostile })
    assert.equal(reply.status, 200)
    assert.equal(await taken(), question(`${path}?$select=id`))
  })

  test('forty-five headers of every kind change none of it', async () => {
    const lines = Object.entries(hostile).map(([name, value]) => `${name}: ${value}\r\n`)
    await assertInert(captured(), lines.join(''))
  })

  test('nor do headers of any name and value', async () => {
    // Framing, identity and conditions are the request's own business; the rest must be inert.
    const meant =
      /^(host|content-length|transfer-encoding|expect|authorization|if-none-match|client-request-id|cache-control)$/i
    const name = fc.oneof(
      fc.constantFrom(
        ...Object.keys(hostile),
        'connection',
        'upgrade',
        'keep-alive',
        'te',
        'trailer',
        '__proto__',
      ),
      fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,30}$/),
    )
    const value = fc.string({
      unit: fc.constantFrom('\t', ...bytesFrom(0x20, 0x7e), ...bytesFrom(0x80, 0xff)),
    })
    const lines = fc.array(
      fc.tuple(
        name.filter((each) => !meant.test(each)),
        value,
      ),
      { maxLength: 12 },
    )
    await fc.assert(
      fc.asyncProperty(lines, (headers) =>
        assertInert(captured(), headers.map(([each, said]) => `${each}: ${said}\r\n`).join('')),
      ),
      { numRuns: 100 },
    )
  })

  test('a query is refused, or is $select in its one form, whatever else stands in it', async () => {
    const { world, taken, question } = captured()
    const part = fc.constantFrom(
      ...'$select select %24select SELECT $SELECT selec\u0301t $filter $expand utm_source cb _ __proto__ constructor = == & && ; , + %20 %00 %26 %3d %23'.split(
        ' ',
      ),
      ...'id displayName DISPLAYNAME createdDateTime * [] () . / ? $ % 1'.split(' '),
    )
    const queries = fc.oneof(
      fc.array(part, { maxLength: 8 }).map((parts) => encodeURI(parts.join('')).replaceAll('%25', '%')),
      fc.stringMatching(/^[A-Za-z$%&=,.'()-]{1,30}$/),
      fc
        .tuple(
          fc.constantFrom('$select', 'select', '%24SELECT'),
          fc.subarray(['id', 'displayName', 'ID'], { minLength: 1 }),
        )
        .map(([option, names]) => `${option}=${names.join(',')}`),
    )
    let understood = 0
    await fc.assert(
      fc.asyncProperty(queries, async (query) => {
        const path = newPath()
        const { status, body } = await askDressed(captured(), `${path}?${query}`, '')
        const sent = await taken()
        if (status !== 200) return assert.deepEqual([status, sent], [400, ''])
        const [, target = ''] = /^GET (\S+) HTTP/.exec(sent) ?? []
        assert.match(target.slice(path.length), /^(\?\$select=[A-Za-z]+(,[A-Za-z]+)*)?$/)
        assert.equal(sent, question(target))
        // Its one form finds what it has left.
        assert.equal((await world.ask(target)).body, body)
        assert.equal(await taken(), '')
        understood += 1
      }),
      { numRuns: 200 },
    )
    assert.ok(understood > 20, `only ${understood} were understood: the generator proves nothing`)
  })

  test('the path has its one form, too, and GUIDs are in lower case', async () => {
    const { world, taken, question } = captured()
    const path = newPath()
    const id = path.slice(-36)
    const spelt = workspacePath.toUpperCase().replace('DEFAULT', 'default')
    await world.ask(`${spelt}/sessions('${id.toUpperCase()}')?SELECT=displayName,ID,id`)
    assert.equal(await taken(), question(`${workspacePath}/sessions/${id}?$select=displayName,id`))
  })
})

describe('a request that fails leaves no failure behind for the next caller:', () => {
  const captured = sharedCapturedWorld(withoutTls)

  for (const [what, change, status] of [
    ['headers that are too large', (head) => `${head}X: ${'x'.repeat(20_000)}\r\n`, 431],
    ['a control character in a header', (head) => `${head}X: a\x07b\r\n`, 400],
    ['another method', (head) => head.replace('GET', 'POST'), 405],
    ['a body', (head) => `${head}Content-Length: 1\r\n`, 400],
    ['an expectation', (head) => `${head}Expect: x\r\n`, 417],
    ['a second Host', (head) => `${head}Host: evil.example\r\n`, 400],
    ['no token', (head) => head.replace(/Authorization.*\r\n/, ''), 401],
    ['a port that leads nowhere', (head) => head.replace('gateway.example', 'gateway.example:1'), 200],
    ['only-if-cached', (head) => `${head}Cache-Control: only-if-cached\r\n`, 504],
  ] as const satisfies readonly (readonly [string, (head: string) => string, number])[]) {
    test(`${what} is ${status}`, async () => {
      const { world, taken, question } = captured()
      const path = newPath()
      const { text } = await sendRaw(`${change(await goodHead(world, path))}\r\n`, {
        ...wireTo(world),
        until: answers(1),
      })
      assert.equal(readAnswers(text)[0]?.status, status)
      const reply = await world.ask(path)
      assert.deepEqual([reply.status, reply.json], [200, { id: path.slice(-36) }])
      assert.equal(await taken(), question(path))
    })
  }
})

function bytesFrom(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, at) => String.fromCharCode(first + at))
}

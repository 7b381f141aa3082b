import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sendRaw } from '../world/raw.ts'
import { sessionPath } from '../world/world.ts'
import { etagMatches } from '../../src/http/conditional.ts'
import { goodHead, sharedWorld, wireTo } from '../security/wire.ts'

const ours = '"abcdefghijklmnopqrstuvwxyz_"'

const fields: readonly (readonly [field: string, matches: boolean])[] = [
  [ours, true],
  [`W/${ours}`, true],
  ['*', true],
  [' * ', true],
  [`"x", ${ours}`, true],
  [`"x",${ours},"y"`, true],
  [`W/"x", W/${ours}`, true],
  [`"", ${ours}`, true],
  [`"a,b", ${ours}`, true],
  ['"x"', false],
  ['"*"', false],
  ['W/"x", "y"', false],
  [ours.toUpperCase(), false],
  [ours.slice(1, -1), false],
  [ours.slice(0, -1), false],
  [ours.slice(1), false],
  [`'${ours.slice(1, -1)}'`, false],
  [`"${ours.slice(1, -1)} "`, false],
  ['""', false],
  ['', false],
  [',,,', false],
  ['"', false],
  ['garbage', false],
  ['{"a":1}', false],
  ['"'.repeat(8_001), false],
]

for (const [field, matches] of fields) {
  test(`If-None-Match: ${field.slice(0, 60)} ${matches ? 'names' : 'does not name'} our entity tag`, () => {
    assert.equal(etagMatches(field, ours), matches)
  })
}

test('without If-None-Match nothing matches', () => {
  assert.equal(etagMatches(undefined, ours), false)
})

describe('an entity tag', () => {
  const world = sharedWorld()

  test('is strong, and the same for the same bytes, on every replica and after every refresh', async () => {
    const replies = [
      await world().ask(),
      await world().ask(),
      await world().ask(sessionPath, { method: 'HEAD' }),
    ]
    const tags = new Set(replies.map(({ headers }) => headers['etag']))
    assert.equal(tags.size, 1)
    assert.match(String([...tags][0]), /^"[A-Za-z0-9_-]{27}"$/)
    const [byAnother] =
      (await import('node:crypto')).hash('sha256', replies[0]?.body ?? '', 'base64url').match(/^.{27}/) ?? []
    assert.equal([...tags][0], `"${byAnother}"`)
  })

  test('differs where the bytes differ', async () => {
    const whole = await world().ask()
    const part = await world().ask(`${sessionPath}?$select=id`)
    assert.notEqual(whole.headers['etag'], part.headers['etag'])
  })

  test('that the caller names makes it 304: no body, no length, and what a cache must be told', async () => {
    const fresh = await world().ask()
    const etag = String(fresh.headers['etag'])
    for (const field of [etag, `W/${etag}`, '*', `"other", ${etag}`, `"other"\r\nIf-None-Match: ${etag}`]) {
      const { text, isClosed } = await sendRaw(
        `${await goodHead(world())}If-None-Match: ${field}\r\nclient-request-id: mine\r\nConnection: close\r\n\r\n`,
        wireTo(world()),
      )
      assert.ok(isClosed)
      const [head = '', behind] = text.split('\r\n\r\n')
      assert.equal(behind, '')
      const [start, ...lines] = head.split('\r\n')
      assert.equal(start, 'HTTP/1.1 304 Not Modified')
      const headers = Object.fromEntries(
        lines.map((line) => line.split(': ', 2)).map(([name = '', value]) => [name.toLowerCase(), value]),
      )
      assert.deepEqual(Object.keys(headers).toSorted(), [
        'age',
        'cache-control',
        'cache-status',
        'client-request-id',
        'connection',
        'date',
        'etag',
        'request-id',
        'x-content-type-options',
      ])
      assert.equal(headers['etag'], etag)
      assert.equal(headers['cache-control'], 'private, no-cache')
      assert.equal(headers['client-request-id'], 'mine')
    }
  })

  test('that the caller does not name makes it 200', async () => {
    for (const field of ['"other"', 'garbage', 'W/"x"']) {
      const reply = await world().ask(sessionPath, { headers: { 'if-none-match': field } })
      assert.equal(reply.status, 200)
      assert.notEqual(reply.body, '')
    }
  })

  test('turns a miss into 304, too, and the entry is stored', async () => {
    const path = `${sessionPath}?$select=displayName`
    const reply = await world().ask(path, { headers: { 'if-none-match': '*' } })
    assert.equal(reply.status, 304)
    assert.equal(reply.headers['cache-status'], 'session-gateway; fwd=uri-miss; fwd-status=200; stored')
    assert.match(String((await world().ask(path)).headers['cache-status']), /; hit;/)
  })

  test('is not given to a 404, and does not turn it into 304', async () => {
    const path = sessionPath.replace('ecdf', 'ecd0')
    const reply = await world().ask(path, { headers: { 'if-none-match': '*' } })
    assert.deepEqual([reply.status, reply.headers['etag']], [404, undefined])
  })
})

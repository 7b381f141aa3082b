import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answers, sendRaw } from '../world/raw.ts'
import { sessionPath } from '../world/world.ts'
import {
  assertPlainHeaders,
  assertRefusal,
  goodHead,
  readAnswers,
  sharedWorld,
  untilClosed,
  upstreamCalls,
  type WireAnswer,
  wireTo,
  withoutTls,
} from './wire.ts'

describe('methods', () => {
  const world = sharedWorld()

  for (const method of [
    'OPTIONS',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'TRACE',
    'QUERY',
    'PROPFIND',
    'SEARCH',
    'PURGE',
  ]) {
    for (const target of [sessionPath, '*', '/elsewhere']) {
      test(`${method} ${target} is 405 and says what is allowed`, async () => {
        const calls = await upstreamCalls(world(), async () => {
          const head = await goodHead(world(), target, method)
          const { text } = await sendRaw(`${head}\r\n`, { ...wireTo(world()), until: answers(1) })
          assertRefusal(readAnswers(text)[0], 405, 'notAllowed')
        })
        assert.equal(calls, 0)
      })
    }
  }

  test('a method in lower case, and one that nobody knows, is 400', async () => {
    for (const method of ['get', 'FETCH', 'G\0T', 'GET\x80']) {
      const [answer] = await untilClosed(world(), `${await goodHead(world(), sessionPath, method)}\r\n`)
      assertRefusal(answer, 400, 'invalidRequest')
    }
  })

  test('an override header overrides nothing', async () => {
    const reply = await world().ask(sessionPath, {
      headers: { 'x-http-method-override': 'DELETE', 'x-http-method': 'PATCH', 'x-method-override': 'POST' },
    })
    assert.equal(reply.status, 200)
    assert.ok(world().emulator.graph.requests.every(({ method }) => method === 'GET'))
  })
})

describe('size', () => {
  const world = sharedWorld()

  for (const [what, lines] of [
    ['one header of 17 KiB', `X: ${'x'.repeat(17 * 1024)}\r\n`],
    ['a token of 64 KiB', `Authorization: Bearer ${'x'.repeat(64 * 1024)}\r\n`],
    ['headers of 17 KiB in all', 'X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n'.repeat(560)],
    ['twenty thousand headers', 'a:\r\n'.repeat(20_000)],
  ] as const) {
    test(`${what} is 431, and nobody is asked`, async () => {
      const calls = await upstreamCalls(world(), async () => {
        const found = await untilClosed(world(), `GET ${sessionPath} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`)
        assert.equal(found.length, 1)
        assertRefusal(found[0], 431, 'invalidRequest')
      })
      assert.equal(calls, 0)
    })
  }

  test('15 KiB of headers are taken', async () => {
    const head = await goodHead(world())
    const request = `${head}X: ${'x'.repeat(14 * 1024)}\r\nConnection: close\r\n\r\n`
    assert.equal((await untilClosed(world(), request))[0]?.status, 200)
  })
})

describe('Expect', () => {
  for (const [tls, options] of [
    ['over TLS', {}],
    ['without TLS', withoutTls],
  ] as const) {
    const world = sharedWorld(options)
    const send = async (lines: string, count: number): Promise<WireAnswer[]> => {
      const next = `${await goodHead(world(), `${sessionPath}?$select=id`)}Connection: close\r\n\r\n`
      const found = await untilClosed(world(), [`${await goodHead(world())}${lines}`, next])
      assert.equal(found.length, count)
      return found
    }

    test(`100-continue without a body is answered, with no 100 before it, and closes (${tls})`, async () => {
      await world().ask()
      let answer: WireAnswer | undefined
      const calls = await upstreamCalls(world(), async () => {
        ;[answer] = await send('Expect: 100-continue\r\n\r\n', 1)
      })
      assert.equal(calls, 0, 'what came behind it was read')
      assert.ok(answer !== undefined)
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['connection'], 'close')
      assertPlainHeaders(answer.headers)
    })

    test(`100-continue with a body is 400: the body is never asked for (${tls})`, async () => {
      const [answer] = await send('Expect: 100-continue\r\nContent-Length: 5\r\n\r\n', 1)
      assertRefusal(answer, 400, 'invalidRequest')
    })

    test(`anything else expected is 417, and the connection goes on (${tls})`, async () => {
      const [refusal, next] = await send('Expect: 200-ok\r\n\r\n', 2)
      assertRefusal(refusal, 417, 'expectationFailed')
      assert.equal(next?.status, 200)
    })

    test(`anything else expected with a body is 400 and closes (${tls})`, async () => {
      const [answer] = await send('Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello', 1)
      assertRefusal(answer, 400, 'invalidRequest')
    })
  }
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { sessionPath } from '../world/world.ts'
import { goodHead, sharedWorld, untilClosed, withoutTls } from './wire.ts'

describe('where no proxy is trusted, the record says the socket’s address, whatever is said of another:', () => {
  const world = sharedWorld({ ...withoutTls, clock: createFakeClock() })

  for (const lines of [
    'X-Forwarded-For: 203.0.113.7',
    'X-Forwarded-For: 203.0.113.7, 198.51.100.1\r\nX-Forwarded-For: 127.0.0.2',
    'X-Forwarded-For: [2001:db8::1]:4711',
    'X-Forwarded-For: unknown, , "a", ::ffff:203.0.113.7%eth0',
    'X_Forwarded_For: 203.0.113.7',
    'Forwarded: for=203.0.113.7;by=198.51.100.1;host=evil.example;proto=https',
    'Forwarded: for="[2001:db8::1]:4711", for=unknown, for=_hidden',
    'X-Real-IP: 203.0.113.7',
    'X-Client-IP: 203.0.113.7\r\nClient-IP: 203.0.113.7\r\nX-Cluster-Client-IP: 203.0.113.7',
    'True-Client-IP: 203.0.113.7\r\nCF-Connecting-IP: 203.0.113.7\r\nFastly-Client-IP: 203.0.113.7',
    'X-Azure-ClientIP: 203.0.113.7\r\nX-Azure-SocketIP: 203.0.113.7\r\nX-Envoy-External-Address: 203.0.113.7',
    'X-Original-Forwarded-For: 203.0.113.7\r\nX-Originating-IP: 203.0.113.7\r\nX-Remote-Addr: 203.0.113.7',
    'PROXY: TCP4 203.0.113.7 198.51.100.1 1 2',
  ]) {
    test(lines.replaceAll('\r\n', ' + ').slice(0, 80), async () => {
      const permitted = await goodHead(world())
      const unknown = `GET ${sessionPath} HTTP/1.1\r\nHost: a\r\n`
      for (const [head, status] of [
        [permitted, 200],
        [unknown, 401],
      ] as const) {
        const [answer] = await untilClosed(world(), `${head}${lines}\r\nConnection: close\r\n\r\n`)
        assert.equal(answer?.status, status)
        const record = await world().recordOf(answer.headers['request-id'])
        assert.equal(record['peer'], '127.0.0.1')
      }
      assert.doesNotMatch(JSON.stringify([world().logs, world().trail]), /203\.0\.113\.7|2001:db8|198\.51/)
    })
  }

  test('a PROXY protocol header is not HTTP, and closes', async () => {
    const head = await goodHead(world())
    for (const before of ['PROXY TCP4 203.0.113.7 198.51.100.1 1 2\r\n', '\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c']) {
      const found = await untilClosed(world(), `${before}${head}Connection: close\r\n\r\n`)
      assert.deepEqual(
        found.map(({ status }) => status),
        [400],
      )
    }
  })
})

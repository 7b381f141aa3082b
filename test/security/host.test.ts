import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sessionPath } from '../world/world.ts'
import { assertRefusal, goodHead, sharedWorld, untilClosed, upstreamCalls, withoutTls } from './wire.ts'

describe('Host', () => {
  const world = sharedWorld(withoutTls)
  const bearer = async (): Promise<string> =>
    `Authorization: Bearer ${await world().workloadToken('triage')}\r\n`

  const hosts: readonly (readonly [what: string, lines: string])[] = [
    ['missing', ''],
    ['empty', 'Host:\r\n'],
    ['blank', 'Host:   \r\n'],
    ['a list', 'Host: a, b\r\n'],
    ['with a user', 'Host: user@gateway\r\n'],
    ['with a path', 'Host: gateway/evil\r\n'],
    ['with a space', 'Host: gate way\r\n'],
    ['with a query', 'Host: gateway?x\r\n'],
    ['with a percent sign', 'Host: gate%77ay\r\n'],
    ['in another script', 'Host: g\xe4teway\r\n'],
    ['with markup', 'Host: <script>\r\n'],
    ['under another name only', 'X-Forwarded-Host: gateway\r\n'],
  ]
  for (const version of ['1.1', '1.0']) {
    for (const [what, lines] of hosts) {
      test(`${what} is 400 in HTTP/${version}, and nobody is asked`, async () => {
        const request = `GET ${sessionPath} HTTP/${version}\r\n${lines}${await bearer()}\r\n`
        const calls = await upstreamCalls(world(), async () => {
          const found = await untilClosed(world(), request)
          assert.equal(found.length, 1)
          assertRefusal(found[0], 400, 'invalidRequest')
        })
        assert.equal(calls, 0)
      })
    }
  }

  for (const host of ['gateway', 'gateway:8443', '127.0.0.1', '[::1]:8443', 'under_score.example']) {
    test(`${host} is a host, and changes neither answer nor entry`, async () => {
      const usual = await world().ask()
      const calls = await upstreamCalls(world(), async () => {
        const request = `GET ${sessionPath} HTTP/1.1\r\nhOST: ${host}\r\n${await bearer()}Connection: close\r\n\r\n`
        const [answer] = await untilClosed(world(), request)
        assert.equal(answer?.status, 200)
        assert.equal(answer.headers['etag'], usual.headers['etag'])
      })
      assert.equal(calls, 0)
    })
  }
})

describe('a target that names a host of its own', () => {
  const world = sharedWorld(withoutTls)

  for (const [what, target] of [
    ['the same as Host', 'http://gateway.example'],
    ['the same, over https', 'https://gateway.example'],
    ['another', 'https://evil.example'],
    ['Graph’s', 'https://graph.microsoft.com'],
    ['the management port’s', 'http://127.0.0.1:9090'],
    ['with a user', 'https://user:password@gateway.example'],
    ['with Host for a user', 'https://gateway.example@evil.example'],
    ['in capitals', 'HTTPS://GATEWAY.EXAMPLE'],
    ['of another scheme', 'file://gateway.example'],
    ['without slashes', 'https:gateway.example'],
    ['without a scheme', 'gateway.example'],
    ['with a scheme in the path', '/https://evil.example'],
    ['behind two slashes', '//gateway.example'],
    ['behind a backslash', '/\\evil.example'],
    ['behind an at sign', '@evil.example'],
  ] as const) {
    for (const host of ['gateway.example', 'evil.example', undefined]) {
      test(`${what}, with ${host ?? 'no'} Host, is refused, and nobody is asked`, async () => {
        const head = (await goodHead(world(), `${target}${sessionPath}`)).replace(
          'Host: gateway.example\r\n',
          host === undefined ? '' : `Host: ${host}\r\n`,
        )
        const calls = await upstreamCalls(world(), async () => {
          const found = await untilClosed(world(), `${head}Connection: close\r\n\r\n`)
          assert.equal(found.length, 1)
          assert.ok(found[0]?.status === 400 || found[0]?.status === 404)
          assert.doesNotMatch(JSON.stringify(found[0]), /evil|microsoft\.com|:9090/)
        })
        assert.equal(calls, 0)
      })
    }
  }
})

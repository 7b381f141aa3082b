import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { answers, sendRaw } from '../world/raw.ts'
import { sharedWorld } from './wire.ts'

describe('on the management port nobody purges who may not, and nothing hides behind what is refused:', () => {
  const world = sharedWorld({ config: { server: { management: { tls: 'off' } } } })
  const port = (): number => world().gateway.managementAddress.port
  const purges = (): number =>
    world().records.filter(({ action, status }) => action === 'purge' && status === 200).length
  const lines = async (): Promise<string> =>
    `Host: management\r\nAuthorization: Bearer ${await world().workloadToken('ops')}\r\n`

  for (const [what, send] of [
    ['a body', (purge: string) => `${purge}Content-Length: 5\r\n\r\nhello`],
    ['chunks', (purge: string) => `${purge}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    [
      'a body on a probe',
      (purge: string) => `${purge.replace('DELETE /cache', 'GET /livez')}Content-Length: 1\r\n\r\nx`,
    ],
    ['a second Host', (purge: string) => `${purge}Host: evil.example\r\n\r\n`],
    ['a second Authorization', (purge: string) => `${purge}Authorization: Bearer x\r\n\r\n`],
    ['HTTP/2.0', (purge: string) => `${purge.replace('1.1', '2.0')}\r\n`],
  ] as const) {
    test(`${what}, and a purge behind it`, async () => {
      const purge = `DELETE /cache HTTP/1.1\r\n${await lines()}`
      const before = purges()
      const { text, isClosed } = await sendRaw(`${send(purge)}${purge}\r\n`, { port: port() })
      assert.ok(isClosed)
      assert.equal(text.match(/^HTTP\/1\.1 \d/gm)?.length, 1)
      assert.match(text, /^connection: close\r$/im)
      assert.equal(purges(), before)
    })
  }

  test('an Upgrade, and a purge that begins in what came with it', async () => {
    const head = await lines()
    const socket = connect(port(), '127.0.0.1').on('error', () => undefined)
    await once(socket, 'connect')
    let text = ''
    socket.setEncoding('latin1').on('data', (bytes) => (text += String(bytes)))
    const closed = once(socket, 'close')
    socket.write(
      `GET /livez HTTP/1.1\r\n${head}Connection: Upgrade\r\nUpgrade: x\r\n\r\nGET /x HTTP/1.1\r\nX-Note: `,
    )
    while (!answers(1)(text)) await once(socket, 'data')
    socket.write(`DELETE /cache HTTP/1.1\r\n${head}\r\n`)
    await closed
    assert.equal(text.match(/HTTP\/1\.1 \d/g)?.length, 1)
    assert.equal(purges(), 0)
  })

  for (const request of [
    'GET /cache',
    'POST /cache',
    'DELETE http://management/cache',
    'DELETE //cache',
    'DELETE /%63ache',
    'DELETE /cache/',
    'DELETE /cache;x',
    'DELETE /cache?',
    'DELETE /cache#',
    'DELETE /x/../cache',
    'DELETE /cache/%2e%2e/cache',
    'DELETE /cache/workspaces/%2e%2e',
    'DELETE /cache/workspaces/default%00',
    'DELETE /cache/workspaces/default%2fsessions',
    'DELETE /cache/workspaces/*',
    'DELETE /cache/workspaces/__proto__',
    'DELETE /cache\\workspaces',
    'DELETE *',
    'CONNECT cache:1',
  ]) {
    test(`${request} purges nothing`, async () => {
      const override = 'X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /cache\r\nConnection: close\r\n'
      const { text } = await sendRaw(`${request} HTTP/1.1\r\n${await lines()}${override}\r\n`, {
        port: port(),
      })
      assert.match(text, /^(HTTP\/1\.1 4\d\d |$)/)
      assert.equal(purges(), 0)
      assert.doesNotMatch(text, /eyJ[\w-]{10}|node:|\bat .*:\d+:\d+/)
    })
  }
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { answers, sendRaw } from '../world/raw.ts'
import { sessionPath, startWorld } from '../world/world.ts'

const plain = { server: { tls: 'off' } }

test('of requests pipelined on one connection sixteen are answered, and the last answer ends it', async () => {
  await using world = await startWorld({ config: plain })
  const token = await world.workloadToken('triage')
  const landing = Promise.withResolvers<void>()
  world.emulator.fail('graph', { kind: 'hold', until: landing.promise })
  const one = `GET ${sessionPath} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`
  const answered = sendRaw(one.repeat(400), { port: world.port })
  await world.emulator.reached('graph', 1)
  landing.resolve()
  const { text, isClosed } = await answered
  assert.equal(isClosed, true)
  assert.equal(text.match(/HTTP\/1\.1 200 /g)?.length, 16)
  assert.equal(text.match(/^connection: close\r$/gim)?.length, 1)
  assert.equal(world.records.length, 16)
})

test('behind an Upgrade nothing is read: what came with it is never taken for a request', async () => {
  await using world = await startWorld({ config: plain })
  const token = await world.workloadToken('triage')
  const head = `Host: localhost\r\nAuthorization: Bearer ${token}\r\n`
  const socket = connect(world.port, '127.0.0.1')
  await once(socket, 'connect')
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  const closed = once(socket, 'close')
  socket.on('error', () => undefined)
  const upgrade = `GET ${sessionPath} HTTP/1.1\r\n${head}Connection: Upgrade\r\nUpgrade: x\r\n\r\n`
  socket.write(`${upgrade}GET /second HTTP/1.1\r\n${head}X-Note: `)
  while (!answers(1)(text)) await once(socket, 'data')
  socket.write(`GET ${sessionPath}?$select=id HTTP/1.1\r\n${head}\r\n`)
  await closed
  assert.equal(text.match(/HTTP\/1\.1 \d/g)?.length, 1)
  assert.match(text, /^connection: close\r$/im)
  assert.equal(world.records.length, 1)
})

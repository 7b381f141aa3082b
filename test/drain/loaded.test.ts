import assert from 'node:assert/strict'
import { connect as connectTcp, type Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { goodHead } from '../security/wire.ts'
import { startWorld } from '../world/world.ts'

interface Hammer {
  asked: number
  answered: number
  readonly statuses: Set<string>
  hasBeenTold: boolean
  isClosed: boolean
}

/** Asks again as soon as everything is answered, `depth` at a time, until it is told that the connection ends. */
function hammer(port: number, bytes: string, depth: number): Hammer {
  const state: Hammer = { asked: 0, answered: 0, statuses: new Set(), hasBeenTold: false, isClosed: false }
  const socket: Socket = connectTcp(port, '127.0.0.1')
  const ask = (): void => {
    state.asked += depth
    socket.write(bytes.repeat(depth))
  }
  let text = ''
  socket.setEncoding('latin1').once('connect', ask)
  socket.on('data', (chunk: string) => {
    text += chunk
    for (;;) {
      const headEnd = text.indexOf('\r\n\r\n')
      if (headEnd === -1) return
      const head = text.slice(0, headEnd)
      const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)
      if (text.length < headEnd + 4 + length) return
      text = text.slice(headEnd + 4 + length)
      state.answered += 1
      state.statuses.add(head.slice(9, 12))
      if (/^connection: close$/im.test(head)) state.hasBeenTold = true
      if (state.answered === state.asked && !state.hasBeenTold) ask()
    }
  })
  socket.on('error', () => undefined)
  socket.once('close', () => {
    state.isClosed = true
  })
  return state
}

test('draining under full load answers every request that has come, and ends each connection with an answer', async () => {
  const server = { tls: 'off', drain: { delay: '1s', timeout: '30s' } }
  await using world = await startWorld({ config: { server, cache: { freshFor: '1h' } } })
  const one = `${await goodHead(world)}\r\n`
  await world.ask()
  const open = (depth: number): Hammer => hammer(world.port, one, depth)
  const all = Array.from({ length: 200 }, (_, n) => open(n % 4 === 0 ? 4 : 1))
  while (all.some(({ answered }) => answered < 20)) await turn()

  let hasStopped = false
  const drained = world.gateway.drain().finally(() => {
    hasStopped = true
  })
  // Load balancers have not noticed yet.
  const late = Array.from({ length: 20 }, () => open(1))
  while (late.some(({ answered }) => answered === 0)) await turn()
  assert.equal(hasStopped, false)
  assert.ok(all.every(({ hasBeenTold }) => !hasBeenTold))
  const before = all.map(({ answered }) => answered)
  await drained
  const everyone = [...all, ...late]
  while (everyone.some(({ isClosed }) => !isClosed)) await pause(1)

  assert.ok(
    all.every(({ answered }, index) => answered > (before[index] ?? 0)),
    'the load went on',
  )
  const short = everyone.filter(({ asked, answered }) => asked !== answered)
  assert.deepEqual(short, [])
  assert.ok(everyone.every(({ hasBeenTold }) => hasBeenTold))
  assert.deepEqual(new Set(everyone.flatMap(({ statuses }) => [...statuses])), new Set(['200']))
  const asked = everyone.reduce((sum, each) => sum + each.asked, 0)
  assert.equal(world.records.length, asked + 1, 'each of them is on record')
})

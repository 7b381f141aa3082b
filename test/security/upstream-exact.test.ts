import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sessionPath } from '../world/world.ts'
import { sharedCapturedWorld } from './captured-graph.ts'
import { hostile } from './hostile-headers.ts'

const captured = sharedCapturedWorld()

test('these are the bytes that Graph receives, all of them', async () => {
  const { world, taken, question } = captured()
  const reply = await world.ask(`${sessionPath}?select=ID`, { method: 'HEAD', headers: hostile })
  assert.equal(reply.status, 200)
  assert.equal(world.emulator.graph.calls, 0)
  assert.equal(await taken(), question(`${sessionPath}?$select=id`))
})

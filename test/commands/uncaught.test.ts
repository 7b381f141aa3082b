import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { sessionPath } from '../world/world.ts'
import { projectFolder, run } from './program.ts'
import { startServing, until } from './serving.ts'

const env = { NODE_OPTIONS: `--import=${join(projectFolder, 'test/commands/faulty.ts')}` }

describe('a fault that nothing catches', { concurrency: true }, () => {
  for (const [what, signal, message] of [
    ['an error', 'SIGUSR2', 'thrown by nobody in particular'],
    ['a rejection', 'SIGWINCH', 'rejected by nobody in particular'],
  ] as const) {
    test(`(${what}) is logged, what has been asked is answered and recorded, and the process exits with 1`, async () => {
      await using serving = await startServing({ env })
      const { emulator, program } = serving
      const hold = Promise.withResolvers<void>()
      emulator.fail('graph', { kind: 'hold', until: hold.promise })
      const asked = serving.ask(sessionPath)
      await emulator.reached('graph', 1)
      program.child.kill(signal)
      await until(() => serving.logs.some(({ msg }) => msg === 'the gateway cannot go on: draining'))
      // One more changes nothing.
      program.child.kill(signal)
      await until(() => serving.logs.filter(({ err }) => err?.message === message).length === 2)
      hold.resolve()
      assert.equal((await asked).status, 200)
      assert.equal((await program.ended).code, 1)
      const [fatal] = serving.logs.filter(({ err }) => err?.message === message)
      assert.equal(fatal?.['level'], 'fatal')
      assert.match(fatal['err'].stack, /faulty\.ts:\d+/)
      assert.deepEqual(
        serving.records.map(({ status }) => status),
        [200],
      )
      assert.match(program.stdout.trimEnd().split('\n').at(-1) ?? '', /"operation":"audit\.chain\.close"/)
    })
  }

  test('during the start ends it with 1', async () => {
    await using serving = await startServing()
    const { code, stderr } = await run(['serve', '-c', join(serving.folder, 'gateway.yaml')], {
      env: { ...env, FAULT_AT_START: 'yes' },
    })
    assert.equal(code, 1)
    assert.match(stderr, /"level":"fatal".*thrown at the start/)
  })
})

import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { keepTicksQuick } from '../src/ticks.ts'
import { projectFolder } from './commands/program.ts'
import { startServing, until } from './commands/serving.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** @returns those of the objects that Node makes for each `nextTick` which are still there after a full collection */
async function ticksLeftBy(action: () => void): Promise<object[]> {
  const made: WeakRef<object>[] = []
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      if (type === 'TickObject') made.push(new WeakRef(resource))
    },
  })
  hook.enable()
  action()
  hook.disable()
  assert.equal(made.length, 1)
  // A weak reference holds its object until the turn in which it was made is over.
  await turn()
  collect()
  await turn()
  return made.flatMap((tick) => tick.deref() ?? [])
}

test('one object of nextTick is kept whole, whatever is collected', async () => {
  const ticks = await ticksLeftBy(() => keepTicksQuick())

  assert.equal(ticks.length, 1)
  assert.ok(ticks[0] !== undefined && 'callback' in ticks[0] && 'args' in ticks[0])
})

test('others are not', async () => {
  assert.deepEqual(await ticksLeftBy(() => process.nextTick(() => {})), [])
})

test('a gateway that serves keeps one', async () => {
  const env = { NODE_OPTIONS: `--import=${join(projectFolder, 'test/commands/ticks-left.ts')}` }
  await using serving = await startServing({ env })
  assert.equal((await serving.ask()).status, 200)
  const isTold = ({ msg }: { msg?: unknown }): boolean => msg === 'ticks left'

  serving.program.child.kill('SIGUSR2')

  await until(() => serving.logs.some(isTold))
  const told = serving.logs.find(isTold)
  assert.ok(told?.['made'] > 10)
  assert.ok(told?.['left'] >= 1)
})

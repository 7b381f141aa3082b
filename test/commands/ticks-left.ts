/** Loaded into the program with `--import`: says on SIGUSR2 how many objects of `process.nextTick` a full collection leaves. */

import { createHook } from 'node:async_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const made: WeakRef<object>[] = []

const hook = createHook({
  init(_id, type, _trigger, resource) {
    if (type === 'TickObject') made.push(new WeakRef(resource))
  },
}).enable()

process.on('SIGUSR2', () => void tell())

async function tell(): Promise<void> {
  hook.disable()
  // A weak reference holds its object until the turn in which it was made is over.
  await turn()
  collect()
  await turn()
  const left = made.filter((tick) => tick.deref() !== undefined).length
  process.stderr.write(`${JSON.stringify({ msg: 'ticks left', made: made.length, left })}\n`)
}

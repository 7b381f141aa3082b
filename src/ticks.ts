/**
 * Keeps `process.nextTick` as quick as it is in a process that has just started.
 *
 * @module
 */

import { createHook } from 'node:async_hooks'

const kept: object[] = []

/**
 * Keeps one of the objects that Node makes for each `nextTick`. V8 knows their form for as long as there is one. A full
 * collection mostly finds none, and where it comes before the function is optimised, each call costs six times as much from
 * then on, for ever; an answer takes four. docs/decisions/0030-next-tick.md has the figures.
 */
export function keepTicksQuick(): void {
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      if (type === 'TickObject') kept.push(resource)
    },
    trackPromises: false,
  })
  hook.enable()
  process.nextTick(() => {})
  hook.disable()
}

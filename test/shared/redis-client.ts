/** Connections to real servers, and what they tell. */

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { systemClock } from '../../src/clock.ts'
import { connect, type Connection, type ConnectionOptions } from '../../src/shared/connection.ts'
import { SharedFailure } from '../../src/shared/failure.ts'
import { script } from '../../src/shared/script.ts'

export interface Observed extends AsyncDisposable {
  readonly connection: Connection
  readonly failures: readonly SharedFailure[]
  /** Where, each time. */
  readonly established: readonly string[]
  /** Resolves at the next time that everything may be asked. */
  ready(): Promise<void>
  /** Resolves at the next failure of this kind. */
  failed(kind: SharedFailure['kind']): Promise<SharedFailure>
}

export function observe(options: Partial<ConnectionOptions> & Pick<ConnectionOptions, 'servers'>): Observed {
  const events = new EventEmitter()
  const failures: SharedFailure[] = []
  const established: string[] = []
  const connection = connect({
    credentials: { type: 'none' },
    clock: systemClock,
    random: Math.random,
    observer: {
      connected: (where) => void established.push(where),
      failed(failure) {
        failures.push(failure)
        events.emit(failure.kind, failure)
      },
    },
    ...options,
  })
  connection.onReady(() => void events.emit('ready'))
  return {
    connection,
    failures,
    established,
    async ready() {
      await once(events, 'ready')
    },
    async failed(kind) {
      const [failure] = (await once(events, kind)) as [SharedFailure]
      return failure
    },
    [Symbol.asyncDispose]: () => connection.close(),
  }
}

/** Connected. */
export async function connected(options: Parameters<typeof observe>[0]): Promise<Observed> {
  const observed = observe(options)
  await observed.ready()
  return observed
}

export const put = script("return redis.call('SET', KEYS[1], ARGV[1])")
export const get = script("return redis.call('GET', KEYS[1])")
export const tell = script("return redis.call('PUBLISH', ARGV[1], ARGV[2])")

export async function refusedWith(asked: Promise<unknown>): Promise<SharedFailure> {
  const failure: unknown = await asked.then(
    () => assert.fail('it was done'),
    (error: unknown) => error,
  )
  assert.ok(failure instanceof SharedFailure, String(failure))
  return failure
}

/** The next message, and those after it. */
export function mailbox(): { heard: (message: Buffer) => void; next(): Promise<Buffer> } {
  const [waiting, come] = [[] as ((message: Buffer) => void)[], [] as Buffer[]]
  return {
    heard(message) {
      const first = waiting.shift()
      if (first === undefined) come.push(message)
      else first(message)
    },
    next() {
      const first = come.shift()
      return first === undefined
        ? new Promise((resolve) => void waiting.push(resolve))
        : Promise.resolve(first)
    },
  }
}

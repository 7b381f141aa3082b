/** Connections to a real Redis that outlive whoever uses them, one after the other. */

import { randomBytes } from 'node:crypto'
import { after, before } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { connect, type Connection } from '../../src/shared/connection.ts'
import { script } from '../../src/shared/script.ts'
import { type Redis, startRedis } from '../world/redis.ts'

export interface Way extends AsyncDisposable {
  readonly connection: Connection
  /** Resolves when every message that was published before has been heard. */
  heard(): Promise<void>
}

export const tell = script("return redis.call('PUBLISH', KEYS[1], ARGV[1])")

async function openWay(redis: Pick<Redis, 'url'>): Promise<Way> {
  const connection = connect({
    servers: { url: redis.url },
    credentials: { type: 'none' },
    clock: systemClock,
    random: Math.random,
    observer: { connected() {}, failed() {} },
  })
  await new Promise<void>((resolve) => connection.onReady(resolve))
  const channel = `heard ${randomBytes(8).toString('hex')}`
  const waiting = new Map<string, () => void>()
  await connection.subscribe(channel, (message) => waiting.get(message.toString())?.())
  let told = 0
  return {
    connection,
    async heard() {
      told += 1
      const id = String(told)
      // Messages come in the order in which they were published, on the one connection that there is for them.
      await new Promise<void>((resolve, reject) => {
        waiting.set(id, resolve)
        connection.run(tell, [channel], [id]).catch(reject)
      })
      waiting.delete(id)
    },
    [Symbol.asyncDispose]: () => connection.close(),
  }
}

/** For all tests around this: a Redis, and so many ways to it. */
export function onOneServer(count: number): () => { readonly redis: Redis; readonly ways: readonly Way[] } {
  let redis: Redis
  let ways: Way[] = []
  before(async () => {
    const server = await startRedis()
    redis = server
    ways = await Promise.all(Array.from({ length: count }, () => openWay(server)))
  })
  after(async () => {
    await Promise.all(ways.map((way) => way[Symbol.asyncDispose]()))
    await redis[Symbol.asyncDispose]()
  })
  return () => ({ redis, ways })
}

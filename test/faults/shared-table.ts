/**
 * What is promised when something is wrong with Redis. The tests play each of these while callers ask; the page on failure
 * modes is written from them.
 *
 * @module
 */

import type { Redis } from '../world/redis.ts'
import type { Way } from './way.ts'

export interface Broken {
  readonly redis: Redis
  /** Of each replica, to Redis. */
  readonly ways: readonly Way[]
  /** Replicates it. */
  readonly standby: () => Promise<Redis>
  /** What the replicas' password file holds. */
  readonly writePassword: (password: string) => Promise<void>
}

/** The user that replicas are, and its password. */
export const user = { name: 'gateway', password: 'first' } as const

/** Its password becomes this, and whoever had connected by another is cut off. */
async function changePassword(redis: Redis, password: string): Promise<void> {
  await redis.command('ACL', 'SETUSER', user.name, 'resetpass', `>${password}`)
  await redis.command('CLIENT', 'KILL', 'USER', user.name)
}

export interface SharedFault {
  /** As the page says it. */
  readonly what: string
  readonly begin: (broken: Broken) => Promise<unknown>
  readonly end: (broken: Broken) => Promise<unknown>
  /** It is there from the start. */
  readonly fromStart?: true
  /**
   * What replicas make of it: `away`, on their own as long as it lasts; `used`, they go on sharing; `maybe`, for a moment
   * they may be on their own.
   */
  readonly shared: 'away' | 'used' | 'maybe'
  /** `cache.shared.timeout`, where it is what this is about. */
  readonly timeout?: string
  /** Only the first of them notices. */
  readonly isOfOne?: true
  /** What whoever purges meanwhile is told. */
  readonly purge: 200 | 503
  /** The reason that the line names. */
  readonly says?: string
  /** For operators, on the page. */
  readonly after?: string
}

const lost = 'what was stored before counts as purged'

export const sharedTable: readonly SharedFault[] = [
  {
    what: 'Redis is killed, and comes back empty',
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.restart(),
    shared: 'away',
    purge: 503,
    after: lost,
  },
  {
    what: 'Redis is down when the replicas start, and comes later',
    fromStart: true,
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.restart(),
    shared: 'away',
    purge: 503,
  },
  {
    what: 'Redis stands still (`SIGSTOP`), and goes on',
    begin: async ({ redis }) => redis.stop(),
    end: async ({ redis }) => redis.resume(),
    shared: 'away',
    purge: 503,
    says: 'no answer within',
  },
  {
    what: 'Redis answers later than `cache.shared.timeout`, though within a second',
    timeout: '200ms',
    begin: async ({ ways }) => ways.forEach((way) => way.delay(150)),
    end: async ({ ways }) => ways.forEach((way) => way.delay(0)),
    shared: 'away',
    purge: 200,
    says: 'no answer within',
  },
  {
    what: 'the network swallows what one replica and Redis say',
    begin: async ({ ways: [way] }) => way?.hold(),
    end: async ({ ways: [way] }) => way?.release(),
    isOfOne: true,
    shared: 'away',
    purge: 503,
    says: 'no answer within',
  },
  {
    what: 'Redis cannot be reached by one replica (refused)',
    begin: ({ ways: [way] }) => way?.close() ?? Promise.resolve(),
    end: ({ ways: [way] }) => way?.open() ?? Promise.resolve(),
    isOfOne: true,
    shared: 'away',
    purge: 503,
  },
  {
    what: 'Redis is full (`maxmemory-policy noeviction`)',
    begin: ({ redis }) => redis.command('CONFIG', 'SET', 'maxmemory', '1'),
    end: ({ redis }) => redis.command('CONFIG', 'SET', 'maxmemory', '0'),
    shared: 'away',
    purge: 503,
    says: 'OOM',
  },
  {
    what: 'Redis is full, and evicts the log of purges (`allkeys-lru`)',
    begin: async ({ redis }) => {
      const [, used] = /used_memory:(\d+)/.exec(String(await redis.command('INFO', 'memory'))) ?? []
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
      await redis.command('CONFIG', 'SET', 'maxmemory', String(Number(used) + 1_000_000))
      for (let n = 0; ((await redis.command('INFO', 'stats')) as string).includes('evicted_keys:0'); n += 1)
        await redis.command('SET', `filler:${n}`, Buffer.alloc(50_000))
      await redis.command('DEL', 'session-gateway:{log}:purges')
    },
    end: ({ redis }) => redis.command('CONFIG', 'SET', 'maxmemory', '0'),
    shared: 'used',
    purge: 200,
    after: lost,
  },
  {
    what: '`FLUSHALL`',
    begin: ({ redis }) => redis.command('FLUSHALL'),
    end: () => Promise.resolve(),
    shared: 'used',
    purge: 200,
    after: lost,
  },
  {
    what: 'connections are cut (`CLIENT KILL`)',
    begin: async ({ redis }) => {
      await redis.command('CLIENT', 'KILL', 'TYPE', 'normal')
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    },
    end: () => Promise.resolve(),
    shared: 'maybe',
    purge: 200,
  },
  {
    what: 'the password is wrong from the start, until the file is right',
    fromStart: true,
    begin: ({ writePassword }) => writePassword('wrong'),
    end: ({ writePassword }) => writePassword(user.password),
    shared: 'away',
    purge: 503,
    says: 'WRONGPASS',
  },
  {
    what: 'the password is changed, and later the file',
    begin: ({ redis }) => changePassword(redis, 'second'),
    end: ({ writePassword }) => writePassword('second'),
    shared: 'away',
    purge: 503,
  },
  {
    what: 'Redis dies, and its address leads to a promoted replica',
    begin: async ({ redis, standby }) => {
      await standby()
      await redis.kill()
    },
    end: async ({ ways, standby }) => {
      const promoted = await standby()
      await promoted.command('REPLICAOF', 'NO', 'ONE')
      for (const way of ways) way.leadTo(promoted.port)
    },
    shared: 'away',
    purge: 503,
  },
  {
    what: 'Redis has become a replica, and takes nothing (`READONLY`)',
    begin: async ({ redis, standby }) => {
      const promoted = await standby()
      await promoted.command('REPLICAOF', 'NO', 'ONE')
      await redis.command('REPLICAOF', '127.0.0.1', String(promoted.port))
    },
    end: ({ redis }) => redis.command('REPLICAOF', 'NO', 'ONE'),
    shared: 'away',
    purge: 503,
    says: 'READONLY',
  },
]

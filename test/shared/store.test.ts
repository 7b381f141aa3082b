import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Entry } from '../../src/cache/index.ts'
import { createPurges } from '../../src/cache/purges.ts'
import { createTiers } from '../../src/cache/tiers.ts'
import { type AnyStore, keepsTheContract } from '../cache/store-contract.ts'
import { createReplica, createTime, memory, newPrefix, type Replica, settle } from './replica.ts'
import { onOneServer } from './way.ts'

const leeway = { earlierByMs: 1, forgetsSpent: true }

describe('what is shared', () => {
  const server = onOneServer(1)

  async function newReplica(): Promise<Replica> {
    const [way] = server().ways
    assert.ok(way !== undefined)
    const replica = createReplica({ way, time: createTime(), prefix: newPrefix() })
    await settle(replica)
    return replica
  }

  /** As a trip does that no other one counts against. */
  async function put({ tier }: Replica, key: string, entry: Entry): Promise<void> {
    const cancelled = new AbortController().signal
    const claim = await tier.claim(key, { held: undefined, isOvertaking: true, waitedMs: 0, cancelled })
    assert.ok('lands' in claim)
    assert.ok(await claim.lands(entry))
  }

  async function createFar(): Promise<AnyStore> {
    const replica = await newReplica()
    return {
      get: (key) => replica.tier.get(key),
      async set(key, entry) {
        await put(replica, key, entry)
        await settle(replica)
      },
      async delete(key) {
        replica.tier.delete([key])
        await settle(replica)
      },
    }
  }

  async function createPair({ forgets }: { forgets: boolean }): Promise<AnyStore> {
    const replica = await newReplica()
    const { tier: shared, timeline } = replica
    const store = memory()
    const keysOf = (resource: string): string[] => [resource]
    const tiers = createTiers({ store, shared, purges: createPurges(), timeline, keysOf })
    return {
      async get(key) {
        if (forgets) store.delete(key)
        const near = tiers.near(key)
        if (near !== undefined) return near
        const far = await tiers.far(key)
        assert.equal(tiers.near(key), far, 'what was found far is near')
        return far
      },
      async set(key, entry) {
        tiers.keep(key, entry)
        await put(replica, key, entry)
        await settle(replica)
      },
      async delete(key) {
        store.delete(key)
        shared.delete([key])
        await settle(replica)
      },
    }
  }

  keepsTheContract('Redis', createFar, leeway)
  keepsTheContract('memory in front of Redis', () => createPair({ forgets: false }), leeway)
  keepsTheContract(
    'memory that has forgotten, in front of Redis',
    () => createPair({ forgets: true }),
    leeway,
  )
})

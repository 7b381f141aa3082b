import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brings } from '../cache/answer.ts'
import { newKey, noMemory } from './replica.ts'
import { has, onOneRedis } from './several.ts'

describe('keys that are rotated in three steps, replica by replica,', () => {
  const several = onOneRedis()
  const [old, next] = [newKey('old'), newKey('next')]
  const phases = [[old], [old, next], [next, old], [next]] as const

  test('cost no miss but of what only the old key opens, once that is gone', async () => {
    const phaseOf = [0, 0, 0]
    const { replicas, settle } = await several((index) => ({
      keys: () => {
        const readable = phases[phaseOf[index] ?? 0] ?? phases[0]
        return { writing: readable[0], readable }
      },
      store: noMemory,
    }))
    let written = 0
    async function eachReadsEach(): Promise<void> {
      for (const writer of replicas) {
        written += 1
        await writer.read(`a/${written}`, brings(String(written)))
        await settle()
        for (const reader of replicas) assert.equal(await has(reader, `a/${written}`), `hit ${written}`)
      }
    }
    await eachReadsEach()
    for (const phase of [1, 2]) {
      for (const index of replicas.keys()) {
        phaseOf[index] = phase
        await eachReadsEach()
        for (let key = 1; key <= written; key += 1) {
          for (const reader of replicas) assert.equal(await has(reader, `a/${key}`), `hit ${key}`, `a/${key}`)
        }
      }
    }
    // Who still has both keys seals with the new one.
    const last = written
    for (const index of replicas.keys()) {
      phaseOf[index] = 3
      await eachReadsEach()
      for (let key = last - 2; key <= written; key += 1) {
        for (const reader of replicas) assert.equal(await has(reader, `a/${key}`), `hit ${key}`)
      }
      assert.equal(await has(replicas[index] ?? replicas[0], 'a/1'), 'nothing')
    }
    assert.deepEqual(
      replicas.flatMap(({ told }) => told.filter((each) => each.startsWith('refused'))),
      [],
    )
  })

  test('cost one trip for each of two leases at most, while replicas write under different ones', async () => {
    const { replicas, settle } = await several((index) => {
      const readable = index === 0 ? phases[1] : phases[2]
      return { keys: () => ({ writing: readable[0], readable }) }
    })
    let trips = 0
    const fetch = (
      ...[flight]: Parameters<ReturnType<typeof brings>>
    ): ReturnType<ReturnType<typeof brings>> => {
      trips += 1
      return brings('x')(flight, undefined)
    }
    await Promise.all(replicas.map((replica) => replica.read('a/1', fetch)))
    await settle()
    assert.equal(trips, 2)
    for (const replica of replicas) assert.equal(await has(replica, 'a/1'), 'hit x')
  })

  test('do not bring back what Graph no longer has', async () => {
    const { replicas, settle, pass } = await several((index) => {
      const readable = index === 0 ? phases[1] : phases[2]
      return { keys: () => ({ writing: readable[0], readable }) }
    })
    const [one, two] = replicas
    for (const [writer, other] of [
      [one, two],
      [two, one],
    ] as const) {
      await writer.read('a/1', brings('old'), { noCache: true })
      await settle()
      await other.read('a/1', brings('gone', { status: 404 }), { noCache: true })
      await pass(6_000)
      assert.equal(await has(other, 'a/1'), 'nothing')
    }
  })
})

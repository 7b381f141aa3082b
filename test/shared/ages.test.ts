import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brings, notToFetch } from '../cache/answer.ts'
import { has, holding, onOneRedis, said } from './several.ts'

describe('what is shared is never given younger than it is', () => {
  const several = onOneRedis()

  test('by who has had the clock set forward while the trip was under way', async () => {
    const { replicas, settle, pass } = await several()
    const [one, two, three] = replicas
    const trips = holding()
    const reads = [said(one.read('a/1', trips.fetch))]
    await settle()
    reads.push(said(two.read('a/1', trips.fetch)))
    await settle()
    one.clock.set(3_600_000)
    trips.lands('x')
    assert.equal(await reads[0], 'miss x')
    await settle()
    // It has not been shared, and is waited for no longer.
    trips.lands('y')
    assert.equal(await reads[1], 'miss y')
    await pass(1_000)
    for (const replica of replicas) assert.equal(await has(replica, 'a/1'), 'hit y')
    const { ageMs } = await three.read('a/1', notToFetch)
    assert.ok(ageMs >= 1_000 && ageMs < 1_010, String(ageMs))
  })

  test('in the moment in which Redis has had its own set back', async () => {
    const { replicas, settle, time } = await several()
    const [one, two] = replicas
    await one.read('a/1', brings('x'))
    await settle()
    time.clocks[0]?.set(-600_000)
    assert.equal(await has(two, 'a/1'), 'nothing')
  })
})

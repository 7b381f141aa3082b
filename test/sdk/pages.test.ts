import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import { PageIterator } from '@microsoft/microsoft-graph-client'
import { type SdkWorld, startSdkWorld } from './sdk-world.ts'

const sessions = '/security/securityCopilot/workspaces/soc/sessions'
const ids = Array.from({ length: 7 }, () => randomUUID())

describe('the page iterator of Microsoft’s Graph client', () => {
  let sdk: SdkWorld
  before(async () => {
    sdk = await startSdkWorld({ config: { access: { triage: { reads: ['sessions'] } } } })
    const { graph } = sdk.world.emulator
    graph.pageSize = 3
    for (const [n, id] of ids.entries()) {
      const at = '2026-01-01T00:00:00Z'
      graph.put('soc', { id, createdDateTime: at, lastModifiedDateTime: at, displayName: `s-${n % 2}` })
    }
  })
  after(() => sdk[Symbol.asyncDispose]())
  beforeEach(() => {
    sdk.world.emulator.reset()
    sdk.world.emulator.graph.nextLinkOrigin = undefined
    sdk.world.emulator.graph.isNextLinkLast = false
  })

  async function walk(path: string): Promise<{ id: string }[]> {
    const client = await sdk.of('triage')
    const found: { id: string }[] = []
    const iterator = new PageIterator(client, await client.api(path).get(), (each) => {
      found.push(each)
      return true
    })
    await iterator.iterate()
    return found
  }

  for (const isLast of [false, true]) {
    const where = isLast ? 'behind' : 'before'
    test(`walks three pages whose links stand ${where} what they list, and asks nobody but the gateway`, async () => {
      const { emulator, records } = sdk.world
      emulator.graph.isNextLinkLast = isLast
      const so = { asked: sdk.asked.length, records: records.length }
      const found = await walk(sessions)
      assert.deepEqual(found.map(({ id }) => id).toSorted(), ids.toSorted())
      const asked = sdk.asked.slice(so.asked)
      assert.equal(asked.length, 3)
      for (const url of asked) assert.ok(url.startsWith(`${sdk.origin}/beta/security/securityCopilot/`), url)
      assert.equal(emulator.graph.calls, 3)
      assert.deepEqual(
        records.slice(so.records).map(({ operation, status, nextPage }) => [operation, status, nextPage]),
        [
          ['session.list', 200, undefined],
          ['session.list', 200, true],
          ['session.list', 200, true],
        ],
      )
    })
  }

  test('keeps what was asked on the first page: properties, filter, count and size', async () => {
    const found = await walk(`${sessions}?$top=2&$select=id&$count=true&$filter=contains(displayName,'-1')`)
    assert.deepEqual(found.map(({ id }) => id).toSorted(), ids.filter((_, n) => n % 2 === 1).toSorted())
    assert.equal(sdk.world.emulator.graph.calls, 2)
    for (const each of found) assert.deepEqual(Object.keys(each), ['id'])
    for (const { target } of sdk.world.emulator.graph.requests) assert.match(target, /\$select=id/)
  })

  test('is not led to another host by a page that Graph sends', async () => {
    const { emulator, records } = sdk.world
    emulator.graph.nextLinkOrigin = 'https://graph.evil.example'
    const so = { asked: sdk.asked.length, records: records.length }
    await assert.rejects(walk(sessions))
    for (const url of sdk.asked.slice(so.asked)) assert.ok(url.startsWith(sdk.origin), url)
    const [record] = records.slice(so.records)
    assert.partialDeepStrictEqual(record, { status: 502, refusal: 'graphAnswerInvalid' })
    assert.match(record?.['reason'], /^a link in it leads elsewhere: https:\/\/graph\.evil\.example\/[^?]*$/)
  })
})

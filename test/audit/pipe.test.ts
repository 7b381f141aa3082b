import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import { describe, test } from 'node:test'
import { metric, type Serving, startServing, until } from '../commands/serving.ts'
import type { Line, Reply } from '../world/world.ts'
import { createFifo, type Fifo } from './fifo.ts'

/** Written in escapes, so that a few dozen records are more than a pipe holds. */
const subject = 'é'.repeat(256)

async function servingInto(fifo: Fifo): Promise<Serving> {
  const config = { server: { drain: { delay: '0s', timeout: '1s' } } }
  const serving = await startServing({ stdout: fifo.writeEnd, subject, config })
  closeSync(fifo.writeEnd)
  return serving
}

async function stop({ program }: Serving): Promise<number | null> {
  program.child.kill('SIGTERM')
  return (await program.ended).code
}

describe('stdout as a pipe', { concurrency: true }, () => {
  test('that nobody reads for a while costs no record, no answer and not the process', async () => {
    const fifo = createFifo()
    await using serving = await servingInto(fifo)
    const count = 200
    const replies: Reply[] = []
    const asked = Array.from({ length: count }, async () => void replies.push(await serving.ask()))
    await until(
      async () =>
        (await metric(serving, 'requests_in_flight')) + (await metric(serving, 'requests_total')) >= count,
    )
    assert.equal((await serving.manage('/livez')).status, 200)
    assert.ok((await metric(serving, 'audit_pending_bytes')) > 0, 'records wait')
    assert.ok(replies.length < count, 'and so do their answers')

    fifo.read()
    await Promise.all(asked)
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]))
    assert.equal(await stop(serving), 0)
    await until(() => fifo.text.split('\n').length > count)
    const records: Line[] = fifo.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      records.map(({ requestId }) => String(requestId)).toSorted(),
      replies.map(({ headers }) => String(headers['request-id'])).toSorted(),
    )
    assert.equal(records[0]?.['subject'], subject)
    fifo.leave()
  })

  test('whose reader has gone costs every answer, and not the process', async () => {
    const fifo = createFifo()
    await using serving = await servingInto(fifo)
    fifo.read()
    assert.equal((await serving.ask()).status, 200)
    fifo.leave()
    for (const again of [1, 2, 3]) {
      const { status, json } = await serving.ask()
      assert.deepEqual([status, json.error.code], [503, 'auditUnavailable'], `request ${again}`)
    }
    const unready = await serving.manage('/readyz')
    assert.deepEqual(
      [unready.status, unready.json.degraded],
      [503, ['audit: the audit sink failed: write EPIPE']],
    )
    assert.equal((await serving.manage('/livez')).status, 200)
    assert.equal(await stop(serving), 0)
  })

  test('that nobody reads does not keep a process that is asked to stop', async () => {
    const fifo = createFifo()
    await using serving = await servingInto(fifo)
    const asked = Array.from({ length: 100 }, () => serving.ask().catch(() => undefined))
    await until(async () => (await metric(serving, 'requests_in_flight')) > 50)
    serving.program.child.kill('SIGTERM')
    const { code } = await serving.program.ended
    assert.equal(code, 0)
    await Promise.all(asked)
    fifo.leave()
  })
})

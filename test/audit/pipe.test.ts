import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import { describe, test } from 'node:test'
import { metric, type Serving, startServing, until } from '../commands/serving.ts'
import { recordsIn } from '../world/recorded.ts'
import type { Reply } from '../world/world.ts'
import { createFifo, type Fifo } from './fifo.ts'

/** Written in escapes, so that a few dozen records are more than a pipe holds. */
const subject = 'é'.repeat(256)

async function servingInto(fifo: Fifo, audit: object = { stallAfter: '10s' }): Promise<Serving> {
  const config = { server: { drain: { delay: '0s', timeout: '1s' } }, audit }
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
    await until(() => fifo.text.includes('audit.chain.close'))
    const records = recordsIn(fifo.text)
    assert.deepEqual(
      records.map(({ requestId }) => String(requestId)).toSorted(),
      replies.map(({ headers }) => String(headers['request-id'])).toSorted(),
    )
    assert.equal(records[0]?.['subject'], subject)
    fifo.leave()
  })

  test('whose reader stands still costs new requests a quick 503, and nothing for ever', async () => {
    const fifo = createFifo()
    await using serving = await servingInto(fifo, { stallAfter: '100ms' })
    const held = Array.from({ length: 100 }, () => serving.ask())
    await until(async () => (await serving.manage('/readyz')).status === 503)
    const refused = await serving.ask()
    assert.deepEqual([refused.status, refused.json.error.code], [503, 'auditUnavailable'])
    assert.equal((await serving.manage('/livez')).status, 200)
    assert.equal(await metric(serving, 'audit_blocked'), 1)
    const waiting = await metric(serving, 'audit_pending_bytes')
    const refusals = await Promise.all(Array.from({ length: 200 }, () => serving.ask()))
    assert.equal(await metric(serving, 'audit_pending_bytes'), waiting, 'what is refused is kept nowhere')
    fifo.read()
    await until(async () => (await serving.manage('/readyz')).status === 200)
    assert.equal((await serving.ask()).status, 200)
    const replies = [refused, ...refusals, ...(await Promise.all(held))]
    assert.equal(await stop(serving), 0)
    await until(() => fifo.text.includes('audit.chain.close'))
    const unanswered = replies.filter(({ status }) => status === 503).length
    assert.equal(recordsIn(fifo.text).length, replies.length - unanswered + 1)
    const counts = fifo.text
      .split('\n')
      .filter((line) => line.includes('audit.requests.refused'))
      .map((line): number => JSON.parse(line).count)
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      unanswered,
      'each refusal is counted',
    )
    fifo.leave()
  })

  for (const delivery of ['before-response', 'best-effort']) {
    test(`whose reader has gone ends the process with 1 once it has drained, with ${delivery}`, async () => {
      const fifo = createFifo()
      await using serving = await servingInto(fifo, { delivery })
      fifo.read()
      assert.equal((await serving.ask()).status, 200)
      fifo.leave()
      if (delivery === 'before-response') {
        const reply = await serving.ask()
        assert.deepEqual([reply.status, reply.json.error.code], [503, 'auditUnavailable'])
        assert.doesNotMatch(reply.body, /createdDateTime/)
      } else {
        // Its answer does not wait, and the process may be faster.
        await serving.ask().catch(() => undefined)
      }
      assert.equal((await serving.program.ended).code, 1)
      assert.ok(
        serving.logs.some(
          ({ level, reason }) => level === 'fatal' && reason === 'the audit sink is gone: write EPIPE',
        ),
      )
    })
  }

  test('whose reader has gone is unready, and goes on refusing, for as long as it drains', async () => {
    const fifo = createFifo()
    const config = { server: { drain: { delay: '5s', timeout: '6s' } } }
    await using serving = await startServing({ stdout: fifo.writeEnd, config })
    closeSync(fifo.writeEnd)
    fifo.leave()
    for (const again of [1, 2, 3]) {
      assert.equal((await serving.ask()).status, 503, `request ${again}`)
    }
    const unready = await serving.manage('/readyz')
    assert.equal(unready.status, 503)
    assert.ok(unready.json.degraded.includes('audit: the audit sink is gone: write EPIPE'))
    assert.equal((await serving.manage('/livez')).status, 200)
    serving.program.child.kill('SIGKILL')
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

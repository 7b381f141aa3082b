import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import type { AuditRecord, Trail, Waiter } from '../../src/audit/index.ts'
import { createConduct } from '../../src/http/conduct.ts'
import { createPeerOf } from '../../src/http/index.ts'
import { createFlood, createLog } from '../../src/telemetry/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'

test('who left while they waited in line costs nothing but a record, which says when they had come', async () => {
  const clock = createFakeClock(100_000)
  const log = createLog('silent', { write() {} })
  const records: AuditRecord[] = []
  const journey = createConduct({
    action: 'read',
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it records, and no more is asked of it
    trail: {
      hand: (record: AuditRecord, waiter: Waiter) => (records.push(record), waiter.taken()),
    } as unknown as Trail,
    clock,
    log,
    flood: createFlood(log, clock),
    peerOf: createPeerOf([]),
    travel: () => assert.fail('it was led through the rooms'),
    answered: () => {},
    onFault: (error) => assert.fail(String(error)),
  })
  const request = new IncomingMessage(new Socket())
  const response = new ServerResponse(request)
  response.destroy()
  await journey.lead(request, response, { refused: undefined, waitedMs: 3_000, leaving: () => {} })
  assert.equal(records.length, 1)
  const [record] = records
  assert.deepEqual([record?.status, record?.refusal?.code, record?.time], [499, 'callerLeft', 97_000])
  assert.ok(record !== undefined && record.durationMs >= 3_000)
})

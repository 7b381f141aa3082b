import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { Unauthenticated } from '../../src/callers/index.ts'
import { type AuditRecord, formatRecord } from '../../src/audit/index.ts'
import { sessionId } from '../world/world.ts'

describe('a line of the trail', () => {
  const least: AuditRecord = {
    action: 'read',
    time: 0,
    durationMs: 1,
    requestId: 'r',
    peer: '::1',
    status: 200,
  }

  test('is one line of printable ASCII that says the same again, whatever a token or a client holds', () => {
    const anything = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(anything, anything, anything, (subject, pod, reason) => {
        const workload = { namespace: subject, serviceAccount: pod, pod }
        const line = formatRecord({
          ...least,
          caller: { issuer: 'i', subject, tokenId: pod, workload },
          refusal: { code: 'c', reason },
        })
        assert.match(line, /^[ -~]+\n$/)
        const record = JSON.parse(line)
        assert.deepEqual(
          [
            record.subject,
            record.tokenId,
            record.namespace,
            record.serviceAccount,
            record.pod,
            record.reason,
          ],
          [subject, pod, subject, pod, pod, reason],
        )
      }),
      { examples: [['\u007f', '\u2028 \ud800', '\0\r\n"\\']] },
    )
  })

  test('keeps of a reason what the log keeps of it: its first 512 characters', () => {
    const refusal = new Unauthenticated('é'.repeat(4000))
    const { reason } = JSON.parse(formatRecord({ ...least, refusal }))
    assert.equal(reason, 'é'.repeat(512))
  })

  test('leaves out what is not known, and writes * for every property', () => {
    const asked = { workspaceId: 'default', sessionId, select: null }
    assert.deepEqual(Object.keys(JSON.parse(formatRecord(least))), [
      'type',
      'level',
      'action',
      'time',
      'durationMs',
      'requestId',
      'peer',
      'status',
    ])
    assert.equal(JSON.parse(formatRecord({ ...least, asked })).select, '*')
  })
})

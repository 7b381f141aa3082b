import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { AuditRecord } from '../../src/audit/index.ts'
import { createRecordFormat } from '../../src/audit/record.ts'

const format = createRecordFormat({ version: '1.2.3', tenantId: 'tenant', hostName: 'host' })

const callers: readonly (AuditRecord['caller'] | undefined)[] = [
  { issuer: 'cluster', subject: 'a', workload: { namespace: 'soc', serviceAccount: 'a', pod: 'a-1' } },
  { issuer: 'id', subject: 'a', tokenId: 't' },
  { issuer: 'id', subject: 'b' },
  undefined,
]
const peers: readonly AuditRecord['peer'][] = [
  {},
  { ip: '192.0.2.1', port: 5 },
  { ip: '192.0.2.1', proxies: ['127.0.0.1'] },
]
const session = { workspaceId: 'default', sessionId: 'ecdfb9b3-58f5-457f-a18c-4a477890b252' }
const list = {
  operation: 'session.list',
  workspaceId: 'default',
  resources: [{ type: 'session', uid: '*' }],
  select: null,
  isFiltered: false,
  isNextPage: false,
}

const record: fc.Arbitrary<AuditRecord> = fc.record(
  {
    action: fc.constantFrom('read', 'read', 'purge'),
    time: fc.constant(1),
    durationMs: fc.constantFrom(0, 1.4),
    requestId: fc.constantFrom('one', 'other'),
    method: fc.constantFrom('GET', 'HEAD', 'BREW', undefined),
    peer: fc.constantFrom(...peers),
    caller: fc.constantFrom(...callers),
    asked: fc.constantFrom<AuditRecord['asked']>(
      { ...session, select: null },
      { ...session, select: ['id'] },
      session,
      list,
      undefined,
    ),
    rule: fc.constantFrom('first', 'second', undefined),
    status: fc.constantFrom(200, 200, 304, 403, 404, 401, 503),
    refusal: fc.constantFrom(
      undefined,
      undefined,
      { code: 'accessDenied', reason: 'because' },
      { code: 'other' },
    ),
    outcome: fc.constantFrom('hit', 'miss', undefined),
    fate: fc.constantFrom(undefined, undefined, 'withheld'),
  },
  { noNullPrototype: true },
)

test('a record says of callers and peers whom it has met before what it would say had it never met them', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 10 }), (records) => {
      for (const [index, each] of records.entries()) {
        const line = format.request(each, index)
        assert.equal(line, format.request(structuredClone(each), index))
        // What is the same for everybody is made once as well.
        assert.partialDeepStrictEqual(JSON.parse(`${line}}}`), {
          activity_id: each.action === 'read' ? 2 : 99,
          status_code: String(each.status),
          status_id: each.status < 400 ? 1 : 2,
          severity_id: each.status === 401 || each.status === 403 ? 2 : 1,
          api: { response: { code: each.status, ...(each.refusal && { error: each.refusal.code }) } },
          http_response: { code: each.status },
          ...(each.method === 'GET' || each.method === 'HEAD'
            ? { http_request: { http_method: each.method } }
            : {}),
        })
      }
    }),
    { numRuns: 2_000 },
  )
})

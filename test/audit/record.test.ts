import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { createChain } from '../../src/audit/chain.ts'
import type { AuditRecord } from '../../src/audit/index.ts'
import { createRecordFormat, type TrailEvent } from '../../src/audit/record.ts'
import { type Line, recordedIn } from '../world/recorded.ts'
import { sessionId } from '../world/world.ts'
import { faultsOfEvent } from './ocsf.ts'

const format = createRecordFormat({
  version: '1.2.3',
  tenantId: 'aaaabbbb-0000-cccc-1111-dddd2222eeee',
  hostName: 'gateway-0',
})
const least: AuditRecord = {
  action: 'read',
  time: 1_795_528_685_428,
  durationMs: 1.4,
  requestId: 'ecdfb9b3-0000-4000-8000-4a477890b252',
  peer: {},
  status: 401,
}
const most: AuditRecord = {
  ...least,
  method: 'GET',
  clientRequestId: 'c'.repeat(64),
  peer: { ip: '2001:db8:1111:2222:3333:4444:5555:6666', port: 65_535 },
  caller: {
    issuer: 'cluster',
    subject: 'system:serviceaccount:soc:triage',
    tokenId: '20b96d00-7a26-482d-8890-202511f75033',
    workload: { namespace: 'soc', serviceAccount: 'triage', pod: 'triage-1', podUid: 'u-1' },
  },
  asked: { workspaceId: 'default', sessionId, select: ['displayName', 'id'] },
  rule: 'triage',
  status: 200,
  refusal: { code: 'accessDenied', reason: 'because' },
  outcome: 'lastResort',
  graphFailure: 'graphUnavailable',
  trip: { clientRequestId: 'dfd2bc01-d69c-4252-b7d0-2985bb30dc28', requestId: 'g'.repeat(64) },
  fate: 'withheld',
  repeated: { count: 3, from: 1, until: 2 },
}
const evaluations: AuditRecord = {
  ...most,
  asked: {
    operation: 'evaluation.list',
    workspaceId: 'default',
    resources: [
      { type: 'session', uid: sessionId },
      { type: 'prompt', uid: 'p-1' },
      { type: 'evaluation', uid: '*' },
    ],
    select: null,
    isFiltered: true,
    top: 10,
    isNextPage: true,
  },
  fate: 'cut',
}
const events: readonly TrailEvent[] = (
  ['chain.open', 'chain.close', 'chain.checkpoint', 'requests.refused', 'records.lost'] as const
).map((name) => ({
  name,
  time: 1,
  uid: 'f0f2cecd-6034-432d-a9a3-cd1a2e4f832e',
  repeated: { count: 3, from: 1, until: 2 },
  detail: { previous: { chainUid: 'c', sequence: 1, fingerprint: 'f' } },
}))

function lineOf(record: AuditRecord): string {
  return createChain().seal(format.request(record, 7))
}

describe('a record', () => {
  const kinds: readonly [what: string, record: AuditRecord][] = [
    ['with nothing known', least],
    ['with everything known', most],
    ['of a purge of everything', { ...most, action: 'purge', asked: { workspaceId: null, sessionId: null } }],
    ['of a method that OCSF does not know', { ...most, method: 'PROPFIND' }],
    ['of a list', evaluations],
    ['of every property', { ...most, asked: { workspaceId: 'default', sessionId, select: null } }],
  ]
  for (const [what, record] of kinds) {
    test(`${what} is an OCSF 1.8.0 API Activity event`, () => {
      assert.deepEqual(faultsOfEvent(JSON.parse(lineOf(record))), [])
    })
  }
  for (const event of events) {
    test(`of the trail itself, ${event.name}, is an OCSF 1.8.0 API Activity event`, () => {
      assert.deepEqual(faultsOfEvent(JSON.parse(createChain().seal(format.event(event, 1)))), [])
    })
  }

  test('is not an event once something in it is not as OCSF has it', () => {
    const event: Line = JSON.parse(lineOf(most))
    const changes: readonly [change: Line, fault: RegExp][] = [
      [{ time: '2026' }, /time/],
      [{ severity_id: 7 }, /severity_id/],
      [{ type_uid: 600_301 }, /type_uid/],
      [{ actor: { idp: { name: 'x' } } }, /none of/],
      [{ api: { operation: 'x', request: {} } }, /api\.request\.uid: missing/],
      [{ extra: 1 }, /extra: unknown/],
      [{ src_endpoint: { ip: 'here' } }, /no ip_t/],
      [{ src_endpoint: { ip: '::1', port: 70_000 } }, /no port_t/],
      [{ resources: {} }, /not a list/],
      [{ class_uid: 6002 }, /another class/],
      [{ level: undefined }, /level/],
      [{ actor: undefined }, /actor: missing/],
    ]
    for (const [change, fault] of changes) {
      const changed: Line = JSON.parse(JSON.stringify({ ...event, ...change }))
      assert.match(faultsOfEvent(changed).join('\n'), fault)
    }
  })

  test('says again what it was made of', () => {
    assert.deepEqual(recordedIn(lineOf(most)), {
      action: 'read',
      time: least.time,
      duration: 1,
      count: 3,
      requestId: least.requestId,
      clientRequestId: 'c'.repeat(64),
      method: 'GET',
      peer: '2001:db8:1111:2222:3333:4444:5555:6666',
      issuer: 'cluster',
      subject: 'system:serviceaccount:soc:triage',
      tokenId: '20b96d00-7a26-482d-8890-202511f75033',
      namespace: 'soc',
      serviceAccount: 'triage',
      pod: 'triage-1',
      podUid: 'u-1',
      workspace: 'default',
      session: sessionId,
      select: ['displayName', 'id'],
      rule: 'triage',
      status: 200,
      refusal: 'accessDenied',
      reason: 'because',
      cache: 'lastResort',
      graphFailure: 'graphUnavailable',
      graphClientRequestId: 'dfd2bc01-d69c-4252-b7d0-2985bb30dc28',
      graphRequestId: 'g'.repeat(64),
      withheld: true,
    })
  })

  test('of a list names what the list belongs to, and how it was asked but for the words of a filter', () => {
    const { operation, workspace, resources, select, filtered, top, nextPage, cut, withheld } =
      recordedIn(lineOf(evaluations)) ?? {}
    assert.deepEqual(
      { operation, workspace, resources, select, filtered, top, nextPage, cut, withheld },
      {
        operation: 'evaluation.list',
        workspace: 'default',
        resources: [
          `Security Copilot session ${sessionId}`,
          'Security Copilot prompt p-1',
          'Security Copilot evaluation *',
        ],
        select: ['*'],
        filtered: true,
        top: 10,
        nextPage: true,
        cut: true,
        withheld: undefined,
      },
    )
  })

  test('is one line of printable ASCII that says the same again, whatever a token or a client holds', () => {
    const anything = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(anything, anything, anything, (subject, pod, reason) => {
        const workload = { namespace: subject, serviceAccount: pod, pod, podUid: pod }
        const line = lineOf({
          ...least,
          caller: { issuer: 'i', subject, tokenId: pod, workload },
          refusal: { code: 'c', reason },
        })
        assert.match(line, /^[ -~]+\n$/)
        // Half a character is none: readers of JSON stumble over it, and nobody's name has one.
        const [who, where, why] = [subject, pod, reason].map((each) => each.toWellFormed())
        assert.partialDeepStrictEqual(recordedIn(line), {
          subject: who,
          tokenId: where,
          namespace: who,
          serviceAccount: where,
          pod: where,
          podUid: where,
          reason: why,
        })
      }),
      { examples: [['\u007f', '\u2028 \ud800', '\0\r\n"\\']] },
    )
  })

  test('cuts a reason, which only explains, and nothing that names somebody', () => {
    const reason = '🤖'.repeat(256)
    const record = recordedIn(lineOf({ ...most, refusal: { code: 'c', reason } }))
    assert.ok(String(record?.['reason']).length > 150)
    assert.ok(reason.startsWith(String(record?.['reason'])))
    const odd = recordedIn(lineOf({ ...most, refusal: { code: 'c', reason: `x${reason}` } }))
    assert.ok(String(odd?.['reason']).isWellFormed(), 'no character is cut in two')
    assert.equal(
      recordedIn(lineOf({ ...most, refusal: { code: 'c', reason: 'x'.repeat(1000) } }))?.['reason'].length,
      1000,
    )
  })

  test('says * for every property, and for everything purged', () => {
    const purged = recordedIn(
      lineOf({ ...most, action: 'purge', asked: { workspaceId: null, sessionId: null } }),
    )
    assert.deepEqual(
      [purged?.['action'], purged?.['workspace'], purged?.['session'], purged?.['select']],
      ['purge', '*', '*', undefined],
    )
    const read = recordedIn(lineOf({ ...most, asked: { workspaceId: 'default', sessionId, select: null } }))
    assert.deepEqual(read?.['select'], ['*'])
  })

  test('says how grave it is, and whether it went well', () => {
    const said = (status: number): unknown[] => {
      const { severity_id, status_id, status_code } = JSON.parse(lineOf({ ...least, status }))
      return [severity_id, status_id, status_code]
    }
    assert.deepEqual([200, 304, 400, 401, 403, 404, 499, 503].map(said), [
      [1, 1, '200'],
      [1, 1, '304'],
      [1, 2, '400'],
      [2, 2, '401'],
      [2, 2, '403'],
      [1, 2, '404'],
      [1, 2, '499'],
      [1, 2, '503'],
    ])
    const event = (name: TrailEvent['name']): unknown[] => {
      const { severity_id, status_id } = JSON.parse(
        createChain().seal(format.event({ name, time: 1, uid: 'u' }, 1)),
      )
      return [severity_id, status_id]
    }
    assert.deepEqual(
      events.map(({ name }) => event(name)),
      [
        [1, 1],
        [1, 1],
        [1, 1],
        [4, 2],
        [4, 2],
      ],
    )
  })
  test('whoever is allowed or denied', () => {
    const decision = (change: Partial<AuditRecord>): unknown =>
      JSON.parse(lineOf({ ...least, ...change })).actor.authorizations?.[0]?.decision
    assert.deepEqual(
      [
        { rule: 'r' },
        { refusal: { code: 'accessDenied' } },
        { refusal: { code: 'unauthenticated' } },
        {},
      ].map(decision),
      ['allowed', 'denied', undefined, undefined],
    )
  })
  test('quotes everything that an operator or a network names, too', () => {
    const odd = 'Ä "x" \\ \u007f'
    const odder = createRecordFormat({ version: odd, tenantId: odd, hostName: odd })
    const line = createChain().seal(
      odder.request({ ...least, rule: odd, peer: { ip: odd }, caller: { issuer: odd, subject: odd } }, 1),
    )
    const event = createChain().seal(odder.event({ name: 'chain.open', time: 1, uid: 'u' }, 1))
    for (const each of [line, event]) assert.match(each, /^[ -~]+\n$/)
    const { actor, src_endpoint, metadata } = JSON.parse(line)
    assert.deepEqual(
      [
        actor.idp.name,
        actor.authorizations[0].policy.name,
        src_endpoint.ip,
        metadata.product.version,
        metadata.tenant_uid,
        JSON.parse(event).src_endpoint.name,
      ],
      Array.from({ length: 6 }, () => odd),
    )
  })
})

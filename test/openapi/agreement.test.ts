/** The document and a running gateway, in both directions: what is answered is described, and what is described was met. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { Fault } from '../../src/emulator/index.ts'
import { openApiDocument } from '../../src/http/openapi/index.ts'
import { createHeldSink } from '../audit/held-sink.ts'
import { errorCodes } from '../error-codes.ts'
import { placeSession } from '../graph/answers.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { startWorld, type World } from '../world/world.ts'
import { type Arguments, type Call, Client, type Met } from './client.ts'
import { Described, type Document, headOf, type Operation } from './document.ts'
import { config, filterable, idsOf, statusFault, unmet, unreadable } from './known.ts'

const selectable = ['id', 'createdDateTime', 'lastModifiedDateTime', 'displayName']
const told = { version: '0.0.0', publicUrl: undefined, isSecure: true, selectable }
const { operations } = new Described(openApiDocument(told) as Document)
const met: Met = { answers: new Set(), codes: new Set() }

const reads = [...operations.values()].filter(({ isOfCallersPort }) => isOfCallersPort)
const purges = [...operations.values()].filter(({ method }) => method === 'DELETE')
const probes = [...operations.values()].filter(({ tags }) => tags.includes('management'))

const absentId = randomUUID()
const longId = `${'x'.repeat(64)}-`

describe('what the callers’ port answers is what the document says:', () => {
  const clock = createFakeClock()
  let world: World
  let client: Client
  before(async () => {
    world = await startWorld({ clock, config })
    client = await Client.of(world, met)
  })
  after(() => world[Symbol.asyncDispose]())

  /** Of a session, one that nobody has asked for: what is kept would be given in spite of a fault. */
  function argsOf(operation: Operation): Arguments {
    const isCached = operation.responses['304'] !== undefined
    return { ...idsOf(operation), ...(isCached ? { sessionId: placeSession(world).id } : {}) }
  }

  async function assertMeets(
    status: number,
    operation: Operation,
    call: Call = {},
    fault?: Fault,
  ): Promise<void> {
    if (fault !== undefined) world.emulator.fail('graph', fault, Infinity)
    const args = { ...argsOf(operation), ...call.args }
    const asking = client.call(operation.operationId, { ...call, args })
    if (fault?.kind === 'hang') {
      await world.emulator.reached('graph', world.emulator.graph.calls + 1)
      clock.advance(10_000)
    }
    const reply = await asking
    world.emulator.recover('graph')
    // The gate opens, what has failed rests no more, and a trip that ends well begins the count anew.
    if (fault !== undefined) {
      clock.advance(61_000)
      assert.equal((await client.call(operation.operationId, { args: argsOf(operation) })).status, 200)
    }
    assert.equal(reply.status, status, `${operation.operationId}: ${reply.body}`)
  }

  for (const operation of reads) {
    const { operationId, parameters, responses } = operation
    const isKept = responses['304'] !== undefined
    const takes = (name: string): boolean => parameters.some((each) => each.name === name)
    const collection = /\w+(?=\/\{\w+\}$|$)/.exec(operation.path)?.[0] ?? ''
    const select = { $select: [collection === 'plugins' ? 'name' : 'id'] }

    test(`${operationId}, answered`, async () => {
      const args = argsOf(operation)
      await assertMeets(200, operation, { args })
      await assertMeets(200, operation, { args: { ...args, 'client-request-id': 'callers-own' } })
      await assertMeets(200, operation, { args: { ...args, ...select } })
      if (isKept) await assertMeets(304, operation, { args: { ...args, 'If-None-Match': '*' } })
      const options = { $count: true, $top: 1, $filter: `${filterable[collection]} eq 'a, b & c+d''s'` }
      const taken = Object.entries(options).filter(([name]) => takes(name))
      if (taken.length > 0) await assertMeets(200, operation, { args: Object.fromEntries(taken) })
    })

    test(`${operationId}, refused by the gateway`, async () => {
      const wrong = takes('workspaceId') ? { workspaceId: longId } : { $select: ['no-such'] }
      await assertMeets(400, operation, { args: wrong, areWrong: true })
      await assertMeets(400, operation, { args: { $select: ['not a name'] }, areWrong: true })
      await assertMeets(401, operation, { as: null })
      await assertMeets(403, operation, { as: 'stranger' })
      await assertMeets(404, operation, { suffix: '/' })
      const as = `seldom-${reads.indexOf(operation)}`
      const args = argsOf(operation)
      await assertMeets(200, operation, { args, as })
      await assertMeets(429, operation, { args, as })
      await assertMeets(504, operation, { args: { 'Cache-Control': 'only-if-cached' } })
      for (const [status, lines] of unreadable) {
        const answer = await client.callRaw(operationId, lines, { args: argsOf(operation) })
        assert.equal(answer.status, status)
      }
    })

    test(`${operationId}, refused by Graph or failed`, async () => {
      await assertMeets(404, operation, {}, statusFault(404))
      await assertMeets(410, operation, {}, statusFault(410))
      await assertMeets(isKept ? 502 : 400, operation, { args: select }, statusFault(400))
      await assertMeets(502, operation, {}, statusFault(403))
      await assertMeets(502, operation, {}, { kind: 'html' })
      await assertMeets(502, operation, {}, { kind: 'reset' })
      await assertMeets(503, operation, {}, statusFault(429, '30'))
      await assertMeets(504, operation, {}, { kind: 'hang' })
    })
  }

  test('to a question that has just failed, with when to ask again', async () => {
    const operation = client.operation('security.securityCopilot.workspaces.GetSessions')
    const args = argsOf(operation)
    world.emulator.fail('graph', statusFault(403))
    for (const retryAfter of [undefined, '10']) {
      const reply = await client.call(operation.operationId, { args })
      assert.deepEqual([reply.status, reply.headers['retry-after']], [502, retryAfter])
    }
  })

  test('from the cache, fresh and stale, and of what is not there', async () => {
    const operation = client.operation('security.securityCopilot.workspaces.GetSessions')
    const args = argsOf(operation)
    await client.call(operation.operationId, { args })
    clock.advance(31_000)
    const stale = await client.call(operation.operationId, { args })
    assert.match(String(stale.headers['cache-status']), /; hit; ttl=-1$/)
    for (const cacheStatus of [/fwd=uri-miss/, /; hit;/]) {
      const reply = await client.call(operation.operationId, { args: { ...args, sessionId: absentId } })
      assert.equal(reply.status, 404)
      assert.match(String(reply.headers['cache-status']), cacheStatus)
    }
  })

  for (const operation of probes) {
    test(operation.operationId, async () => {
      const { operationId } = operation
      assert.equal((await client.call(operationId)).status, 200)
      for (const [status, lines] of [[400, 'X-Host: none\r\n'] as const, ...unreadable])
        assert.equal((await client.callRaw(operationId, lines)).status, status)
    })
  }

  for (const operation of purges) {
    test(operation.operationId, async () => {
      const { operationId } = operation
      const args = idsOf(operation)
      const own = { ...args, 'client-request-id': 'operators-own' }
      const as = 'ops'
      for (const [status, call] of [
        [200, { args, as }],
        [200, { args: own, as }],
        [400, { args, as, suffix: '?all=true' }],
        [401, { args, as: null }],
        [403, { args }],
        [404, { args, as, suffix: '/' }],
        [200, { args, as: `purges-${purges.indexOf(operation)}` }],
        [429, { args, as: `purges-${purges.indexOf(operation)}` }],
      ] as const) {
        assert.equal((await client.call(operationId, call)).status, status)
      }
      for (const [status, lines] of unreadable)
        assert.equal((await client.callRaw(operationId, lines, { args, as })).status, status)
    })
  }
})

describe('what is answered while something is not to be had is what the document says:', () => {
  const everything = [...reads, ...purges]
  const codeIn = (reply: { readonly body: string }): unknown =>
    reply.body === '' ? undefined : JSON.parse(reply.body).error.code

  async function assertAll(client: Client, asked: readonly Operation[], code: string): Promise<void> {
    for (const operation of asked) {
      const as = operation.method === 'DELETE' ? 'ops' : 'triage'
      const reply = await client.call(operation.operationId, { args: idsOf(operation), as })
      const expected = [503, operation.method === 'HEAD' ? undefined : code]
      assert.deepEqual([reply.status, codeIn(reply)], expected, operation.operationId)
    }
  }

  test('the keys of issuers', async () => {
    await using world = await startWorld({
      config,
      mayBeUnready: true,
      prepare(emulator) {
        emulator.fail('issuer', { kind: 'reset' }, Infinity)
        emulator.fail('cluster', { kind: 'reset' }, Infinity)
      },
    })
    const client = await Client.of(world, met)
    await assertAll(client, everything, 'issuerUnavailable')
    for (const id of ['management.GetReady', headOf('management.GetReady')])
      assert.equal((await client.call(id)).status, 503)
  })

  test('a review of the caller’s token', async () => {
    const issuers = { cluster: { tokenReview: {} } }
    await using world = await startWorld({ config: { ...config, issuers } })
    world.emulator.cluster.mayReview = false
    await assertAll(await Client.of(world, met), everything, 'tokenReviewUnavailable')
  })

  test('a token for Graph', async () => {
    await using world = await startWorld({
      config,
      mayBeUnready: true,
      prepare: (emulator) => emulator.fail('token', { kind: 'reset' }, Infinity),
    })
    await assertAll(await Client.of(world, met), reads, 'tokenUnavailable')
  })

  test('a place for records', async () => {
    const clock = createFakeClock()
    const { sink, written, flow } = createHeldSink()
    await using world = await startWorld({ config, clock, auditSink: sink, mayBeUnready: true })
    await written(1)
    clock.advance(1_000)
    await assertAll(await Client.of(world, met), everything, 'auditUnavailable')
    flow()
  })
})

test('every answer and every code in the document was met, but those that are known to be missing', () => {
  const described = [...operations.values()].flatMap(({ operationId, responses }) =>
    Object.keys(responses)
      .filter((status) => !(status in unmet.answers))
      .map((status) => `${operationId} ${status}`),
  )
  assert.deepEqual([...met.answers].toSorted(), described.toSorted())
  const codes = [...errorCodes()].filter((code) => !(code in unmet.codes))
  assert.deepEqual([...met.codes].toSorted(), codes.toSorted())
})

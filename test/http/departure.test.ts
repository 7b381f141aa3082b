import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { AuditUnavailable, type Trail, type Waiter } from '../../src/audit/index.ts'
import { createDeparture } from '../../src/http/departure.ts'
import { Exchange } from '../../src/http/exchange.ts'

test('a fault of an answer that has no record in time is told, and does not reach whoever tells the others', () => {
  const request = new IncomingMessage(new Socket())
  const opening = { action: 'read', peer: { ip: undefined, port: undefined }, now: 0, waitedMs: 0 } as const
  const exchange = new Exchange(request, new ServerResponse(request), opening)
  const fault = new Error('no answer can be made')
  const told: unknown[] = []
  let waiter: Waiter | undefined
  const depart = createDeparture({
    action: 'read',
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it takes a record, and no more is asked of it
    trail: { hand: (_record: unknown, who: Waiter) => void (waiter = who) } as unknown as Trail,
    refuse() {
      throw fault
    },
    answered: () => assert.fail('it was answered'),
    onFault: (error) => void told.push(error),
  })
  depart(
    exchange,
    { status: 200, headers: [], body: '' },
    { leaving: () => assert.fail('it left'), done: () => void told.push('done') },
  )
  assert.deepEqual(told, [])
  waiter?.notTaken(new AuditUnavailable('the sink is gone'))
  assert.deepEqual(told, [fault, 'done'])
})

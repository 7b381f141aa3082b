import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, beforeEach, test } from 'node:test'
import * as fc from 'fast-check'
import type { Fault } from '../../src/emulator/index.ts'
import { createLinkLocal } from '../../src/outbound/index.ts'
import { listening } from '../outbound/counterpart.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { failureOf } from './entra.ts'
import { startMachine } from './imds.ts'

const machine = await startMachine()
const { emulator } = machine
const { imds } = emulator
after(() => machine[Symbol.asyncDispose]())
beforeEach(() => emulator.reset())

const canaryToken = 'eyJhbGciOiJub25lIn0.eyJjYW5hcnkiOiJ0b2tlbiJ9.canarysignature'

function answering(content: unknown, status = 200): Fault {
  const headers = { 'Content-Type': 'application/json' }
  return { kind: 'body', status, headers, body: JSON.stringify(content) }
}

const faults: readonly (readonly [what: string, fault: Fault, says: RegExp, retryAfterMs?: number])[] = [
  ['404', { kind: 'status', status: 404 }, /answered 404.*What to do: IMDS is being updated.*by itself/],
  ['410', { kind: 'status', status: 410 }, /answered 410.*being updated, which takes 70 s.*by itself/],
  ['429', { kind: 'status', status: 429, retryAfter: '17' }, /asked too often by this machine/, 17_000],
  ['500', { kind: 'status', status: 500 }, /answered 500 \(unknown: Failed.*fails; .*tries again by itself/],
  ['a 503 of HTML', { kind: 'html', status: 503 }, /answered 503 \(nothing that IMDS says\)/],
  ['403', { kind: 'status', status: 403 }, /answered 403.*keeps this pod from IMDS/],
  ['a 200 of HTML', { kind: 'html' }, /answered 200 .*something else than IMDS answers at http:\/\/127/],
  ['a reset', { kind: 'reset' }, /IMDS could not be reached: .*connection terminated/],
  ['half an answer', { kind: 'truncate' }, /IMDS could not be reached: .*response incomplete/],
  ['a list', answering([]), /answered 200 \(nothing that IMDS says\)/],
  ['a token with a 400', answering({ access_token: canaryToken }, 400), /answered 400/],
  [
    'an error that repeats a token',
    answering({ error: 'x', error_description: canaryToken }, 400),
    /\[redacted\]/,
  ],
  [
    'no token',
    answering({ token_type: 'Bearer', expires_on: '99999999999' }),
    /access token|exchange failed/,
  ],
  [
    'an empty token',
    answering({ access_token: '', expires_on: '9999999999' }),
    /access token|exchange failed/,
  ],
  [
    'an error with a 200',
    answering({ error: 'odd', error_description: canaryToken }),
    /exchange failed|token/,
  ],
  [
    'an answer without end',
    { kind: 'body', status: 200, headers: {}, body: ' '.repeat(300 * 1024) },
    /body size/,
  ],
  [
    'a page of control characters',
    answering({ error: 'a\u001b[2J\r\nb', error_description: 'x'.repeat(2_000) }, 400),
    /answered 400 \(a\[2Jb: x{1,500}\)/,
  ],
]

for (const [what, fault, says, retryAfterMs] of faults) {
  test(`IMDS answering ${what} fails that exchange in one question, and the very next one succeeds`, async () => {
    const exchange = machine.exchange()
    emulator.fail('imds', fault)
    const failure = await failureOf(exchange, canaryToken, 'canarysignature')
    assert.match(failure.message, says)
    assert.equal(failure.retryAfterMs, retryAfterMs)
    assert.equal(imds.requests.length, 1)
    await exchange()
    assert.equal(imds.requests.length, 2)
  })
}

test('an identity that the machine does not have is told with the command that assigns it', async () => {
  const { identities } = imds
  imds.identities = []
  const system = await failureOf(machine.exchange())
  assert.match(
    system.message,
    /400 \(invalid_request: Identity not found\)\. What to do: this machine has no/,
  )
  assert.match(system.message, /az vm identity assign --ids/)
  const user = await failureOf(machine.exchange({ assigned: 'user' }))
  assert.match(
    user.message,
    new RegExp(`no user-assigned identity with the client ID ${emulator.entra.clientId}`),
  )
  assert.match(user.message, /az vm identity assign .*--identities/)
  imds.identities = [
    { assigned: 'user', clientId: emulator.entra.clientId },
    { assigned: 'user', clientId: '66666666-2222-3333-4444-555555555555' },
  ]
  assert.match((await failureOf(machine.exchange())).message, /Multiple user.*write assigned: user/)
  imds.identities = identities
})

test('where there is no IMDS, that is told, and what to use instead', async () => {
  const server = createServer()
  const gone = await listening(server)
  await gone[Symbol.asyncDispose]()
  const { message } = await failureOf(machine.exchange({ endpoint: `http://127.0.0.1:${gone.port}` }))
  assert.match(
    message,
    /could not be reached: .*connection refused.*on Azure machines only.*NetworkPolicy.*federated/,
  )
})

test('IMDS answering nothing fails at the deadline', async () => {
  const clock = createFakeClock()
  const linkLocal = createLinkLocal(clock)
  emulator.fail('imds', { kind: 'hang' })
  const failing = failureOf(machine.exchange({ clock, linkLocal, deadlineMs: 5_000 }))
  await emulator.reached('imds', 1)
  clock.advance(5_000)
  assert.match((await failing).message, /IMDS could not be reached: .*response timeout/)
})

for (const status of [301, 302, 307, 308]) {
  test(`a ${status} of IMDS is not followed`, async () => {
    const server = createServer((_request, response) => void response.end())
    await using elsewhere = await listening(server)
    const location = `http://127.0.0.1:${elsewhere.port}/token`
    emulator.fail('imds', { kind: 'redirect', status, location })
    const { message } = await failureOf(machine.exchange())
    assert.match(message, new RegExp(`answered ${status} .*never redirects`))
    assert.equal(elsewhere.connections, 0)
  })
}

test('whatever IMDS answers, an exchange ends in a token of ours or in a failure for the operator', async () => {
  const { clientId } = emulator.entra
  const fields = 'access_token expires_on expires_in token_type client_id error message resource __proto__'
  const odd = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('3600', 3600, 'x', clientId, 'Bearer', '9999999999', 'a\r\nb: c', 'é'),
  )
  const bodies = fc.dictionary(fc.constantFrom(...fields.split(' ')), odd)
  const exchange = machine.exchange()
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(200, 200, 400, 500), bodies, async (status, body) => {
      emulator.fail('imds', answering({ client_id: clientId, access_token: 'a.b.c', ...body }, status))
      const outcome = await exchange().catch((error: unknown) => error)
      if (outcome instanceof Error) assert.equal(outcome.name, 'ExchangeFailed', String(outcome.stack))
      else assert.match((outcome as { value: string }).value, /^[\x21-\x7e]+$/)
    }),
    { numRuns: 300 },
  )
})

test('an exchange under way when the gateway stops ends at once', async () => {
  const linkLocal = createLinkLocal(createFakeClock())
  const server = createServer()
  const hanging = once(server, 'request')
  await using silent = await listening(server)
  const failing = failureOf(machine.exchange({ endpoint: `http://127.0.0.1:${silent.port}`, linkLocal }))
  await hanging
  linkLocal.close()
  assert.match((await failing).message, /could not be reached/)
})

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createFakeClock } from '../world/fake-clock.ts'
import { audience, startWorld } from '../world/world.ts'
import { reasonOf } from './forge.ts'

const clock = createFakeClock()
const world = await startWorld({ clock })
after(() => world[Symbol.asyncDispose]())
// Of alike refusals ten a second have a line in the log.
beforeEach(() => clock.advance(1_000))
const { emulator } = world
const triage = { namespace: 'soc', serviceAccount: 'triage', audience }

const boundTo = (pod: unknown): Record<string, unknown> => ({
  'kubernetes.io': { namespace: 'soc', serviceaccount: { name: 'triage' }, pod },
})

test('a projected token names its pod, and which of that name it is, in the record', async () => {
  const podUid = '5c0e8f36-1d2b-4a7e-9f10-6b3d2c4e8a71'
  const token = await emulator.issuer.serviceAccountToken({
    ...triage,
    claims: { jti: 'j-1', ...boundTo({ name: 'triage-0', uid: podUid }) },
  })
  assert.equal((await world.ask(undefined, { token })).status, 200)
  assert.partialDeepStrictEqual(world.records.at(-1), {
    issuer: 'cluster',
    subject: 'system:serviceaccount:soc:triage',
    namespace: 'soc',
    serviceAccount: 'triage',
    pod: 'triage-0',
    podUid,
    tokenId: 'j-1',
    rule: 'triage',
    status: 200,
  })
})

test('a token that is bound to no pod is accepted, and no pod is recorded', async () => {
  const token = await emulator.issuer.serviceAccountToken({ ...triage, claims: boundTo(undefined) })
  assert.equal((await world.ask(undefined, { token })).status, 200)
  assert.equal(world.records.at(-1)?.['serviceAccount'], 'triage')
  assert(!('pod' in (world.records.at(-1) ?? {})))
})

for (const uid of ['', 'u'.repeat(65), 'a b', 'é', 7, { uid: 'a' }]) {
  test(`a pod's uid of ${JSON.stringify(uid).slice(0, 16)} is left out, and the caller is known all the same`, async () => {
    const claims = boundTo({ name: 'triage-0', uid })
    const token = await emulator.issuer.serviceAccountToken({ ...triage, claims })
    assert.equal((await world.ask(undefined, { token })).status, 200)
    const { pod, podUid } = world.records.at(-1) ?? {}
    assert.deepEqual([pod, podUid], ['triage-0', undefined])
  })
}

const differ = /its subject and its kubernetes.io claim name different service accounts/
const unbound = /it is not a bound service-account token/
const of = (namespace: unknown, name: unknown): Record<string, unknown> => ({
  'kubernetes.io': { namespace, serviceaccount: { name }, pod: { name: 'triage-0' } },
})

for (const [what, claims, reason] of [
  ['whose subject is another account', { sub: 'system:serviceaccount:soc:ops' }, differ],
  ['whose subject is in another namespace', { sub: 'system:serviceaccount:platform:triage' }, differ],
  ['whose subject is no service account', { sub: 'triage' }, differ],
  ['whose subject is a node', { sub: 'system:node:node-1' }, differ],
  ['without a subject', { sub: undefined }, differ],
  ['whose kubernetes.io claim is another account', of('soc', 'ops'), differ],
  ['whose kubernetes.io claim is another namespace', of('platform', 'triage'), differ],
  [
    'whose names are split elsewhere',
    { ...of('soc:x', 'triage'), sub: 'system:serviceaccount:soc:x:triage' },
    unbound,
  ],
  ['without a kubernetes.io claim', { 'kubernetes.io': undefined }, unbound],
  ['with a text for one', { 'kubernetes.io': 'soc/triage' }, unbound],
  ['with a list for one', { 'kubernetes.io': ['soc', 'triage'] }, unbound],
  ['without a namespace', of(undefined, 'triage'), unbound],
  ['without an account', of('soc', undefined), unbound],
  ['with a number for an account', of('soc', 7), unbound],
  ['with an empty namespace', { ...of('', 'triage'), sub: 'system:serviceaccount::triage' }, unbound],
  [
    'with a name that no object can have',
    { ...of('soc', 'Zoë'), sub: 'system:serviceaccount:soc:Zoë' },
    unbound,
  ],
  [
    'with a name longer than any',
    { ...of('soc', 'a'.repeat(254)), sub: `system:serviceaccount:soc:${'a'.repeat(254)}` },
    unbound,
  ],
  ['with a line break in a name', { ...of('soc', 'a\nb'), sub: 'system:serviceaccount:soc:a\nb' }, unbound],
  ['without an end, as legacy tokens are', { exp: undefined }, /missing required "exp" claim/],
  [
    'of a legacy secret',
    {
      iss: 'kubernetes/serviceaccount',
      aud: undefined,
      exp: undefined,
      'kubernetes.io': undefined,
      'kubernetes.io/serviceaccount/namespace': 'soc',
      'kubernetes.io/serviceaccount/service-account.name': 'triage',
    },
    /no issuer is configured for iss "kubernetes\/serviceaccount"/,
  ],
  [
    'of a legacy secret, signed anew',
    { 'kubernetes.io': undefined, 'kubernetes.io/serviceaccount/namespace': 'soc' },
    unbound,
  ],
  [
    'for the API server',
    { aud: [emulator.cluster.issuerUrl] },
    /its aud is .*, and issuers\.cluster\.audience is "/,
  ],
  [
    'for the API server by another name',
    { aud: ['api', 'vault'] },
    /its aud is .*, and issuers\.cluster\.audience is "/,
  ],
  ['for nobody in particular', { aud: undefined }, /missing required "aud" claim/],
] as const) {
  test(`refuses a service-account token ${what}`, async () => {
    const token = await emulator.issuer.serviceAccountToken({ ...triage, claims })
    const calls = emulator.graph.calls
    const reply = await world.ask(undefined, { token })
    assert.equal(reply.status, 401)
    assert.match(reasonOf(world, reply), reason)
    assert.equal(emulator.graph.calls, calls)
  })
}

test("the gateway's own token, which every pod's default one is like, opens nothing", async () => {
  const reply = await world.ask(undefined, { token: emulator.cluster.podToken })
  assert.equal(reply.status, 401)
  assert.match(reasonOf(world, reply), /its aud is .*, and issuers\.cluster\.audience is "/)
})

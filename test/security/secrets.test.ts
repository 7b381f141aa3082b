import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { sessionPath, startWorld } from '../world/world.ts'
import { assertUntold } from './untold.ts'
import { assertTellsNothing, sharedWorld, until } from './wire.ts'

test('a key in the file of something else stops the start, and is not told', async () => {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  })
  const [, line = ''] = key.split('\n')
  const assertNotTold = (told: unknown): void =>
    assert.ok(!String(told).includes(line.slice(0, 30)), String(told))
  for (const [name, config] of Object.entries({
    'a certificate': (file: string) => ({ server: { tls: { certFile: file } } }),
    'the certificate’s key': (file: string) => ({ server: { tls: { keyFile: file } } }),
    'the authorities': (file: string) => ({ outbound: { caFile: file } }),
    'the signing key': (file: string) => ({ audit: { signingKeyFile: file } }),
  })) {
    const failure: unknown = await startWorld({
      config: (inFolder) => {
        writeFileSync(inFolder('misplaced'), key)
        return config(inFolder('misplaced'))
      },
    }).then(
      (world) => world[Symbol.asyncDispose]().then(() => assert.fail(`started with ${name}`)),
      (error: unknown) => error,
    )
    assert.ok(failure instanceof Error)
    for (let error: unknown = failure; error instanceof Error; error = error.cause) {
      assertNotTold(`${error.message} ${error.stack}`)
    }
  }
})

test('the gateway’s own pod token and the callers’ tokens are not told, should their issuers repeat them', async () => {
  await using world = await startWorld({
    mayBeUnready: true,
    prepare: (emulator) => {
      const body = JSON.stringify({ issuer: emulator.cluster.podToken, message: emulator.cluster.podToken })
      emulator.fail('cluster', { kind: 'body', status: 403, headers: {}, body })
      emulator.fail('issuer', { kind: 'body', status: 200, headers: {}, body })
    },
  })
  await until('both have failed', async () => {
    await world.manage('/livez')
    return world.logs.filter(({ msg }) => String(msg).includes('could not be fetched')).length >= 2
  })
  const token = await world.workloadToken('triage')
  const nested = await world.emulator.issuer.token({ iss: token, sub: token, aud: token })
  const replies = [await world.ask(undefined, { token: nested }), await world.ask(undefined, { token })]
  assert.ok(replies.every(({ status }) => status === 401 || status === 503))
  await assertUntold(world, [world.emulator.cluster.podToken, token, nested], replies)
})

describe('no secret leaves', () => {
  const world = sharedWorld()

  test('neither in the body nor in the headers of any refusal, nor in a record or a log line', async () => {
    const { emulator, records, logs } = world()
    const token = await world().workloadToken('triage')
    const replies = [
      await world().ask(sessionPath, { token: `${token}x` }),
      await world().ask(sessionPath, { token: 'x.y.z' }),
    ]
    const faults = [
      { kind: 'status', status: 403, message: 'Missing application roles.' },
      { kind: 'html' },
      { kind: 'otherId' },
      { kind: 'truncate' },
      { kind: 'status', status: 400 },
    ] as const
    for (const [at, fault] of faults.entries()) {
      emulator.fail('graph', fault)
      const select = ['id', 'displayName', 'createdDateTime', 'lastModifiedDateTime', 'id,displayName'][at]
      const reply = await world().ask(`${sessionPath}?$select=${select}`, { token })
      assert.equal(reply.status, 502, fault.kind)
      replies.push(reply)
    }
    const told = replies.map(({ body, headers }) => body + JSON.stringify(headers)).join('\n')
    assertTellsNothing(told)
    assert.doesNotMatch(
      told,
      new RegExp(
        `${emulator.entra.clientSecret}|${new URL(emulator.url).host}|application roles|API: who am I`,
      ),
    )
    const kept = JSON.stringify([records, logs])
    for (const secret of [
      token,
      token.split('.')[2],
      emulator.entra.clientSecret,
      emulator.cluster.podToken,
      'API: who am I',
    ]) {
      assert.ok(!kept.includes(String(secret)), String(secret).slice(0, 12))
    }
    const graphToken = emulator.graph.requests[0]?.rawHeaders.find((value) => value.startsWith('Bearer '))
    assert.ok(graphToken !== undefined && !kept.includes(graphToken.slice(7)))
  })
})

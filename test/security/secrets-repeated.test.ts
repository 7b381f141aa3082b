import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, describe, test } from 'node:test'
import type { Fault } from '../../src/emulator/index.ts'
import { placeSession } from '../graph/answers.ts'
import { httpsServer } from '../outbound/counterpart.ts'
import { failureOf, secretOf, startEntra } from '../token/entra.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { assertUntold, partsOf } from './untold.ts'
import { sharedWorld } from './wire.ts'

// What may be told when nobody means harm: secrets.test.ts. Here whoever answers repeats what it was sent.

const json = { 'Content-Type': 'application/json' }

describe('the app-only token, should Graph repeat it', () => {
  const clock = createFakeClock()
  const world = sharedWorld({ clock, config: { log: { level: 'trace' } } })

  async function appToken(): Promise<string> {
    await world().ask(placeSession(world()).path)
    const { rawHeaders = [] } = world().emulator.graph.requests.at(-1) ?? {}
    return (rawHeaders[rawHeaders.indexOf('authorization') + 1] ?? '').slice('Bearer '.length)
  }

  const echoes: readonly (readonly [where: string, fault: (token: string) => Fault])[] = [
    ...[400, 401, 403, 404, 408, 410, 418, 429, 500, 503, 504].map(
      (status) =>
        [
          `in the message of a ${status}`,
          (token: string): Fault => ({
            kind: 'status',
            status,
            message: `Authorization: Bearer ${token} is bad.`,
          }),
        ] as const,
    ),
    [
      'in a message that is cut',
      (token) => ({ kind: 'status', status: 403, message: `${'x'.repeat(250)} ${token}` }),
    ],
    ['without a space before it', (token) => ({ kind: 'status', status: 403, message: `token=${token}&x` })],
    ['as the code', (token) => ({ kind: 'status', status: 403, code: token })],
    ['as the code of a 404', (token) => ({ kind: 'status', status: 404, code: token })],
    [
      'on a page',
      (token) => ({ kind: 'body', status: 502, headers: { 'Content-Type': 'text/html' }, body: token }),
    ],
    [
      'as a content type',
      (token) => ({ kind: 'body', status: 200, headers: { 'Content-Type': token }, body: '{}' }),
    ],
    [
      'as a coding',
      (token) => ({ kind: 'body', status: 200, headers: { 'Content-Encoding': token }, body: '{}' }),
    ],
    [
      'as a request-id',
      (token) => ({ kind: 'body', status: 403, headers: { 'request-id': token }, body: '{}' }),
    ],
    ['as Retry-After', (token) => ({ kind: 'status', status: 503, retryAfter: token })],
    ['as a place to go', (token) => ({ kind: 'redirect', location: `https://else.example/?t=${token}` })],
    [
      'as another id',
      (token) => ({ kind: 'body', status: 200, headers: json, body: JSON.stringify({ id: token }) }),
    ],
    [
      'as a property',
      (token) => ({ kind: 'body', status: 200, headers: json, body: JSON.stringify({ [token]: 1 }) }),
    ],
  ]
  for (const [where, fault] of echoes) {
    test(`${where}, is in no answer, record, log line or metric`, async () => {
      const { emulator } = world()
      const token = await appToken()
      const { path } = placeSession(world())
      emulator.fail('graph', fault(token), 2)
      const since = world().logs.length
      const asked = world().ask(`${path}?$select=id`)
      let isAnswered = false
      void asked.finally(() => (isAnswered = true))
      // A trip may wait for its turn, or for its second try.
      while (!isAnswered) {
        clock.advance(100)
        await world().manage('/livez')
      }
      const reply = await asked
      assert.notEqual(reply.status, 200)
      assert.ok(world().logs.length > since || [404, 410].includes(reply.status))
      emulator.recover('graph')
      await assertUntold(world(), [token], [reply])
      // Open for the next one.
      clock.advance(61_000)
    })
  }
})

describe('the credential, should Entra repeat it', async () => {
  const entra = await startEntra()
  after(() => entra[Symbol.asyncDispose]())
  const { emulator } = entra
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  const secret = 'canary~secret.with-40+characters/and=more'
  const { certPem, keyPem } = await emulator.certificateFor(['gateway'], 'rsa')

  /** Says everything it was sent, in every member that might be read. */
  async function echoing(answer: (form: URLSearchParams) => readonly [status: number, body: unknown]) {
    let sent = new URLSearchParams()
    const server = await httpsServer(
      (request, response) => {
        let body = ''
        request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
        request.on('end', () => {
          sent = new URLSearchParams(body)
          const [status, said] = answer(sent)
          response.writeHead(status, json).end(JSON.stringify(said))
        })
      },
      await emulator.certificateFor(['localhost']),
    )
    return { server, proof: () => sent.get('client_secret') ?? sent.get('client_assertion') ?? '' }
  }

  const proofOf = (form: URLSearchParams): string =>
    form.get('client_secret') ?? form.get('client_assertion') ?? ''
  const answers: readonly (readonly [
    where: string,
    answer: (form: URLSearchParams) => readonly [number, unknown],
  ])[] = [
    [
      'in the description',
      (form) => [
        401,
        { error: 'invalid_client', error_description: `Bad: ${proofOf(form)}.`, error_codes: [7000215] },
      ],
    ],
    [
      'in a description with the whole form',
      (form) => [400, { error: 'x', error_description: `${proofOf(form)} ${form.toString()}` }],
    ],
    ['as the error', (form) => [400, { error: proofOf(form) }]],
    ['in a 200 that is an error', (form) => [200, { error: 'x', error_description: proofOf(form) }]],
    ['in a 200 that has a description only', (form) => [200, { error_description: proofOf(form) }]],
    [
      'in a 200 that has a suberror only',
      (form) => [200, { suberror: proofOf(form), error_codes: [proofOf(form)] }],
    ],
    ['behind a line break', (form) => [503, { error: 'x', error_description: `a\r\n${proofOf(form)}` }]],
  ]
  const credentials = {
    'a secret': async () => secretOf(secret),
    'a federated token': async () => {
      const token = await emulator.issuer.token({ sub: 'gateway' })
      return { type: 'federated', tokenFile: await entra.file('assertion', token) } as const
    },
    'a certificate': async () =>
      ({
        type: 'certificate',
        file: await entra.file('cert.pem', certPem),
        keyFile: await entra.file('key.pem', keyPem),
      }) as const,
  }
  for (const [name, credentialOf] of Object.entries(credentials)) {
    for (const [where, answer] of answers) {
      test(`${name} ${where} is not told`, async () => {
        const { server, proof } = await echoing(answer)
        await using _ = server
        const credential = await credentialOf()
        const exchange = entra.exchange({ authorityHost: server.origin, credential })
        const failure = await failureOf(exchange)
        assert.ok(proof().length > 20)
        for (const part of partsOf(proof())) {
          for (let error: unknown = failure; error instanceof Error; error = error.cause) {
            const told = `${error.message} ${error.stack}`
            assert.ok(!told.includes(part) && !told.includes(encodeURIComponent(part)), told)
          }
        }
      })
    }
  }

  test('a private key is not told, wherever it is put by mistake or half', async () => {
    const [, line = '', ...rest] = pem.split('\n')
    assert.ok(line.length > 40)
    const halves = [
      pem,
      pem.slice(0, 200),
      [line, ...rest].join('\n'),
      pem.replace('PRIVATE', 'PRIVAT'),
      line,
    ]
    for (const [at, half] of halves.entries()) {
      const file = await entra.file(`half-${at}`, half)
      for (const credential of [
        { type: 'certificate', file },
        { type: 'certificate', file: await entra.file('cert.pem', certPem), keyFile: file },
        { type: 'secret', file },
        { type: 'federated', tokenFile: file },
      ] as const) {
        await failureOf(entra.exchange({ credential }), line, rest[3] ?? '')
      }
    }
  })
})

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { after, beforeEach, test } from 'node:test'
import { run } from '../program.ts'
import { startPatient } from './patient.ts'

const patient = await startPatient()
const { emulator, inFolder } = patient
after(() => patient[Symbol.asyncDispose]())
beforeEach(() => emulator.reset())

const shape = /^(?:ok {7}|warning {2}|failed {3}|skipped {2})[a-z][\w. -]*: \S/

test('in order it exits with 0, says so, and each line begins with its verdict and what it is about', async () => {
  const { code, stdout, stderr } = await run(['doctor', '-c', await patient.configured()])
  assert.deepEqual([code, stderr], [0, ''])
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines.pop(), 'Nothing is wrong.')
  for (const line of lines) assert.match(line, shape)
})

test('with a failure it exits with 1, says what to do on the same line, and counts', async () => {
  emulator.fail('token', { kind: 'entraError', aadsts: 7000215 })
  const { code, stdout } = await run(['doctor', '-c', await patient.configured()])
  assert.equal(code, 1)
  assert.match(stdout, /^failed {3}token: .*AADSTS7000215.*\. What to do: the client secret is wrong/m)
  assert.match(stdout, /^skipped {2}graph: it needs token$/m)
  assert.match(stdout, /\n1 failed, 0 to look at, 2 skipped, \d+ in order\n$/)
})

test('with warnings only it exits with 0', async () => {
  emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '30' })
  const { code, stdout } = await run(['doctor', '-c', await patient.configured()])
  assert.equal(code, 0)
  assert.match(stdout, /^warning {2}graph: .*429/m)
})

test('--json gives an object a line, with the same words, and nothing else', async () => {
  emulator.fail('token', { kind: 'entraError', aadsts: 7000215 })
  const { code, stdout, stderr } = await run(['doctor', '--json', '-c', await patient.configured()])
  assert.deepEqual([code, stderr], [1, ''])
  const lines: Record<string, unknown>[] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const token = lines.find(({ check }) => check === 'token')
  assert.deepEqual(Object.keys(token ?? {}), ['check', 'verdict', 'found', 'remedy'])
  assert.match(String(token?.['remedy']), /^the client secret is wrong/)
  assert.equal(lines.find(({ check }) => check === 'graph')?.['verdict'], 'skipped')
})

test('a configuration with problems is one failure a problem, and nothing else is looked at', async () => {
  await writeFile(inFolder('broken.yaml'), 'server: { listen: everywhere }')
  const { code, stdout } = await run(['doctor', '-c', await patient.configured(), inFolder('broken.yaml')])
  assert.equal(code, 1)
  assert.match(stdout, /^failed {3}configuration: \S+broken\.yaml:1:\d+ {2}server\.listen: /m)
  assert.match(stdout, /^skipped {2}everything else: /m)
  assert.equal(emulator.entra.requests.length, 0)
})

test('wrong arguments are 2', async () => {
  assert.equal((await run(['doctor', 'gateway.yaml'])).code, 2)
  assert.equal((await run(['doctor', '--loud'])).code, 2)
})

test('no secret and no token is shown, however whoever was sent them repeats them, and nothing that a terminal obeys', async () => {
  const jwt = await emulator.issuer.token({ sub: 'CANARY' })
  const { clientSecret } = emulator.entra
  const { podToken } = emulator.cluster
  const sent = { token: clientSecret, cluster: podToken, graph: jwt, issuer: jwt }
  const file = await patient.configured()
  for (const status of [200, 400, 503]) {
    for (const isRefused of [true, false]) {
      emulator.reset()
      for (const part of ['token', 'cluster', 'graph', 'issuer'] as const) {
        if (part === 'token' && !isRefused) continue
        const said = `${sent[part]} ${encodeURIComponent(sent[part])} ${jwt} \u009b31m`
        const body = JSON.stringify({
          error: { code: said, message: said },
          error_description: said,
          issuer: said,
        })
        const headers = { 'Content-Type': 'application/json' }
        emulator.fail(part, { kind: 'body', status, headers, body }, Infinity)
      }
      const { stdout, stderr } = await run(['doctor', '-c', file])
      assert.equal(stderr, '')
      for (const secret of [clientSecret, podToken, 'eyJ', '\u009b']) {
        assert.ok(!stdout.includes(secret), `${status}: ${stdout}`)
      }
    }
  }
})

test('what hangs in the system itself, a file here, does not keep it from ending', async () => {
  execFileSync('mkfifo', [inFolder('silent.key')])
  const file = await patient.configured({
    server: { tls: { certFile: inFolder('tls.crt'), keyFile: inFolder('silent.key') } },
  })
  const { code, stdout } = await run(['doctor', '-c', file])
  assert.equal(code, 1)
  assert.match(stdout, /^failed {3}server\.tls: nothing came of it within 3 s\. What to do: /m)
  assert.match(stdout, /^ok {7}graph: /m)
})

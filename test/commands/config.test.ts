import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parse } from 'yaml'
import { run } from './program.ts'

const secret = 'CANARY~a.client.secret~CANARY'

const sound = `
server: { tls: off, listen: '127.0.0.1:0', management: { listen: '127.0.0.1:0' } }
identity:
  tenantId: 11111111-1111-1111-1111-111111111111
  clientId: 22222222-2222-2222-2222-222222222222
  credential: { type: secret, value: '${secret}' }
issuers:
  cluster: { type: kubernetes, audience: session-gateway }
cache: { freshFor: 1m }
`

const broken = `
server: { tls: off, listen: 'everywhere' }
identity:
  tenantId: 11111111-1111-1111-1111-111111111111
  clientId: nobody
  credential: { type: secret, value: '${secret}' }
issuers:
  cluster: { type: kubernetes, audience: session-gateway }
cache: { freshFor: 30 parsecs, feshFor: 1s }
`

describe('a configuration', { concurrency: true }, () => {
  let folder = ''
  const file = (name: string): string => join(folder, name)
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'session-gateway-config-'))
    await writeFile(file('sound.yaml'), sound)
    await writeFile(file('broken.yaml'), broken)
    await writeFile(file('layer.yaml'), 'cache: { notFoundFor: 9s }')
  })
  after(() => rm(folder, { recursive: true }))

  const problemPaths = ['server.listen', 'identity.clientId', 'cache.freshFor', 'cache.feshFor']

  for (const command of ['check-config', 'serve', 'print-config']) {
    test(`with problems: ${command} says all of them, each with its place and path, and exits with 1`, async () => {
      const { code, stdout, stderr } = await run([command, '-c', file('broken.yaml')])
      assert.deepEqual([code, stdout], [1, ''])
      for (const path of problemPaths) {
        const line = new RegExp(`^(?:problem  )?\\S+/broken\\.yaml:\\d+:\\d+  ${path}: \\S.*$`, 'm')
        assert.match(stderr, line)
      }
      assert.doesNotMatch(stderr, /CANARY/)
    })

    test(`that is not there: ${command} names the file and exits with 1`, async () => {
      const { code, stdout, stderr } = await run([command, '--config', file('none.yaml')])
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(stderr, /none\.yaml/)
    })
  }

  test('without problems: check-config says so on stdout, its warnings on stderr, and exits with 0', async () => {
    const { code, stdout, stderr } = await run(['check-config', '-c', file('sound.yaml')])
    assert.deepEqual(
      [code, stdout],
      [0, 'The configuration is valid. The files that it names were not looked at.\n'],
    )
    const warnings = stderr.trimEnd().split('\n')
    assert.ok(
      warnings.every((line) => line.startsWith('warning  ')),
      stderr,
    )
    assert.match(stderr, /server\.tls/, 'TLS is off')
    assert.match(stderr, /access/, 'nothing is allowed')
  })

  test('of this repository is valid, and the demo’s is complete but for what the demo adds', async () => {
    assert.equal((await run(['check-config', '-c', 'config/gateway.yaml'])).code, 0)
    const { stderr } = await run(['check-config', '-c', 'config/demo.yaml'])
    for (const line of stderr.trimEnd().split('\n'))
      assert.match(line, /server\.tls|identity\.\w+|warning {2}/)
  })

  test('in effect: print-config writes YAML that says it again, where each value came from, and no secret', async () => {
    const files = `${file('sound.yaml')}:${file('layer.yaml')}`
    const env = { GATEWAY_CONFIG: files, GATEWAY_LOG_LEVEL: 'debug' }
    const { code, stdout, stderr } = await run(['print-config'], { env })
    assert.deepEqual([code, stderr], [0, ''])
    const printed = parse(stdout)
    assert.equal(printed.identity.tenantId, '11111111-1111-1111-1111-111111111111')
    assert.equal(printed.identity.credential.value, '[redacted]')
    assert.equal(printed.cache.freshFor, '1m')
    assert.equal(printed.log.level, 'debug')
    assert.match(stdout, /freshFor: 1m # \S*sound\.yaml:\d+$/m)
    assert.match(stdout, /notFoundFor: 9s # \S*layer\.yaml:\d+$/m)
    assert.match(stdout, /memory: 128MiB # default$/m)
    assert.match(stdout, /level: debug # env GATEWAY_LOG_LEVEL$/m)
    assert.doesNotMatch(stdout, /CANARY/)
  })

  test('of a shared cache: print-config has its address, and check-config warns of a password in the clear', async () => {
    await writeFile(
      file('shared.yaml'),
      `cache: { shared: { keysFile: /keys, auth: { type: passwordFile, file: /p } } }`,
    )
    const args = ['-c', file('sound.yaml'), file('shared.yaml')]
    const env = { GATEWAY_REDIS_URL: 'redis://redis.example' }
    const { stdout } = await run(['print-config', ...args], { env })
    assert.match(stdout, /^ {4}url: redis:\/\/redis\.example # env GATEWAY_REDIS_URL$/m)
    const { code, stderr } = await run(['check-config', ...args], { env })
    assert.equal(code, 0)
    assert.match(
      stderr,
      /^warning {2}\S*shared\.yaml:1:\d+ {2}cache\.shared\.auth: the password goes to Redis unencrypted/m,
    )
  })

  test('with a password in the URL of a shared cache: no command repeats it', async () => {
    await writeFile(file('keys.yaml'), 'cache: { shared: { keysFile: /keys } }')
    const args = ['-c', file('sound.yaml'), file('keys.yaml')]
    const env = { GATEWAY_REDIS_URL: 'rediss://gateway:CANARY@redis.example' }
    const path = '/beta/security/securityCopilot/workspaces/default/sessions'
    for (const command of [['check-config'], ['print-config'], ['serve'], ['doctor'], ['explain', path]]) {
      const { code, stdout, stderr } = await run([...command, ...args], { env })
      assert.notEqual(code, 0)
      assert.match(stdout + stderr, /cache\.shared\.url: holds credentials/)
      assert.doesNotMatch(stdout + stderr, /CANARY/)
    }
  })
})

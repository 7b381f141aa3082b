import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { sessionPath } from '../world/world.ts'
import { run } from './program.ts'
import { type Serving, startServing } from './serving.ts'

describe('serve', { concurrency: true }, () => {
  test('writes its log to stderr and its records to stdout, and never the one into the other', async () => {
    await using serving = await startServing({ config: { log: { level: 'trace' } } })
    const { program } = serving
    assert.equal((await serving.ask()).status, 200)
    assert.equal((await serving.ask(`${sessionPath}?$top=1`)).status, 400)
    assert.equal((await serving.ask('/other')).status, 404)
    program.child.kill('SIGTERM')
    assert.equal((await program.ended).code, 0)
    assert.deepEqual(
      serving.records.map(({ status }) => status),
      [200, 400, 404],
    )
    assert.equal(program.stdout.trimEnd().split('\n').length, 1 + 3 + 1, 'the chain is opened and closed')
    const messages = serving.logs.map(({ msg }) => String(msg))
    for (const expected of ['listening', 'request refused', 'draining', 'drained']) {
      assert.ok(messages.includes(expected), `${expected} is logged`)
    }
    assert.ok(
      serving.logs.every(
        ({ type, level, time }) => type === undefined && level !== undefined && time !== undefined,
      ),
    )
  })

  test('opens its chain of records when it listens, and closes it, though nobody asks', async () => {
    await using serving = await startServing()
    serving.program.child.kill('SIGTERM')
    const { code, stdout } = await serving.program.ended
    assert.equal(code, 0)
    assert.deepEqual(stdout.match(/"operation":"[^"]*"/g), [
      '"operation":"audit.chain.open"',
      '"operation":"audit.chain.close"',
    ])
    const head = serving.logs.find(({ msg }) => msg === 'audit chain head')
    assert.equal(head?.['sequence'], 2)
  })

  test('says as warnings what the configuration permits but should not be overlooked', async () => {
    await using serving = await startServing({ config: { access: {} } })
    assert.ok(serving.logs.some(({ level, path }) => level === 'warn' && path === 'access'))
    assert.equal((await serving.ask()).status, 403)
  })

  describe('exits with 1', () => {
    let serving: Serving
    before(async () => {
      serving = await startServing()
    })
    after(() => serving[Symbol.asyncDispose]())

    async function fails(
      expected: RegExp,
      env: Record<string, string> = {},
      folder = serving.folder,
    ): Promise<void> {
      const { code, stdout, stderr } = await run(['serve', '-c', join(folder, 'gateway.yaml')], { env })
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(stderr, expected)
    }

    test('and names server.listen when its port is taken', () =>
      fails(/"server\.listen: 127.0.0.1:\d+ is in use by another process/, {
        GATEWAY_LISTEN: `127.0.0.1:${serving.port}`,
      }))

    test('and names server.management.listen when its port is taken', () =>
      fails(/"server\.management\.listen: 127.0.0.1:\d+ is in use by another process/, {
        GATEWAY_MANAGEMENT_LISTEN: `127.0.0.1:${serving.port}`,
      }))

    test('and names cache.memory when it is more than half of what the heap may take, and how to give it more', async () => {
      // 128 MiB, where nothing else is said.
      const heap = (mebibytes: number): Record<string, string> => ({
        NODE_OPTIONS: `--max-old-space-size=${mebibytes}`,
        GATEWAY_LISTEN: `127.0.0.1:${serving.port}`,
      })
      await fails(
        /"cache\.memory: 128 MiB is more than half of .*NODE_OPTIONS=--max-old-space-size=256"/,
        heap(128),
      )
      // Now it is the port that is in the way.
      await fails(/"server\.listen: /, heap(256))
    })

    test('and names the key of a file that does not work', async () => {
      const folder = join(serving.folder, 'broken')
      const inFolder = (name: string): string => join(folder, name)
      await mkdir(folder)
      for (const name of ['ca.pem', 'tls.crt', 'gateway.yaml']) {
        const text = await readFile(join(serving.folder, name), 'utf8')
        await writeFile(inFolder(name), text.replaceAll(serving.folder, folder))
      }
      await writeFile(inFolder('tls.key'), (await serving.emulator.certificateFor(['localhost'])).keyPem)
      const usual = await readFile(inFolder('gateway.yaml'), 'utf8')
      for (const [audit, expected] of [
        [
          `{ sink: { file: ${inFolder('no/audit.jsonl')} } }`,
          /"audit\.sink\.file: \S+ cannot be opened \(ENOENT\)/,
        ],
        [`{ signingKeyFile: ${inFolder('none')} }`, /"audit\.signingKeyFile: \S+ cannot be read \(ENOENT\)/],
        [`{ signingKeyFile: ${inFolder('tls.key')} }`, /holds no Ed25519 private key .*openssl genpkey/],
        [`{ signingKeyFile: ${inFolder('ca.pem')} }`, /holds no Ed25519 private key/],
      ] as const) {
        await writeFile(inFolder('gateway.yaml'), `${usual}audit: ${audit}\n`)
        await fails(expected, {}, folder)
      }
      await writeFile(inFolder('gateway.yaml'), usual)
      await fails(/"server\.tls: the key does not belong to the certificate/, {}, folder)
      await rm(inFolder('tls.crt'))
      await fails(/"server\.tls: \S*tls\.crt cannot be read \(ENOENT\)/, {}, folder)
      await writeFile(inFolder('ca.pem'), 'not a certificate')
      await fails(/"outbound\.caFile: /, {}, folder)
    })
  })
})

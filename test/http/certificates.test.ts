import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { connect } from 'node:tls'
import { createFakeClock } from '../world/fake-clock.ts'
import { startWorld, type World } from '../world/world.ts'
import { sharedWorld, until } from '../security/wire.ts'
import { expiredCertificate } from '../token/expired-certificate.ts'

interface Pair {
  readonly certPem: string
  readonly keyPem: string
}

const pollMs = 10_000

async function write({ folder }: World, { certPem, keyPem }: Pair): Promise<void> {
  await writeFile(join(folder, 'tls.key'), keyPem)
  await writeFile(join(folder, 'tls.crt'), certPem)
}

/** The certificate that a new connection is shown. */
async function shown({ port, ca }: World): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', ca, servername: 'localhost' })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerX509Certificate()
  socket.destroy()
  return certificate?.fingerprint256 ?? ''
}

const fingerprint = ({ certPem }: Pair): string => new X509Certificate(certPem).fingerprint256

async function reloads(world: World, result: 'success' | 'failure'): Promise<number> {
  const line = new RegExp(`^session_gateway_certificate_reloads_total\\{result="${result}"\\} (\\d+)$`, 'm')
  return Number(line.exec((await world.manage('/metrics')).body)?.[1] ?? 0)
}

async function gauge(world: World, name: string): Promise<number> {
  const line = new RegExp(`^session_gateway_${name}\\{setting="server.tls"\\} (\\d+)$`, 'm')
  return Number(line.exec((await world.manage('/metrics')).body)?.[1] ?? Number.NaN)
}

/** Turns the clock to the next poll of the files, and waits for what comes of it. */
async function poll(
  world: World,
  clock: { advance(ms: number): void },
  result: 'success' | 'failure',
): Promise<void> {
  const count = await reloads(world, result)
  clock.advance(pollMs)
  await until(`a reload with ${result}`, async () => (await reloads(world, result)) > count)
}

describe('the certificate', () => {
  const clock = createFakeClock()
  const world = sharedWorld({ clock })
  const newPair = (): Promise<Pair> => world().emulator.certificateFor(['localhost', 'gateway.example'])
  const problem = async (): Promise<boolean> =>
    (await world().manage('/readyz')).json.degraded.includes('server.tls: the new files do not work')

  test('is exchanged without a restart, and without a request that fails', async () => {
    const pair = await newPair()
    await world().ask()
    let isRotating = true
    const asking = (async () => {
      let asked = 0
      for (; isRotating; asked += 1) assert.equal((await world().ask()).status, 200)
      return asked
    })()
    await write(world(), pair)
    await poll(world(), clock, 'success')
    assert.equal(await shown(world()), fingerprint(pair))
    isRotating = false
    assert.ok((await asking) > 0)
    assert.equal(await problem(), false)
  })

  test('is read again when its content changes, not each time', async () => {
    const before = await reloads(world(), 'success')
    const inUse = await shown(world())
    for (let turn = 0; turn < 3; turn += 1) {
      clock.advance(pollMs)
      assert.equal(await shown(world()), inUse)
    }
    assert.equal(await reloads(world(), 'success'), before)
  })

  const bad: readonly (readonly [what: string, spoil: (good: Pair, other: Pair) => Pair])[] = [
    ['a certificate with the key of another', ({ certPem }, { keyPem }) => ({ certPem, keyPem })],
    ['an empty certificate', ({ keyPem }) => ({ certPem: '', keyPem })],
    [
      'half a certificate',
      ({ certPem, keyPem }) => ({ certPem: certPem.slice(0, certPem.length / 2), keyPem }),
    ],
    ['a key that is no key', ({ certPem }) => ({ certPem, keyPem: 'secret' })],
    [
      'a chain with garbage behind its leaf',
      ({ certPem, keyPem }) => ({
        certPem: `${certPem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
        keyPem,
      }),
    ],
  ]
  for (const [what, spoil] of bad) {
    test(`${what} keeps the old one in use, is counted once, and is told until it is mended`, async () => {
      const inUse = await shown(world())
      await write(world(), spoil(await newPair(), await newPair()))
      await poll(world(), clock, 'failure')
      const failures = await reloads(world(), 'failure')
      const successes = await reloads(world(), 'success')
      for (let turn = 0; turn < 2; turn += 1) {
        assert.equal(await shown(world()), inUse)
        assert.equal(await problem(), true)
        assert.equal(await gauge(world(), 'reload_failing'), 1)
        assert.equal((await world().ask()).status, 200)
        clock.advance(pollMs)
      }
      assert.deepEqual(
        [await reloads(world(), 'failure'), await reloads(world(), 'success')],
        [failures, successes],
      )
      const logged = world().logs.filter(({ msg }) => /^server\.tls: the new files are not used: ./.test(msg))
      assert.equal(logged.length, failures)
      assert.doesNotMatch(JSON.stringify(logged), /PRIVATE KEY/)

      const mended = await newPair()
      await write(world(), mended)
      await poll(world(), clock, 'success')
      assert.equal(await shown(world()), fingerprint(mended))
      assert.equal(await problem(), false)
      assert.equal(await gauge(world(), 'reload_failing'), 0)
    })
  }

  test('has its end among the metrics, that of the one in use', async () => {
    const [certPem, keyPem] = await expiredCertificate()
    const endOf = (pem: string): number => new X509Certificate(pem).validToDate.getTime() / 1000
    assert.ok((await gauge(world(), 'certificate_expiry_timestamp_seconds')) > clock.now() / 1000)
    await write(world(), { certPem, keyPem })
    await poll(world(), clock, 'success')
    assert.equal(await gauge(world(), 'certificate_expiry_timestamp_seconds'), endOf(certPem))
  })
})

test('a pair that does not work at the start is told by the name of its key', async () => {
  await assert.rejects(
    startWorld({
      config: { server: { tls: { certFile: '/nowhere/tls.crt', keyFile: '/nowhere/tls.key' } } },
    }),
    /server\.tls: \/nowhere\/tls\.(crt|key) cannot be read \(ENOENT\)/,
  )
})

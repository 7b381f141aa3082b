import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { createServer } from 'node:net'
import { createAuthority } from '../../src/emulator/certificate.ts'
import { startCluster, startRedis } from '../world/redis.ts'
import { listening } from '../outbound/counterpart.ts'
import { connected, get, observe, put } from './redis-client.ts'

const [authority, other] = await Promise.all([createAuthority(), createAuthority()])
const folder = await mkdtemp(join(tmpdir(), 'session-gateway-test-'))
after(() => rm(folder, { recursive: true, force: true }))

test('TLS with an authority of ours is spoken, by name and by address', async () => {
  await using redis = await startRedis({ tls: { authority, names: ['localhost', '127.0.0.1'] } })
  for (const host of ['localhost', '127.0.0.1']) {
    await using world = await connected({
      servers: { url: `rediss://${host}:${redis.port}` },
      ca: [authority.certPem],
    })
    await world.connection.run(put, ['a'], ['1'])
  }
})

const strangers: readonly (readonly [
  what: string,
  ca: readonly string[],
  names: readonly string[],
  says: RegExp,
])[] = [
  [
    'of an authority that nobody trusts',
    [other.certPem],
    ['localhost'],
    /unable to verify|self-signed|issuer/,
  ],
  ['of no authority that the system knows', [], ['localhost'], /unable to verify|self-signed|issuer/],
  ['for another name', [authority.certPem], ['redis.example'], /does not match|altnames/],
]

for (const [what, ca, names, says] of strangers) {
  test(`a certificate ${what} is refused, and no password is sent`, async () => {
    await using redis = await startRedis({ tls: { authority, names } })
    await using world = observe({
      servers: { url: `rediss://localhost:${redis.port}` },
      ca,
      credentials: { type: 'passwordFile', username: 'default', file: await fileOf('canary-password') },
    })
    assert.match((await world.failed('away')).message, says)
    assert.doesNotMatch(String(await redis.command('INFO', 'commandstats')), /cmdstat_(hello|auth)/)
    assert.deepEqual(world.established, [])
  })
}

test('the nodes of a cluster are known by the name it was given by, where their addresses stand in no certificate', async () => {
  await using cluster = await startCluster({ tls: { authority, names: ['localhost'] } })
  const urls = cluster.urls.map((url) => url.replace('127.0.0.1', 'localhost'))
  await using world = await connected({ servers: { cluster: urls }, ca: [authority.certPem] })
  for (const key of ['a', 'b', 'c']) await world.connection.run(put, [key], ['1'])
})

test('a wrong password is told without it, and the right one in the file is used by the next try', async () => {
  await using redis = await startRedis({ password: 'canary-right' })
  const file = await fileOf('canary-wrong')
  await using world = observe({
    servers: { url: redis.url },
    credentials: { type: 'passwordFile', username: 'default', file },
  })
  const failure = await world.failed('authentication')
  assert.match(failure.message, /WRONGPASS/)
  const ready = world.ready()
  await writeFile(file, 'canary-right\n')
  await ready
  await world.connection.run(put, ['a'], ['1'])
  assert.doesNotMatch(world.failures.map(({ message }) => message).join(), /canary/)
})

test('a user of the access control list is who we are', async () => {
  await using redis = await startRedis()
  await redis.command('ACL', 'SETUSER', 'gateway', 'on', '>canary', 'allkeys', 'allchannels', '+@all')
  const credentials = { type: 'passwordFile', username: 'gateway', file: await fileOf('canary\r\n') } as const
  await using world = await connected({ servers: { url: redis.url }, credentials })
  assert.equal(await world.connection.run(get, ['a'], []), null)
  const users = String(await redis.command('CLIENT', 'LIST')).match(/user=gateway/g)
  assert.equal(users?.length, 2)
})

test('a server that repeats in its error what it did not understand does not get the password into the log', async () => {
  await using old = await listening(
    createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once(
        'data',
        (asked) =>
          void socket.write(
            `-ERR unknown command, with args: ${asked.toString().replaceAll(/\s+/g, ' ')}\r\n`,
          ),
      )
    }),
  )
  const credentials = { type: 'passwordFile', username: 'default', file: await fileOf('canary') } as const
  await using world = observe({ servers: { url: `redis://127.0.0.1:${old.port}` }, credentials })
  const { message } = await world.failed('refused')
  assert.match(message, /unknown command.*AUTH.*\[redacted\]/)
  assert.doesNotMatch(message, /canary/)
})

test('nor does a part of it, where the server cuts off what it repeats', async () => {
  await using old = await listening(
    createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once(
        'data',
        () =>
          void socket.write(
            '-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `cana`, \r\n',
          ),
      )
    }),
  )
  const credentials = { type: 'passwordFile', username: 'default', file: await fileOf('canary') } as const
  await using world = observe({ servers: { url: `redis://127.0.0.1:${old.port}` }, credentials })
  assert.doesNotMatch((await world.failed('refused')).message, /cana/)
})

test('a server that wants a password, and is given none, is told as such', async () => {
  await using redis = await startRedis({ password: 'secret' })
  await using world = observe({ servers: { url: redis.url } })
  assert.match((await world.failed('authentication')).message, /NOAUTH/)
})

for (const [what, content] of [
  ['is not there', undefined],
  ['is empty', '\n'],
  ['has two lines', 'canary\ncanary\n'],
] as const) {
  test(`a password file that ${what} is told by its name, and tried again`, async () => {
    const file = join(folder, `of-${what.replaceAll(' ', '-')}`)
    if (content !== undefined) await writeFile(file, content)
    await using redis = await startRedis()
    const credentials = { type: 'passwordFile', username: 'default', file } as const
    await using world = observe({ servers: { url: redis.url }, credentials })
    for (let tries = 0; tries < 3; tries += 1) {
      const { message } = await world.failed('authentication')
      assert.ok(message.includes(file))
      assert.doesNotMatch(message, /canary/)
    }
  })
}

test('closed, with a server, without one, and in the middle of connecting, it lets the process end', async () => {
  await using redis = await startRedis()
  await using still = await startRedis()
  still.stop()
  const program = `
    import { connected, observe, get } from ${JSON.stringify(new URL('redis-client.ts', import.meta.url).href)}
    const there = await connected({ servers: { url: '${redis.url}' } })
    await there.connection.subscribe('c', () => {})
    const away = observe({ servers: { url: 'redis://127.0.0.1:1' } })
    await away.failed('away')
    const inTheMiddle = observe({ servers: { url: '${still.url}' } })
    const asked = there.connection.run(get, ['a'], []).catch(() => {})
    for (const { connection } of [there, away, inTheMiddle]) await connection.close()
    await there.connection.close()
    await asked
    console.log('closed')`
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { timeout: 30_000 })
  assert.equal(stdout, 'closed\n')
  still.resume()
})

async function fileOf(text: string): Promise<string> {
  const file = join(folder, `password-${Math.random()}`)
  await writeFile(file, text)
  return file
}

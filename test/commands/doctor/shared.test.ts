import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import { createAuthority } from '../../../src/emulator/certificate.ts'
import { listening } from '../../outbound/counterpart.ts'
import { startCluster, startRedis } from '../../world/redis.ts'
import { findsOnly } from './broken.ts'
import { saidBy, startPatient, troubles } from './patient.ts'

const patient = await startPatient()
const { inFolder } = patient
const authority = await createAuthority()
const password = randomBytes(12).toString('hex')
const closing = new AsyncDisposableStack()
after(() => closing.disposeAsync())
const [redis, secured, locked, full, cluster] = await Promise.all([
  startRedis(),
  startRedis({ tls: { authority, names: ['localhost'] } }),
  startRedis({ password }),
  startRedis({ config: { maxmemory: '1', 'maxmemory-policy': 'volatile-ttl' } }),
  startCluster(),
])
const replica = await startRedis({ replicaOf: redis })
for (const server of [redis, secured, locked, full, cluster, replica]) closing.use(server)
/** Takes connections, and never says anything. */
const silent = closing.use(await listening(createServer()))

await writeFile(inFolder('keys'), `one ${randomBytes(32).toString('base64')}\n`)
await writeFile(inFolder('authority.pem'), authority.certPem)
await writeFile(inFolder('password'), password)
await writeFile(inFolder('other.password'), 'another')

/** A generous time limit: it is not what these are about, and machines can be slow. */
const shared = (changes: object): Record<string, object> => ({
  cache: { shared: { keysFile: inFolder('keys'), timeout: '5s', ...changes } },
})
const auth = (file: string, username = 'default'): object => ({
  auth: { type: 'passwordFile', file: inFolder(file), username },
})
const user = (...rules: string[]): Promise<unknown> =>
  locked.command('ACL', 'SETUSER', 'gateway', 'reset', 'on', `>${password}`, ...rules)
const asUser = shared({ url: locked.url, ...auth('password', 'gateway') })
const all = ['~*', '&*', '+@all']
const silence = ['failed cache.shared', 'skipped cache.shared commands', 'skipped cache.shared server']
const mute = ['failed cache.shared commands', 'skipped cache.shared server']
const onTls = (host: string): string => `rediss://${host}:${secured.port}`
const ca = { caFile: inFolder('authority.pem') }

test('a server in order is described, and nothing is left on it', async () => {
  const lines = await patient.lines(shared({ url: redis.url }))
  assert.deepEqual(troubles(lines), [])
  assert.match(saidBy(lines, 'cache.shared.keysFile'), /keys: the key one seals\n/)
  assert.match(
    saidBy(lines, 'cache.shared'),
    /^redis:\/\/127\.0\.0\.1:\d+ \(not encrypted\) .*without a password\n/,
  )
  assert.match(
    saidBy(lines, 'cache.shared server'),
    /^Redis \d+\.\d+.*\n\n?[^]*maxmemory[^]*0 replicas listen/,
  )
  assert.deepEqual(await redis.command('KEYS', '*'), [])
})

test('TLS with an authority of ours is spoken, and said', async () => {
  const lines = await patient.lines(shared({ url: onTls('localhost'), ...ca }))
  assert.deepEqual(troubles(lines), [])
  assert.match(saidBy(lines, 'cache.shared'), /^rediss:\/\/localhost:\d+ \(TLS\) /)
})

findsOnly(patient, [
  {
    what: 'a keys file that is none, and the server is looked at all the same',
    config: shared({ url: redis.url, keysFile: inFolder('password') }),
    troubles: ['failed cache.shared.keysFile'],
    said: /cache\.shared\.keysFile: .*password, line 1: expected `<id> <base64 of 32 bytes>`\nno gateway starts without it/,
  },
  {
    what: 'a name of Redis that has no address',
    config: shared({ url: 'redis://no-such-host.invalid' }),
    troubles: [
      'failed dns no-such-host.invalid',
      ...silence.map((line) => line.replace('failed', 'skipped')),
    ],
    said: /no address \((ENOTFOUND|EAI_AGAIN)\)/,
  },
  {
    what: 'a port that nobody listens on',
    config: shared({ url: 'redis://127.0.0.1:9' }),
    troubles: silence,
    said: /ECONNREFUSED.*\nlet this machine reach it/,
  },
  {
    what: 'somebody who takes connections and says nothing',
    config: shared({ url: `redis://127.0.0.1:${silent.port}` }),
    troubles: silence,
    said: /no connection within 2000 ms\nlet this machine reach it/,
  },
  {
    what: 'a server that does not speak TLS, though it should',
    config: shared({ url: redis.url.replace('redis:', 'rediss:') }),
    troubles: silence,
    said: /without TLS it answers\nwrite redis:\/\//,
  },
  {
    what: 'a server that speaks TLS, though it should not',
    config: shared({ url: onTls('localhost').replace('rediss:', 'redis:') }),
    troubles: silence,
    said: /(ECONNRESET|closed unexpectedly|EPIPE)\n.*write rediss:\/\//,
  },
  {
    what: 'a server whose authority nobody trusts',
    config: shared({ url: onTls('localhost') }),
    troubles: silence,
    said: /certificate.*\n.*cache\.shared\.caFile/,
  },
  {
    what: 'a server whose certificate is for another name',
    config: shared({ url: onTls('127.0.0.1'), ...ca }),
    troubles: silence,
    said: /altnames.*\nits certificate is for other names/,
  },
  {
    what: 'a file of authorities for Redis that holds none',
    config: shared({ url: onTls('localhost'), caFile: inFolder('keys') }),
    troubles: silence,
    said: /cache\.shared\.caFile: .*keys holds no PEM certificate/,
  },
  {
    what: 'a password that is missing',
    config: shared({ url: locked.url }),
    troubles: silence,
    said: /NOAUTH.*\nit asks for a password/,
  },
  {
    what: 'a password that is wrong',
    config: shared({ url: locked.url, ...auth('other.password') }),
    troubles: silence,
    said: /WRONGPASS.*\nthe user or the password is another one there/,
  },
  {
    what: 'a password file that is not there',
    config: shared({ url: locked.url, ...auth('none') }),
    troubles: silence,
    said: /none cannot be read \(ENOENT\)\nsee cache\.shared\.auth\.file/,
  },
  {
    what: 'a user who may not run scripts',
    prepare: () => user(...all, '-@scripting'),
    config: asUser,
    troubles: mute,
    said: /NOPERM.*'evalsha'.*\n.*~session-gateway:\* &session-gateway:\* .*\+eval /,
  },
  {
    what: 'a user who may not listen',
    prepare: () => user(...all, 'resetchannels'),
    config: asUser,
    troubles: mute,
    said: /NOPERM.*channels.*\npermit this user/,
  },
  {
    what: 'a user who lacks two commands, and which',
    prepare: () => user(...all, '-zadd', '-set'),
    config: asUser,
    troubles: ['failed cache.shared commands'],
    said: /^SET, ZADD are refused: .*\npermit this user/,
  },
  {
    what: 'a user whose keys have another prefix',
    prepare: () => user('~other:*', '&*', '+@all'),
    config: asUser,
    troubles: mute,
    said: /NOPERM.*keys.*\npermit this user/,
  },
  {
    what: 'that it is not told what the server is',
    prepare: () => user(...all, '-info'),
    config: asUser,
    troubles: ['skipped cache.shared server', 'skipped cache.shared server'],
    said: /INFO is refused: its version is not known\n[^]*how full it is/,
  },
  {
    what: 'a server that is full',
    config: shared({ url: full.url }),
    troubles: ['failed cache.shared commands'],
    said: /^SET, ZADD are refused: OOM.*\nit is full/,
  },
  {
    what: 'a server that will take nothing once it is full',
    prepare: () => locked.command('CONFIG', 'SET', 'maxmemory', '100mb'),
    config: shared({ url: locked.url, ...auth('password') }),
    troubles: ['warning cache.shared server'],
    said: /of 100 MiB are used, and the maxmemory-policy is noeviction\nonce it is full/,
  },
  {
    what: 'a server that is another one’s replica',
    config: shared({ url: replica.url }),
    troubles: ['failed cache.shared commands'],
    said: /READONLY.*\nit is a replica/,
  },
  {
    what: 'a cluster that is written as one server',
    config: shared({ url: cluster.urls[0] }),
    troubles: mute,
    said: /MOVED.*\n.*write cache\.shared\.cluster/,
  },
  {
    what: 'one server that is written as a cluster',
    config: shared({ cluster: [redis.url] }),
    troubles: silence,
    said: /cluster support disabled\n.*write cache\.shared\.url/,
  },
])

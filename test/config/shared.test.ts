import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { test } from 'node:test'
import { printConfig } from '../../src/config/index.ts'
import { config, load, problems, valid, warnings } from './written.ts'

const tls = 'url: "rediss://redis.example:6380", keysFile: /keys'
const address = { scheme: 'rediss', host: 'redis.example', port: 6380 } as const
const shared = (keys: string): string => `${valid}cache: { shared: { ${keys} } }\n`

test('without cache.shared there is no such tier, and nothing of it is printed', async () => {
  const loaded = await load([valid])
  assert.ok(loaded.ok)
  assert.equal(loaded.config.cache.shared, undefined)
  assert.doesNotMatch(printConfig(loaded.settings), /shared/)
})

test('cache.shared needs an address and a file of keys, and has a default for all else', async () => {
  assert.deepEqual((await config([shared(tls)])).cache.shared, {
    url: address,
    keysFile: '/keys',
    auth: { type: 'none' },
    prefix: 'session-gateway',
    timeout: 50,
  })
  assert.deepEqual(await problems([shared('url: "rediss://redis.example"')]), [
    'cache.shared.keysFile: required. The keys that seal whatever is stored there: `<id> <base64 of 32 bytes>` a line, at most two; the first one writes, both read. Read again when it changes. The same for all replicas.',
  ])
})

test('what is printed of cache.shared says the same again', async () => {
  const first = await load([shared(`${tls}, auth: { type: passwordFile, file: /p }, prefix: a.b`)])
  assert.ok(first.ok)
  const again = await load([printConfig(first.settings)])
  assert.ok(again.ok)
  assert.deepEqual(again.config, first.config)
})

for (const [url, expected] of [
  ['redis://127.0.0.1', { scheme: 'redis', host: '127.0.0.1', port: 6379 }],
  ['REDISS://Redis.Example:6380/', address],
  ['rediss://[2001:db8::1]:6380', { scheme: 'rediss', host: '2001:db8::1', port: 6380 }],
  ['rediss://[2001:db8::1]', { scheme: 'rediss', host: '2001:db8::1', port: 6379 }],
  ['redis://localhost:1', { scheme: 'redis', host: 'localhost', port: 1 }],
] as const) {
  test(`cache.shared.url: ${url}`, async () => {
    const read = (await config([shared(`url: "${url}", keysFile: /keys`)])).cache.shared
    assert.deepEqual(read && 'url' in read && read.url, expected)
  })
}

const password = 'battery12'
const host =
  'expected a host and perhaps a port, such as rediss://redis.example:6380 or rediss://[2001:db8::1]:6380'
const credentials =
  'holds credentials: write them into a file, and auth: { type: passwordFile, file: …, username: … }'
const path = 'has a path, and no database but 0 is used: end it after the port, and choose a prefix instead'
const query = 'has a query, and options are keys of their own: write rediss:// for TLS, caFile, auth, timeout'
const scheme = 'write it with its scheme, such as rediss://redis.example:6380'
const refused: readonly (readonly [url: string, message: string])[] = [
  [`rediss://:${password}@redis.example`, credentials],
  [`rediss://user:${password}@redis.example:6380/0?x#y`, credentials],
  [`rediss://user:p/?#@${password}@redis.example`, credentials],
  [`rediss://${password}\\n@redis.example`, credentials],
  ['rediss://redis.example/0', path],
  ['rediss://redis.example:6380//', path],
  [`rediss://redis.example?password=${password}`, query],
  [`rediss://redis.example/#${password}`, 'has a fragment, which means nothing here: end it after the port'],
  [`redis.example:6380,password=${password},ssl=True`, scheme],
  ['', scheme],
  [`https://${password}.example`, 'expected rediss://… (TLS), or redis://…'],
  [`rediss://${password}:x`, host],
  ['rediss://', host],
  ['rediss://:6380', host],
  ['rediss://::1', host],
  ['rediss://redis.example:0', host],
  ['rediss://redis.example:65536', host],
  ['rediss://redis_1 .example', host],
  ['rediss://10.0.0', host],
]
for (const [url, message] of refused) {
  test(`cache.shared refuses, and does not repeat: ${JSON.stringify(url)}`, async () => {
    const inFile = [shared(`url: "${url}", keysFile: /keys`)]
    const inCluster = [shared(`cluster: ["rediss://a", "${url}"], keysFile: /keys`)]
    assert.deepEqual(await problems(inFile), [`cache.shared.url: ${message}`])
    assert.deepEqual(await problems(inCluster), [`cache.shared.cluster[1]: ${message}`])
    const env = { GATEWAY_REDIS_URL: url.replaceAll('\\n', '\n') }
    const loaded = await load([shared(tls)], env)
    if (url !== '') {
      assert.ok(!loaded.ok)
      assert.deepEqual(loaded.problems, [
        { path: 'cache.shared.url', message, where: 'env GATEWAY_REDIS_URL' },
      ])
    }
    const all = [loaded, await load(inFile), await load(inCluster)]
    assert.doesNotMatch(inspect(all, { depth: null }), new RegExp(password))
  })
}

test('a URL where a list belongs is not repeated either', async () => {
  assert.deepEqual(await problems([shared(`cluster: "rediss://:${password}@a", keysFile: /keys`)]), [
    'cache.shared.cluster: found text, expected a list of 1 to 32 redis:// or rediss:// URLs',
  ])
  assert.deepEqual(await problems([shared(`url: ["rediss://:${password}@a"], keysFile: /keys`)]), [
    'cache.shared.url: found a list, expected a rediss:// or redis:// URL of host and port',
  ])
})

test('it is one server or a cluster: exactly one of them, and nodes that agree', async () => {
  const nodes = (count: number) => Array.from({ length: count }, (_, index) => `"rediss://n${index}"`).join()
  const list = 'cache.shared.cluster: found a list, expected a list of 1 to 32 redis:// or rediss:// URLs'
  const both = 'cache.shared: give either url or cluster, and remove the other'
  const cases: [keys: string, problems: string[]][] = [
    ['', ['cache.shared: give url (one server), or cluster (some of its nodes)']],
    [`url: "rediss://a", cluster: ["rediss://a"],`, [both]],
    [`cluster: [${nodes(32)}],`, []],
    [`cluster: [${nodes(33)}],`, [list]],
    ['cluster: [],', [list]],
    [
      'cluster: ["rediss://a", "redis://b"],',
      [
        'cache.shared.cluster: has redis:// and rediss://: a cluster speaks TLS with all of its nodes or with none',
      ],
    ],
    [
      'cluster: ["rediss://a", "rediss://A:6379/"],',
      ['cache.shared.cluster: names the same host and port twice'],
    ],
  ]
  for (const [keys, expected] of cases) {
    assert.deepEqual(await problems([shared(`${keys} keysFile: /keys`)]), expected, keys)
  }
  const read = (await config([shared(`cluster: ["rediss://a:1"], keysFile: /keys`)])).cache.shared
  assert.deepEqual(read && 'cluster' in read && read.cluster, [{ scheme: 'rediss', host: 'a', port: 1 }])
})

test('prefix and timeout keep their bounds', async () => {
  const from = 'cache.shared.timeout: found'
  const cases: [key: string, problems: string[]][] = [
    ['timeout: 5ms', []],
    ['timeout: 5s', []],
    ['timeout: 4ms', [`${from} "4ms", expected a duration from 5ms to 5s`]],
    ['timeout: 6s', [`${from} "6s", expected a duration from 5ms to 5s`]],
    [`prefix: "${'Az0_.:-'.repeat(9)}x"`, []],
    ['prefix: "{a}"', ['cache.shared.prefix: found "{a}", expected 1 to 64 letters, digits and _ . : -']],
    ['prefix: ""', ['cache.shared.prefix: found "", expected 1 to 64 letters, digits and _ . : -']],
  ]
  for (const [key, expected] of cases) assert.deepEqual(await problems([shared(`${tls}, ${key}`)]), expected)
  assert.equal((await problems([shared(`${tls}, prefix: ${'a'.repeat(65)}`)])).length, 1)
})

test('what is only for TLS is refused without it, and so are tokens in the clear; a password is a warning', async () => {
  const caFile =
    'cache.shared.caFile: is for TLS, and the address begins with redis://: write rediss://, or leave this out'
  const token =
    'cache.shared.auth: would send tokens of Entra unencrypted: write rediss:// (Azure: port 10000)'
  const clear =
    'cache.shared.auth: the password goes to Redis unencrypted, at every connection: write rediss:// if it speaks TLS'
  const cases: [keys: string, problems: string[], warnings: string[]][] = [
    ['url: "redis://a", caFile: /ca', [caFile], []],
    ['url: "redis://127.0.0.1", caFile: /ca', [caFile], []],
    ['url: "rediss://a", caFile: /ca', [], []],
    ['url: "redis://a", auth: { type: entra }', [token], []],
    ['cluster: ["redis://127.0.0.1", "redis://a"], auth: { type: entra }', [token], []],
    ['url: "redis://[::1]", auth: { type: entra }', [], []],
    ['url: "rediss://a", auth: { type: entra }', [], []],
    ['url: "redis://a", auth: { type: passwordFile, file: /p }', [], [clear]],
    ['url: "redis://localhost", auth: { type: passwordFile, file: /p }', [], []],
    ['url: "rediss://a", auth: { type: passwordFile, file: /p }', [], []],
    ['url: "redis://a"', [], []],
  ]
  for (const [keys, refusals, remarks] of cases) {
    assert.deepEqual(await problems([shared(`${keys}, keysFile: /keys`)]), refusals, keys)
    assert.deepEqual(await warnings([shared(`${keys}, keysFile: /keys`)]), remarks, keys)
  }
})

test('auth says who asks Redis; each type has its own keys', async () => {
  const read = async (auth: string) => (await config([shared(`${tls}, auth: ${auth}`)])).cache.shared?.auth
  assert.deepEqual(await read('{ type: passwordFile, file: /p }'), {
    type: 'passwordFile',
    file: '/p',
    username: 'default',
  })
  assert.deepEqual(await read('{ type: entra }'), { type: 'entra' })
  const wrong = (auth: string) => problems([shared(`${tls}, auth: ${auth}`)])
  assert.deepEqual(await wrong('{ type: entra, file: /p }'), [
    'cache.shared.auth.file: unknown key. Known here: type',
  ])
  assert.deepEqual(await wrong('{ type: passwordFile }'), [
    'cache.shared.auth.file: required. A file with the password in one line. Read at every connection.',
  ])
  assert.match(
    (await wrong('{ type: passwordFile, file: /p, username: "a b" }')).join(),
    /found "a b", expected/,
  )
  for (const credential of [
    '{ type: managed }',
    '{ type: secret, file: /s }',
    '{ type: certificate, file: /c }',
  ]) {
    const changed = shared(`${tls}, auth: { type: entra }`).replace(
      /credential: .*/,
      `credential: ${credential}`,
    )
    assert.deepEqual(await problems([changed]), [])
  }
})

test('an authentication of another type in a later file leaves nothing of the former', async () => {
  const first = shared(`${tls}, auth: { type: passwordFile, file: /p, username: a }`)
  const { cache } = await config([first, 'cache: { shared: { auth: { type: entra } } }'])
  assert.deepEqual(cache.shared?.auth, { type: 'entra' })
})

test('GATEWAY_REDIS_URL speaks over the file, and is nothing by itself', async () => {
  const env = { GATEWAY_REDIS_URL: 'rediss://other.example:1' }
  for (const keys of [tls, 'keysFile: /keys']) {
    const read = (await config([shared(keys)], env)).cache.shared
    assert.deepEqual(read && 'url' in read && read.url, { scheme: 'rediss', host: 'other.example', port: 1 })
  }
  const where = 'env GATEWAY_REDIS_URL'
  const alone = {
    path: 'cache.shared.keysFile',
    message:
      'GATEWAY_REDIS_URL alone shares nothing: write cache.shared with a keysFile into the file, or unset GATEWAY_REDIS_URL',
    where,
  }
  for (const text of [valid, shared('prefix: a')]) {
    const loaded = await load([text], env)
    assert.deepEqual(!loaded.ok && loaded.problems, [alone])
  }
  const loaded = await load([shared('cluster: ["rediss://a"], keysFile: /keys')], env)
  assert.deepEqual(!loaded.ok && loaded.problems, [
    {
      path: 'cache.shared',
      message:
        'GATEWAY_REDIS_URL is one server, and 1.yaml:13:20 has a cluster: unset GATEWAY_REDIS_URL, or remove cluster',
      where,
    },
  ])
})

import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { printConfig } from '../../src/config/index.ts'
import { config, load, problems, valid, warnings } from './written.ts'

const password = 'correct horse:battery@staple/#?%'
const secret = encodeURIComponent(password)
const proxy = { scheme: 'http', host: 'proxy.example', port: 3128 }
const outbound = (text: string): string => `${valid}outbound: { ${text} }\n`

/** Nothing that comes of it, whether it is good or bad, has the password in it. */
async function keepsSecret(layers: string[], env: Record<string, string> = {}): Promise<string> {
  const loaded = await load(layers, env)
  const shown = [
    inspect(loaded, { depth: null, showHidden: true }),
    JSON.stringify(loaded),
    loaded.ok ? printConfig(loaded.settings) : '',
  ].join('\n')
  for (const each of [password, secret, 'battery', 'c3RhcGxl']) assert.ok(!shown.includes(each), shown)
  return shown
}

for (const [text, expected] of [
  ['http://proxy.example:3128', proxy],
  ['http://PROXY.example:3128/', proxy],
  ['https://proxy.example', { scheme: 'https', host: 'proxy.example', port: 443 }],
  ['http://proxy.example', { scheme: 'http', host: 'proxy.example', port: 80 }],
  ['http://[2001:db8::1]:8080', { scheme: 'http', host: '2001:db8::1', port: 8080 }],
  ['off', 'off'],
] as const) {
  test(`outbound.proxy: ${text}`, async () => {
    const { proxy: read } = (await config([outbound(`proxy: "${text}"`)])).outbound
    assert.deepEqual(read, expected)
  })
}

test('outbound.proxy: an unquoted off, which YAML 1.1 reads as false, is off', async () => {
  for (const off of ['off', 'false']) {
    const { proxy: read } = (await config([outbound(`proxy: ${off}`)])).outbound
    assert.equal(read, 'off')
  }
})

for (const [text, message] of [
  ['socks5://proxy.example:1080', 'SOCKS is not spoken: give an HTTP proxy, http://… or https://…'],
  ['proxy.example:3128', 'write it with its scheme, such as http://proxy.example:3128'],
  ['ftp://proxy.example', 'expected http://… or https://…'],
  [
    'http://proxy.example/proxy.pac',
    'a proxy is a host and a port, and there is more here; a PAC file is not read',
  ],
  ['http://proxy.example:99999', 'expected a host and a port, such as http://proxy.example:3128'],
  ['', 'write it with its scheme, such as http://proxy.example:3128'],
  [`http://user:${secret}@proxy.example`, 'holds credentials: they belong into outbound.proxyAuth'],
] as const) {
  test(`outbound.proxy is refused, and not repeated: ${JSON.stringify(text)}`, async () => {
    const layers = [outbound(`proxy: ${JSON.stringify(text)}`)]
    assert.deepEqual(await problems(layers), [`outbound.proxy: ${message}`])
    await keepsSecret(layers)
  })
}

test('outbound.proxyAuth takes either a file or user:password, which nobody is shown', async () => {
  const withAuth = (auth: string): string => outbound(`proxy: "https://proxy.example", proxyAuth: ${auth}`)
  assert.deepEqual((await config([withAuth('{ file: /p }')])).outbound.proxyAuth, { file: '/p' })
  const good = withAuth(JSON.stringify({ value: `user:${password}` }))
  const { proxyAuth } = (await config([good])).outbound
  assert.equal(proxyAuth?.value?.reveal(), `user:${password}`)
  const shown = await keepsSecret([good])
  assert.match(shown, /\[redacted\]/)
  const either = 'outbound.proxyAuth: give either value (user:password, which is not shown) or file'
  for (const bad of [
    JSON.stringify({ value: password.replaceAll(':', ' ') }),
    JSON.stringify({ value: `user:${password}`, file: '/p' }),
    '{}',
  ]) {
    assert.deepEqual(await problems([withAuth(bad)]), [either])
    await keepsSecret([withAuth(bad)])
  }
})

test('credentials that go to the proxy in the clear, or nowhere, are a warning', async () => {
  assert.deepEqual(await warnings([outbound('proxy: "http://proxy.example", proxyAuth: { file: /p }')]), [
    'outbound.proxyAuth: the credentials go to the proxy unencrypted, at every connection: write https:// in outbound.proxy if it speaks TLS',
  ])
  for (const without of ['', 'proxy: off, ']) {
    assert.deepEqual(await warnings([outbound(`${without}proxyAuth: { file: /p }, noProxy: [a.example]`)]), [
      'outbound.proxyAuth: has no effect: there is no outbound.proxy',
      'outbound.noProxy: has no effect: there is no outbound.proxy',
    ])
  }
})

for (const [text, expected] of [
  ['graph.example', { hosts: { domain: 'graph.example', hasItself: true } }],
  ['.Example.', { hosts: { domain: 'example', hasItself: false } }],
  ['*.svc.cluster.local', { hosts: { domain: 'svc.cluster.local', hasItself: false } }],
  ['bücher.example:8443', { hosts: { domain: 'xn--bcher-kva.example', hasItself: true }, port: 8443 }],
  ['*', { hosts: '*' }],
  ['10.0.0.0/8', { hosts: { address: '10.0.0.0', prefix: 8 } }],
  ['0.0.0.0/0', { hosts: { address: '0.0.0.0', prefix: 0 } }],
  ['192.0.2.7:443', { hosts: { address: '192.0.2.7', prefix: 32 }, port: 443 }],
  ['2001:db8::7', { hosts: { address: '2001:db8::7', prefix: 128 } }],
  ['[2001:db8::7]:443', { hosts: { address: '2001:db8::7', prefix: 128 }, port: 443 }],
  ['fd00::/8', { hosts: { address: 'fd00::', prefix: 8 } }],
] as const) {
  test(`outbound.noProxy and NO_PROXY: ${text}`, async () => {
    const { noProxy } = (await config([outbound(`proxy: "http://p.example", noProxy: ["${text}"]`)])).outbound
    assert.deepEqual(noProxy, [expected])
    const env = { HTTPS_PROXY: 'http://p.example', NO_PROXY: `${text}, ${text}` }
    assert.deepEqual((await config([valid], env)).outbound.noProxy, [expected, expected])
  })
}

for (const text of [
  'https://graph.example',
  'graph.example/beta',
  '10.0.0.0/33',
  '10.0.0.',
  '10.0',
  'graph*.example',
  'a..b',
  '[::1',
  'a.example:0',
  'a.example:65536',
  'a.example:',
  '.',
]) {
  test(`outbound.noProxy is refused: ${text}`, async () => {
    assert.deepEqual(await problems([outbound(`proxy: "http://p.example", noProxy: ["${text}"]`)]), [
      `outbound.noProxy[0]: found "${text}", expected a host, .domain, *.domain, *, an address or a network, perhaps with a port`,
    ])
  })
}

test('HTTPS_PROXY fills what the file leaves out: the proxy, and apart from it the credentials', async () => {
  const env = { HTTPS_PROXY: `http://user%20name:${secret}@proxy.example:3128/` }
  const read = (await config([valid], env)).outbound
  assert.deepEqual(read.proxy, proxy)
  assert.equal(read.proxyAuth?.value?.reveal(), `user name:${password}`)
  const shown = await keepsSecret([valid], env)
  assert.match(shown, /proxy: http:\/\/proxy\.example:3128 # env HTTPS_PROXY/)
  assert.match(shown, /value: "?\[redacted\]"? # env HTTPS_PROXY/)
})

for (const [what, env, expected] of [
  ['in lower case', { https_proxy: 'http://proxy.example:3128' }, proxy],
  ['in both, the lower one', { https_proxy: 'http://proxy.example:3128', HTTPS_PROXY: 'http://x:1' }, proxy],
  ['without a scheme', { HTTPS_PROXY: 'proxy.example:3128' }, proxy],
  ['empty', { HTTPS_PROXY: '', https_proxy: '' }, undefined],
] as const) {
  test(`HTTPS_PROXY ${what}`, async () => {
    assert.deepEqual((await config([valid], env)).outbound.proxy, expected)
  })
}

for (const [value, message] of [
  [`socks5h://user:${secret}@proxy.example`, /^SOCKS is not spoken/],
  [
    `http://user:battery/12@proxy.example`,
    /^expected http:\/\/user:password@host:port \(what was found is not shown\)/,
  ],
  [`http://user:1/battery@proxy.example`, /there is more here/],
  [`http://us%3Aer:${secret}@proxy.example`, /^a user name with a colon/],
  [`http://user:battery%zz@proxy.example`, /^expected http:/],
] as const) {
  test(`HTTPS_PROXY is refused at its place, and not repeated: ${value}`, async () => {
    const loaded = await load([valid], { HTTPS_PROXY: value })
    assert.ok(!loaded.ok)
    assert.deepEqual(
      loaded.problems.map(({ path, where }) => [path, where]),
      [['outbound.proxy', 'env HTTPS_PROXY']],
    )
    assert.match(loaded.problems[0]?.message ?? '', message)
    await keepsSecret([valid], { HTTPS_PROXY: value })
  })
}

test('where the file names another proxy it counts, with a warning, and the credentials are not for that one', async () => {
  const layers = [outbound('proxy: "http://other.example:1", noProxy: [a.example]')]
  const env = { HTTPS_PROXY: `http://user:${secret}@proxy.example:3128`, NO_PROXY: 'b.example' }
  const read = (await config(layers, env)).outbound
  assert.deepEqual(
    [read.proxy, read.proxyAuth],
    [{ scheme: 'http', host: 'other.example', port: 1 }, undefined],
  )
  assert.deepEqual(await warnings(layers, env), [
    'outbound.proxy: HTTPS_PROXY names another proxy than 1.yaml:13:13: the file counts',
    'outbound.noProxy: NO_PROXY says "b.example", 1.yaml:13:46 says otherwise: the file counts',
  ])
  await keepsSecret(layers, env)
})

test('where the file names the same proxy, its credentials come from the environment unless the file has some', async () => {
  const env = { HTTPS_PROXY: `https://user:${secret}@proxy.example`, NO_PROXY: 'A.example' }
  const same = outbound('proxy: "https://proxy.example:443/", noProxy: [a.example]')
  assert.equal((await config([same], env)).outbound.proxyAuth?.value?.reveal(), `user:${password}`)
  assert.deepEqual(await warnings([same], env), [])
  const own = outbound('proxy: "https://proxy.example", proxyAuth: { file: /p }')
  assert.deepEqual((await config([own], env)).outbound.proxyAuth, { file: '/p' })
  assert.deepEqual(await warnings([own], env), [
    'outbound.proxyAuth: HTTPS_PROXY has credentials, and so has 1.yaml:13:45: the file counts',
  ])
})

test('outbound.proxy: off is no proxy, whatever the environment says, and nothing is said about that', async () => {
  const env = { HTTPS_PROXY: 'socks5://x', NO_PROXY: 'https://nonsense', ALL_PROXY: 'socks5://x' }
  const read = (await config([outbound('proxy: off')], env)).outbound
  assert.deepEqual([read.proxy, read.noProxy], ['off', []])
  assert.deepEqual(await warnings([outbound('proxy: off')], env), [])
})

test('NO_PROXY without a proxy is nobody’s business, nor is it with one that is refused', async () => {
  const refused = await load([valid], { HTTPS_PROXY: 'socks5://x', NO_PROXY: 'https://nonsense' })
  assert.ok(!refused.ok)
  assert.deepEqual([refused.problems.length, refused.warnings], [1, []])
  assert.deepEqual((await config([valid], { NO_PROXY: 'https://nonsense' })).outbound.noProxy, [])
})

test('what is wrong elsewhere is not said of the variable that filled a key', async () => {
  const loaded = await load([valid.replace(/access:[^]*$/, '')], { HTTPS_PROXY: 'http://x' })
  assert.deepEqual(
    loaded.warnings.map(({ path, where }) => [path, where]),
    [['access', '1.yaml:1:1']],
  )
})

test('ALL_PROXY and HTTP_PROXY are not read: where only they are set, that is said', async () => {
  const env = { ALL_PROXY: `socks5://user:${secret}@x`, http_proxy: 'http://x' }
  const loaded = await load([valid], env)
  assert.ok(loaded.ok)
  assert.equal(loaded.config.outbound.proxy, undefined)
  const message = 'is not read: for https, the only thing asked, set HTTPS_PROXY or outbound.proxy'
  assert.deepEqual(loaded.warnings, [
    { path: '', message, where: 'env ALL_PROXY' },
    { path: '', message, where: 'env http_proxy' },
  ])
  await keepsSecret([valid], env)
  assert.deepEqual(await warnings([valid], { ...env, HTTPS_PROXY: 'http://x' }), [])
})

test('any password in HTTPS_PROXY arrives whole, once it is percent-encoded', async () => {
  const text = fc.string({ minLength: 12, unit: 'grapheme' }).filter((each) => each.isWellFormed())
  await fc.assert(
    fc.asyncProperty(text, async (each) => {
      const loaded = await load([valid], {
        HTTPS_PROXY: `http://user:${encodeURIComponent(each)}@proxy.example:3128`,
      })
      assert.ok(loaded.ok)
      assert.equal(loaded.config.outbound.proxyAuth?.value?.reveal(), `user:${each}`)
    }),
    { numRuns: 50 },
  )
})

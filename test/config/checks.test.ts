import assert from 'node:assert/strict'
import { test } from 'node:test'
import { config, load, problems, tenant, valid, warnings } from './written.ts'

const entra = `https://login.microsoftonline.com/${tenant}/v2.0`
const triage = '{ issuer: cluster, namespace: soc, serviceAccount: triage }'

function withIssuers(...issuers: string[]): string {
  return valid.replace('issuers:', ['issuers:', ...issuers].join('\n  '))
}

function withCaller(caller: string): string {
  return withIssuers(
    'entra: { type: oidc, issuer: https://issuer.example, audience: gateway }',
    'anyone: { type: anonymous, acceptAnyoneWhoConnects: true }',
  ).replace(triage, caller)
}

test('every problem is reported at once, in whatever section it is', async () => {
  const found = await problems([
    `
server: { listen: 8443, drain: { timout: 2s } }
graph: { endpoint: http://graph.microsoft.com, deadline: 1d, selectable: [id] }
identity: { tenantId: common, clientId: ${tenant}, credential: { type: cloud } }
issuers:
  Broken: { type: oidc }
  cluster: { type: kubernetes, audience: kubernetes.default.svc }
access:
  broken: { callers: 5, workspaces: [] }
  triage:
    callers: [${triage}, { issuer: clutser, subject: x }, { issuer: cluster, namespace: "*" }]
    workspaces: [default]
    select: [ID, secrets]
cache:
lgo: {}
`,
  ])
  assert.deepEqual(found.map((each) => each.slice(0, each.indexOf(': '))).toSorted(), [
    'access.broken.callers',
    'access.broken.workspaces',
    'access.triage.callers[1].issuer',
    'access.triage.callers[2].namespace',
    'access.triage.callers[2].serviceAccount',
    'access.triage.select[1]',
    'cache',
    'graph.deadline',
    'graph.endpoint',
    'identity.credential.type',
    'identity.tenantId',
    'issuers.Broken',
    'issuers.cluster.audience',
    'lgo',
    'server.drain.timout',
    'server.listen',
    'server.tls',
  ])
})

test('a problem says what was found, what is expected and what to do', async () => {
  const messages: [from: string, to: string, problem: string | RegExp][] = [
    [
      '{ tls: { certFile: /tls.crt, keyFile: /tls.key } }',
      '{}',
      'server.tls: required. Give certFile and keyFile, or write "off" when TLS ends in front of the gateway.',
    ],
    ['certFile: /tls.crt, ', '', /^server.tls.certFile: required\. /],
    [
      '{ certFile: /tls.crt, keyFile: /tls.key }',
      'true',
      'server.tls: found true, expected certFile and keyFile, or "off"',
    ],
    ['server: {', 'server: { listn: ":1",', 'server.listn: unknown key. Did you mean listen?'],
    [
      'server: {',
      'server: { listen: "::1:80",',
      /^server.listen: found "::1:80", expected an address such as/,
    ],
    [
      'access:',
      'cache: { freshFor: 30 }\naccess:',
      'cache.freshFor: found 30, expected a duration from 100ms to 24h',
    ],
    ['access:', 'cache: { freshFor: 25h }\naccess:', /^cache.freshFor: found "25h", expected a duration/],
    ['access:', 'cache: { freshFor: 99ms }\naccess:', /^cache.freshFor: found "99ms", expected a duration/],
    ['access:', 'outbound: []\naccess:', 'outbound: found a list, expected a map'],
    ['access:', `log: { level: ${'x'.repeat(500)} }\naccess:`, /^log.level: found "x{98}…, expected trace/],
    ['[default]', '[123]', /found 123, expected .* Put it in quotes$/],
    ['audience: session-gateway', 'audience: ', /^issuers.cluster.audience: found nothing after the key/],
    [
      'audience: session-gateway',
      'audiance: x',
      'issuers.cluster.audiance: unknown key. Did you mean audience?',
    ],
    [
      'type: kubernetes',
      'type: k8s',
      /^issuers.cluster.type: found "k8s", expected one of "kubernetes", "oidc"/,
    ],
    ['cluster: {', '"1": {', /^issuers\["1"\]: not a possible key here/],
  ]
  for (const [from, to, problem] of messages) {
    assert.ok(valid.includes(from), from)
    const found = await problems([valid.replace(from, to)])
    const isIt = (each: string) => (typeof problem === 'string' ? each === problem : problem.test(each))
    assert.ok(found.some(isIt), `${from} → ${to}\n${found.join('\n')}`)
  }
})

test('the windows of the cache are in order, and each that is not is named', async () => {
  const order: [cache: string, problems: string[]][] = [
    ['{ freshFor: 30s, staleWhileRevalidate: 5m, staleIfError: 5m, maxRetention: 6m }', []],
    [
      '{ staleWhileRevalidate: 2h }',
      [
        'cache.staleIfError: must be at least cache.staleWhileRevalidate: what is served while Graph works is served when it fails',
      ],
    ],
    ['{ staleWhileRevalidate: 0s, staleIfError: 0s }', []],
    ['{ freshFor: 1m, notFoundFor: 1m, maxRetention: 1m }', []],
    ['{ freshFor: 2m, maxRetention: 1m }', ['cache.freshFor: must not be longer than cache.maxRetention']],
    [
      '{ notFoundFor: 2m, maxRetention: 1m }',
      ['cache.notFoundFor: must not be longer than cache.maxRetention'],
    ],
    [
      '{ freshFor: 2m, maxRetention: 1m, jitter: 51% }',
      [
        'cache.jitter: found "51%", expected a percentage from 0% to 50%',
        'cache.freshFor: must not be longer than cache.maxRetention',
      ],
    ],
  ]
  for (const [cache, expected] of order) {
    assert.deepEqual(await problems([valid.replace('access:', `cache: ${cache}\naccess:`)]), expected, cache)
  }
  const loaded = await load([valid.replace('access:', 'cache: { freshFor: 24h }\naccess:')])
  assert.ok(loaded.warnings.some(({ path }) => path === 'cache.maxRetention'))
})

test('records go to stdout or to a file, and what contradicts itself is named', async () => {
  const chosen: [audit: string, problems: string[]][] = [
    ['{ sink: stdout, delivery: best-effort }', []],
    ['{ sink: { file: /a, fsync: interval, maxSize: 1MiB }, stallAfter: 10s }', []],
    ['{ signingKeyFile: /k, chain: true }', []],
    [
      '{ signingKeyFile: /k, chain: false }',
      ['audit.signingKeyFile: signs the chain, and audit.chain is false: leave one of them out'],
    ],
    ['{ stallAfter: 11s }', ['audit.stallAfter: found "11s", expected a duration from 100ms to 10s']],
    ['{ delivery: never }', ['audit.delivery: found "never", expected before-response or best-effort']],
  ]
  for (const [audit, expected] of chosen) {
    assert.deepEqual(await problems([valid.replace('access:', `audit: ${audit}\naccess:`)]), expected, audit)
  }
  for (const sink of ['stderr', '{}', '{ file: /a, fsync: sometimes }', '{ file: /a, other: 1 }']) {
    const found = await problems([valid.replace('access:', `audit: { sink: ${sink} }\naccess:`)])
    assert.ok(found.length > 0 && found.every((each) => each.startsWith('audit.sink')), found.join('\n'))
  }
  const loaded = await load([valid.replace('access:', 'audit: { delivery: best-effort }\naccess:')])
  assert.ok(loaded.warnings.some(({ path }) => path === 'audit.delivery'))
})

test('a rule with admin is for purging, and says nothing of reading', async () => {
  const about = 'is about reading, which a rule with admin does not grant'
  const rules: [rule: string, problems: string[]][] = [
    ['admin: [purge]', []],
    ['admin: [purge], workspaces: [default], rate: 1/s', []],
    [
      'rate: 1/s',
      ['access.x.workspaces: is required: which workspaces may they read? Only a rule with admin needs none'],
    ],
    ['admin: [purge], select: [id]', [`access.x.select: ${about}`]],
    ['admin: [purge], workspaces: ["*"], mayBypassCache: true', [`access.x.mayBypassCache: ${about}`]],
    ['admin: [], workspaces: [default]', ['access.x.admin: found a list, expected the list [purge]']],
    ['admin: [read], workspaces: [default]', ['access.x.admin[0]: found "read", expected `purge`']],
  ]
  for (const [rule, expected] of rules) {
    const caller = '{ issuer: cluster, namespace: a, serviceAccount: b }'
    const found = await problems([
      valid.replace('access:', `access:\n  x: { callers: [${caller}], ${rule} }`),
    ])
    assert.deepEqual(found, expected, rule)
  }
})

test('nobody purges without a name', async () => {
  const anyone = valid
    .replace('issuers:', 'issuers:\n  anyone: { type: anonymous }')
    .replace('server: {', 'server: { listen: "127.0.0.1:8443",')
    .replace('access:', 'access:\n  x: { callers: [{ issuer: anyone }], admin: [purge] }')
  assert.deepEqual(await problems([anyone]), [
    'access.x.callers[0].issuer: is an anonymous issuer: anyone who reaches the management port could empty the cache',
  ])
})

test('tokens of those who purge are not to travel unencrypted', async () => {
  const purging =
    'access:\n  x: { callers: [{ issuer: cluster, namespace: a, serviceAccount: b }], admin: [purge] }'
  const warned = async (management: string, access = purging): Promise<boolean> => {
    const changed = valid
      .replace('access:', access)
      .replace('server: {', `server: { management: ${management},`)
    const loaded = await load([changed])
    return loaded.warnings.some(({ path }) => path === 'server.management.tls')
  }
  assert.equal(await warned('{}'), true)
  assert.equal(await warned('{ listen: "127.0.0.1:9090" }'), false)
  assert.equal(await warned('{ tls: { certFile: a, keyFile: b } }'), false)
  assert.equal(await warned('{}', 'access:'), false)
})

test('a caller is judged by the type of the issuer it names', async () => {
  const at = 'access.triage.callers[0]'
  const callers: Record<string, string[]> = {
    '{ issuer: cluster, subject: x }': [
      `${at}.namespace: required. The namespace of the service account. With \`*\` it also needs \`anyNamespace: true\`.`,
      `${at}.serviceAccount: required. The name of the service account.`,
      `${at}.subject: unknown key. Known here: issuer, namespace, serviceAccount, anyNamespace`,
    ],
    '{ issuer: entra, namespace: a }': [
      `${at}.subject: required. The value of the issuer's \`subject\` claim.`,
      `${at}.namespace: unknown key. Known here: issuer, subject`,
    ],
    '{ issuer: anyone, subject: x }': [`${at}.subject: unknown key. Known here: issuer`],
    '{ issuer: entar, subject: x }': [`${at}.issuer: no issuer is called "entar". Did you mean entra?`],
    '{ issuer: cluster, namespace: soc-*, serviceAccount: x }': [
      `${at}.namespace: lets in whoever may create such a namespace. If that is meant, add anyNamespace: true`,
    ],
    '{ issuer: cluster, namespace: soc-*, serviceAccount: "*", anyNamespace: true }': [],
    '{ issuer: entra, subject: "repo:*" }': [],
    '{ issuer: anyone }': [],
  }
  for (const [caller, expected] of Object.entries(callers)) {
    assert.deepEqual(await problems([withCaller(caller)]), expected, caller)
  }
})

test("the API server's own audience is refused", async () => {
  const own = [
    'kubernetes',
    'kubernetes.default.svc',
    'https://kubernetes.default.svc',
    'https://kubernetes.default.svc.cluster.local',
    'https://kubernetes.default.svc.cluster.local/',
    'https://oidc.example, issuer: https://oidc.example',
    'https://api.example:6443, apiServer: https://api.example:6443',
  ]
  for (const audience of own) {
    const found = await problems([valid.replace('session-gateway', audience)])
    assert.match(found.join('\n'), /^issuers.cluster.audience: the API server's own audience/, audience)
  }
})

function oidc(issuer: string, audience: string) {
  return problems([
    withIssuers(`e: { type: oidc, issuer: ${issuer}, audience: "${audience}", require: { idtyp: app } }`),
  ])
}

test('an Entra v2.0 issuer that can never match is refused, with what to write instead', async () => {
  assert.match((await oidc(entra, 'api://x')).join(), /^issuers.e.audience: can never match: .*client ID/)
  assert.match(
    (await oidc(entra.replace('.com', '.us'), 'api://x')).join(),
    /^issuers.e.audience: can never match/,
  )
  assert.match(
    (await oidc(entra.replace(tenant, 'common'), tenant)).join(),
    /^issuers.e.issuer: can never match/,
  )
  assert.deepEqual(await oidc(`https://sts.windows.net/${tenant}/`, 'api://x'), [])
  assert.deepEqual(await oidc(entra, tenant), [])
})

test('an Entra issuer that requires no claim is warned about', async () => {
  const open = await warnings([withIssuers(`e: { type: oidc, issuer: ${entra}, audience: ${tenant} }`)])
  assert.match(open.join(), /^issuers.e: no claim is required/)
  assert.deepEqual(
    await warnings([withIssuers('e: { type: oidc, issuer: https://a.example, audience: b }')]),
    [],
  )
})

test('two issuers for the same tokens are one too many', async () => {
  const e = `{ type: oidc, issuer: https://a.example, audience: b }`
  assert.match(
    (await problems([withIssuers(`x: ${e}`, `y: ${e}`)])).join(),
    /^issuers.y: takes the same tokens as issuers.x/,
  )
  assert.deepEqual(await problems([withIssuers(`x: ${e}`, `y: ${e.replace('b }', 'c }')}`)]), [])
  assert.match(
    (await problems([withIssuers('x: { type: kubernetes, audience: session-gateway }')])).join(),
    /^issuers.cluster: takes the same tokens as issuers.x/,
  )
})

test('anonymous callers need a loopback address, or someone who says that anyone is meant', async () => {
  const anonymous = withIssuers('anyone: { type: anonymous }')
  assert.match(
    (await problems([anonymous])).join(),
    /^issuers.anyone: anonymous callers need server.listen on 127/,
  )
  for (const listen of ['127.0.0.1:0', '[::1]:1', 'localhost:1']) {
    const loaded = await load([anonymous], { GATEWAY_LISTEN: listen })
    assert.ok(loaded.ok, listen)
    assert.match(loaded.warnings[0]?.message ?? '', /everyone on this machine/)
  }
  const meant = await load([withIssuers('anyone: { type: anonymous, acceptAnyoneWhoConnects: true }')])
  assert.ok(meant.ok)
  assert.match(meant.warnings[0]?.message ?? '', /ANYONE WHO CAN CONNECT/)
})

test('no rule and no TLS are allowed, with a warning', async () => {
  const found = await warnings([
    valid.replace(/access:[^]*/, 'access: {}').replace('{ certFile: /tls.crt, keyFile: /tls.key }', 'off'),
  ])
  assert.match(
    found.join('\n'),
    /^server.tls: callers send their tokens unencrypted[^]*^access: no access rule: every request will be denied$/m,
  )
})

test('an unquoted off is off, also where Helm made it false', async () => {
  for (const off of ['off', 'false', '"off"']) {
    const loaded = await config([valid.replace('{ certFile: /tls.crt, keyFile: /tls.key }', off)])
    assert.equal(loaded.server.tls, 'off')
  }
})

function server(extra: string) {
  return problems([valid.replace('server: {', `server: { ${extra},`)])
}

test('ports, drain times and names that contradict each other are refused', async () => {
  assert.match(
    (await server('listen: ":9090"')).join(),
    /^server.management.listen: port 9090 is server.listen's/,
  )
  assert.deepEqual(await server('listen: ":0", management: { listen: ":0" }'), [])
  assert.match((await server('drain: { delay: 30s }')).join(), /^server.drain.timeout: must be longer/)
  assert.match((await problems([`${valid}graph: { selectable: [id, ID] }`])).join(), /a name appears twice/)
})

test('the result is frozen to its depths, with numbers for quantities and names in one spelling', async () => {
  const loaded = await config([
    `${valid}    select: [ID, displayname]
    rate: 100/m
  all: { callers: [${triage}], workspaces: [ABCDEF00-1111-2222-3333-444444444444, Abc, "*"] }
`,
  ])
  assert.deepEqual(loaded.access[0]?.select, ['id', 'displayName'])
  assert.deepEqual(loaded.access[0]?.rate, { count: 100, perMs: 60_000 })
  assert.deepEqual(loaded.access[1]?.workspaces, ['abcdef00-1111-2222-3333-444444444444', 'Abc', '*'])
  assert.deepEqual(
    [loaded.cache.freshFor, loaded.cache.memory, loaded.graph.maxBody],
    [30_000, 2 ** 27, 2 ** 20],
  )
  const thaw = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    assert.ok(Object.isFrozen(value))
    for (const child of Object.values(value)) thaw(child)
  }
  thaw(loaded)
})

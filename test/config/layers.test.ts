import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../../src/config/index.ts'
import { config, load, problems, tenant, valid, warnings } from './written.ts'

const withoutCredential = valid.replace('  credential: { type: federated, tokenFile: /token }\n', '')

test('a later file adds rules after those of earlier ones, and replaces lists and single values', async () => {
  const { access, cache } = await config([
    `${valid}cache: { freshFor: 1m, notFoundFor: 1s }\n`,
    `cache: { freshFor: 2m }
access:
  ops: { callers: [{ issuer: cluster, namespace: ops, serviceAccount: ops }], workspaces: ["*"] }
  triage: { workspaces: [other] }`,
  ])
  assert.deepEqual(
    access.map(({ name, workspaces }) => [name, ...(workspaces ?? [])]),
    [
      ['triage', 'other'],
      ['ops', '*'],
    ],
  )
  assert.equal(access[0]?.callers.length, 1)
  assert.deepEqual([cache.freshFor, cache.notFoundFor], [120_000, 1000])
})

test('an issuer or a credential of another type leaves nothing of the former', async () => {
  const { identity, issuers } = await config([
    `${valid}  all: { callers: [{ issuer: other, subject: a }], workspaces: [x] }
`.replace('issuers:', 'issuers:\n  other: { type: kubernetes, audience: x, tokenFile: /t }'),
    `identity: { credential: { type: certificate, file: /c } }
issuers: { other: { type: oidc, issuer: https://a.example, audience: b } }`,
  ])
  assert.deepEqual(identity.credential, { type: 'certificate', file: '/c' })
  assert.deepEqual(issuers[0], {
    name: 'other',
    type: 'oidc',
    issuer: 'https://a.example',
    audience: 'b',
    subject: 'sub',
    require: {},
    clockTolerance: 30_000,
  })
})

test('a claim called "type" may change without dropping the other required claims', async () => {
  const entra =
    'issuers: { e: { type: oidc, issuer: https://a.example, audience: b, require: { type: a, role: b } } }'
  const { issuers } = await config([valid, entra, 'issuers: { e: { require: { type: c } } }'])
  const issuer = issuers.find(({ name }) => name === 'e')
  assert.ok(issuer?.type === 'oidc')
  assert.deepEqual(issuer.require, { type: 'c', role: 'b' })
})

test('when one file cannot be read, only that is said', async () => {
  assert.deepEqual(await problems(['', 'log: { level: x }']), [': empty'])
})

test('GATEWAY_* speaks over the files, and GATEWAY_CONFIG names them', async () => {
  const { server, graph, log } = await config([valid], {
    GATEWAY_LISTEN: '127.0.0.1:1',
    GATEWAY_MANAGEMENT_LISTEN: ':2',
    GATEWAY_GRAPH_ENDPOINT: 'https://graph.microsoft.us',
    GATEWAY_LOG_LEVEL: 'debug',
  })
  assert.deepEqual(server.listen, { host: '127.0.0.1', port: 1 })
  assert.deepEqual(server.management.listen, { host: '::', port: 2 })
  assert.deepEqual([graph.endpoint, log.level], ['https://graph.microsoft.us', 'debug'])
  const named = await loadConfig({ files: [], env: { GATEWAY_CONFIG: '/nowhere/a:/nowhere/b' } })
  assert.ok(!named.ok)
  assert.deepEqual(
    named.problems.map(({ where }) => where),
    ['/nowhere/a', '/nowhere/b'],
  )
})

test('a bad value in the environment is placed there', async () => {
  const loaded = await load([valid], { GATEWAY_LOG_LEVEL: 'loud' })
  assert.ok(!loaded.ok)
  assert.deepEqual(loaded.problems, [
    {
      path: 'log.level',
      message: 'found "loud", expected trace, debug, info, warn, error or fatal',
      where: 'env GATEWAY_LOG_LEVEL',
    },
  ])
})

test('an unknown GATEWAY_* variable warns, unless Kubernetes put it there', async () => {
  const injected = {
    GATEWAY_PORT: 'tcp://10.0.0.1:443',
    GATEWAY_PORT_443_TCP: 'tcp://10.0.0.1:443',
    GATEWAY_SERVICE_HOST: '10.0.0.1',
    GATEWAY_SERVICE_PORT: '443',
    GATEWAY_SERVICE_PORT_HTTPS: '443',
  }
  assert.deepEqual(await warnings([valid], { ...injected, GATEWAY_LISTN: ':1', HOME: '/' }), [
    ': unknown variable, without effect. Did you mean GATEWAY_LISTEN?',
  ])
})

test('AZURE_* fills what the files leave out', async () => {
  const { identity } = await config([valid.replace(/identity:\n(?: .*\n)+/, '')], {
    AZURE_TENANT_ID: 'contoso.onmicrosoft.com',
    AZURE_CLIENT_ID: tenant,
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.us/',
    AZURE_FEDERATED_TOKEN_FILE: '/t',
  })
  assert.deepEqual(identity, {
    tenantId: 'contoso.onmicrosoft.com',
    clientId: tenant,
    authorityHost: 'https://login.microsoftonline.us',
    credential: { type: 'federated', tokenFile: '/t' },
  })
})

test('AZURE_CLIENT_SECRET fills a credential of type secret and no other', async () => {
  const secret = valid.replace('{ type: federated, tokenFile: /token }', '{ type: secret }')
  const { identity } = await config([secret], {
    AZURE_CLIENT_SECRET: 'hunter2',
    AZURE_FEDERATED_TOKEN_FILE: '/t',
  })
  assert.ok(identity.credential.type === 'secret' && identity.credential.value !== undefined)
  assert.equal(identity.credential.value.reveal(), 'hunter2')
  assert.match((await problems([secret])).join(), /^identity.credential: give either value or file/)
  assert.deepEqual(await warnings([valid], { AZURE_CLIENT_SECRET: 'hunter2' }), [])
})

test('a file that differs from AZURE_* counts, and a warning names both places', async () => {
  const env = {
    AZURE_TENANT_ID: 'other.example',
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
    AZURE_FEDERATED_TOKEN_FILE: '/other',
  }
  const loaded = await load([valid], env)
  assert.ok(loaded.ok)
  assert.equal(loaded.config.identity.tenantId, tenant)
  assert.deepEqual(loaded.warnings, [
    {
      path: 'identity.tenantId',
      message: 'AZURE_TENANT_ID says "other.example", 1.yaml:4:3 says otherwise: the file counts',
      where: '1.yaml:4:3',
    },
    {
      path: 'identity.credential.tokenFile',
      message: 'AZURE_FEDERATED_TOKEN_FILE is set and differs from 1.yaml:6:34: the file counts',
      where: '1.yaml:6:34',
    },
  ])
})

test('a client secret in a file counts before AZURE_CLIENT_SECRET, with a warning', async () => {
  const secret = valid.replace('{ type: federated, tokenFile: /token }', '{ type: secret, file: /s }')
  const loaded = await load([secret], { AZURE_CLIENT_SECRET: 'hunter2' })
  assert.ok(loaded.ok)
  assert.deepEqual(loaded.config.identity.credential, { type: 'secret', file: '/s' })
  assert.match(loaded.warnings[0]?.message ?? '', /AZURE_CLIENT_SECRET is set and differs/)
})

test('several credentials in the environment and none in the files: the operator chooses', async () => {
  const env = { AZURE_CLIENT_SECRET: 'hunter2', AZURE_FEDERATED_TOKEN_FILE: '/t' }
  assert.deepEqual(await problems([withoutCredential], env), [
    'identity.credential: AZURE_CLIENT_SECRET and AZURE_FEDERATED_TOKEN_FILE are set, each for another credential: choose with identity.credential.type',
  ])
  assert.match((await problems([withoutCredential])).join(), /^identity.credential: required/)
  assert.match(
    (await problems([withoutCredential], { AZURE_CLIENT_SECRET: '' })).join(),
    /credential: required/,
  )
})

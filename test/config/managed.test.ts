import assert from 'node:assert/strict'
import { test } from 'node:test'
import { config, problems, valid, warnings } from './written.ts'

const federated = '{ type: federated, tokenFile: /token }'
const managed = (more = ''): string => valid.replace(federated, `{ type: managed${more} }`)

test('a managed identity needs no more than its type: the machine’s own, from IMDS', async () => {
  const { identity } = await config([managed()])
  assert.deepEqual(identity.credential, {
    type: 'managed',
    assigned: 'system',
    endpoint: 'http://169.254.169.254',
  })
})

test('IMDS is asked at its own address or on this machine, and never by a name or anywhere else', async () => {
  for (const endpoint of ['http://127.0.0.1:8081', 'http://[::1]:8081/', 'http://169.254.169.254:80']) {
    assert.deepEqual(await problems([managed(`, endpoint: "${endpoint}"`)]), [], endpoint)
  }
  for (const endpoint of [
    'https://169.254.169.254',
    'http://localhost:8081',
    'http://10.0.0.1',
    'http://127.0.0.1.example.com',
    'http://169.254.169.254@elsewhere.example',
    'http://127.0.0.1:8081/path',
    'http://127.0.0.999',
    'http://2130706433',
    'http://127.0.0.1:99999',
  ]) {
    const found = await problems([managed(`, endpoint: "${endpoint}"`)])
    assert.match(found.join(), /^identity\.credential\.endpoint: .*169\.254\.169\.254/, endpoint)
  }
})

test('who else can get the same token is said at the start', async () => {
  const [line, ...more] = await warnings([managed(', assigned: user')])
  assert.match(
    line ?? '',
    /^identity\.credential: on Kubernetes every pod of the node .*prefer type: federated/,
  )
  assert.deepEqual(more, [])
})

test('an authorityHost that is written beside a managed identity is told to be of no use; one of a webhook is not', async () => {
  const host = 'https://login.microsoftonline.us'
  const written = managed().replace('identity:', `identity:\n  authorityHost: ${host}`)
  assert.match((await warnings([written])).join('\n'), /^identity\.authorityHost: not used/m)
  assert.doesNotMatch((await warnings([managed()], { AZURE_AUTHORITY_HOST: host })).join('\n'), /not used/)
})

test('what workload identity puts into the environment changes nothing in a managed identity', async () => {
  const { identity } = await config([managed()], { AZURE_FEDERATED_TOKEN_FILE: '/token' })
  assert.equal(identity.credential.type, 'managed')
})

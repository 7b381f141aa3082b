import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { printConfig } from '../../src/config/index.ts'
import { formatPath, parsePath } from '../../src/config/path.ts'
import { load, valid } from './written.ts'

test('what is printed says the same again, and where each value came from', async () => {
  const claims = 'require: { "https://c.example/x y": [d], "1": true }'
  const issuer = `e: { type: oidc, issuer: https://a.example, audience: b, ${claims} }`
  const yaml = `${valid.replace('issuers:', `issuers:\n  ${issuer}`)}log: { level: debug }`
  const first = await load([yaml], { GATEWAY_LISTEN: ':1234' })
  assert.ok(first.ok)
  const printed = printConfig(first.settings)
  assert.match(printed, /^ {2}listen: :1234 # env GATEWAY_LISTEN$/m)
  assert.match(printed, /^ {2}startupGrace: 60s # default$/m)
  assert.match(printed, /^ {2}level: debug # .*1\.yaml:14$/m)
  const again = await load([printed])
  assert.ok(again.ok)
  assert.deepEqual(again.config, first.config)
  assert.deepEqual(
    again.settings.map(({ path, value }) => [path, value]),
    first.settings.map(({ path, value }) => [path, value]),
  )
})

test('a printed secret is [redacted], and says that it is one', async () => {
  const secret = valid.replace('{ type: federated, tokenFile: /token }', '{ type: secret, value: hunter2 }')
  const loaded = await load([secret])
  assert.ok(loaded.ok)
  assert.match(printConfig(loaded.settings), /^ {4}value: "\[redacted\]" # .*:6$/m)
  assert.deepEqual(
    loaded.settings.filter((setting) => setting.secret).map(({ path }) => path),
    ['identity.credential.value'],
  )
})

test('a path is read back as it was written, whatever the keys', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.nat())), (path) => {
      assert.deepEqual(parsePath(formatPath(path)), path)
    }),
  )
})

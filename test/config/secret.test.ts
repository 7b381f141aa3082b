import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, inspect } from 'node:util'
import { Secret } from '../../src/config/index.ts'
import { load, valid } from './written.ts'

test('a secret prints as [redacted] however it is turned into text', () => {
  const secret = new Secret('hunter2')
  const texts = [
    String(secret),
    // oxlint-disable-next-line typescript/restrict-template-expressions -- what a careless log line does
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret, { showHidden: true, depth: null }),
    format('%s %o %j', secret, secret, secret),
    // oxlint-disable-next-line typescript/restrict-plus-operands -- likewise
    '' + secret,
    JSON.stringify(Object.entries(secret)),
    inspect(structuredClone(secret)),
    inspect(new Error('no', { cause: secret })),
  ]
  for (const text of texts) assert.doesNotMatch(text, /hunter2/)
  assert.equal(String(secret), '[redacted]')
  assert.equal(JSON.stringify([secret]), '["[redacted]"]')
  assert.equal(secret.reveal(), 'hunter2')
})

test('no finding and no setting shows a client secret, whatever is wrong around it', async () => {
  const credentials = [
    '{ type: secret, value: hunter2 }',
    '{ type: secret, value: 74817748 }',
    '{ type: secret, value: hunter2, file: /x }',
    '{ type: secret, value: [hunter2] }',
    '{ type: secret, value: { hunter: hunter2 } }',
    '{ type: secret, valeu: hunter2 }',
    '{ type: federated, value: hunter2 }',
    '{ value: hunter2 }',
    'hunter2',
    '[hunter2]',
    '{ type: secret, value: !hunter2 }',
    '{ type: secret, value: *hunter2 }',
    '{ type: secret, value: @hunter2 }',
    '{ type: secret, value: "hunter2 }',
    '{ type: secret, value: hunter2, value: hunter2 }',
  ]
  const envs = [{}, { AZURE_CLIENT_SECRET: 'hunter2-too' }]
  for (const credential of credentials) {
    for (const env of envs) {
      const yaml = valid.replace('{ type: federated, tokenFile: /token }', credential)
      const loaded = await load([yaml], env)
      assert.doesNotMatch(inspect(loaded, { depth: null, showHidden: true }), /hunter2|74817748/, credential)
      assert.doesNotMatch(JSON.stringify(loaded), /hunter2|74817748/, credential)
    }
  }
})

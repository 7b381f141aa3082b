import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problems, valid } from './written.ts'

const managed = valid.replace(/credential: .*/, 'credential: { type: managed }')

test('a managed identity is asked of IMDS: where the platform has another service, the start is refused', async () => {
  assert.deepEqual(await problems([managed]), [])
  for (const name of ['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'AZURE_POD_IDENTITY_AUTHORITY_HOST']) {
    assert.deepEqual(await problems([managed], { [name]: '' }), [])
    const [problem = '', ...others] = await problems([managed], { [name]: 'http://localhost:1' })
    assert.deepEqual(others, [])
    assert.match(problem, new RegExp(`^identity\\.credential\\.type: managed asks IMDS, and ${name} say`))
    assert.deepEqual(await problems([valid], { [name]: 'http://localhost:1' }), [])
  }
})

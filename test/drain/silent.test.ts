import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { startServing } from '../commands/serving.ts'

test('draining does not wait for a connection that has never said anything', async () => {
  const config = { server: { drain: { delay: '0s', timeout: '1s' } } }
  await using serving = await startServing({ config })
  const silent = connect({ port: serving.port, host: '127.0.0.1' })
  silent.on('error', () => undefined)
  await once(silent, 'connect')
  serving.program.child.kill('SIGTERM')
  assert.equal((await serving.program.ended).code, 0)
  // Not by waiting until its handshake is given up, which takes 10 s.
  assert.ok(!serving.logs.some(({ code }) => code === 'ERR_TLS_HANDSHAKE_TIMEOUT'))
  silent.destroy()
})

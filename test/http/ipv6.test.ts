import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Agent, request } from 'undici'
import { apiServerOf } from '../../src/reach.ts'
import { sessionPath, startWorld, type World } from '../world/world.ts'

describe('a gateway that listens on a port alone', () => {
  let world: World
  before(async () => {
    world = await startWorld({ config: { server: { listen: ':0', management: { listen: ':0' } } } })
  })
  after(() => world[Symbol.asyncDispose]())

  for (const [host, peer] of [
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]', '::1'],
  ] as const) {
    test(`answers callers and probes at ${host}`, async () => {
      const dispatcher = new Agent({ connect: { ca: world.ca, servername: 'localhost' } })
      const authorization = `Bearer ${await world.workloadToken('triage')}`
      const read = await request(`https://${host}:${world.port}${sessionPath}`, {
        dispatcher,
        headers: { authorization },
      })
      await read.body.dump()
      assert.equal(read.statusCode, 200)
      const record = await world.recordOf(read.headers['request-id'])
      assert.equal(record['peer'], peer)
      const probed = await request(`http://${host}:${world.gateway.managementAddress.port}/readyz`, {
        dispatcher,
      })
      await probed.body.dump()
      assert.equal(probed.statusCode, 200)
      await dispatcher.close()
    })
  }
})

test('an API server is found by the address that a pod is told, of either family', () => {
  const issuer = {} as Parameters<typeof apiServerOf>[0]
  for (const [host, url] of [
    ['10.96.0.1', 'https://10.96.0.1:443'],
    ['fd00:10:96::1', 'https://[fd00:10:96::1]:443'],
  ] as const) {
    const env = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: '443' }
    assert.equal(apiServerOf(issuer, env), url)
  }
})

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import { connectProxy, type ProxyOptions } from '../../outbound/connect-proxy.ts'
import { issuersOf, saidBy, startPatient, troubles } from './patient.ts'
import type { Line } from '../../../src/commands/doctor/line.ts'

// Names that exist nowhere: whoever reaches them has gone through the proxy.
const domain = 'internal.invalid'
const patient = await startPatient({ domain })
const { emulator, inFolder } = patient
after(() => patient[Symbol.asyncDispose]())
const { port } = new URL(emulator.url)
const at = (name: string): string => `https://${name}.${domain}:${port}`

async function linesThrough(proxy: string, more: object = {}): Promise<readonly Line[]> {
  return patient.lines({
    outbound: { caFile: inFolder('ca.pem'), proxy, ...more },
    graph: { endpoint: at('graph') },
    identity: {
      tenantId: emulator.entra.tenantId,
      clientId: emulator.entra.clientId,
      authorityHost: at('entra'),
      credential: { type: 'secret', file: inFolder('client.secret') },
    },
    issuers: issuersOf(patient),
  })
}

async function troublesThrough(options: ProxyOptions, more: object = {}): Promise<readonly Line[]> {
  await using proxy = await connectProxy(options)
  return await linesThrough(proxy.url, more)
}

const everybody = ['clock', 'issuer oidc', 'token', 'roles', 'graph']
const skipped = everybody.map((check) => `skipped ${check}`)

test('through a proxy the names of others are its own to look up, and all is well', async () => {
  const lines = await troublesThrough({})
  assert.deepEqual(troubles(lines), [])
  assert.equal(
    saidBy(lines, 'outbound.proxy'),
    `it is there, for ${[at('entra'), at('issuer'), at('graph')].join(', ')}\n`,
  )
  assert.deepEqual(
    lines.flatMap(({ check }) => (check.startsWith('dns ') ? [check] : [])),
    ['dns localhost'],
  )
})

test('a proxy that wants credentials is one failure, and the API server is not concerned', async () => {
  const lines = await troublesThrough({ credentials: 'gateway:CANARY' })
  assert.deepEqual(troubles(lines), ['failed outbound.proxy', ...skipped])
  assert.match(saidBy(lines, 'outbound.proxy'), /it answered 407: give it credentials in outbound\.proxyAuth/)
})

test('credentials that it does not take are told, and not shown', async () => {
  await writeFile(inFolder('proxy.auth'), 'gateway:WRONG')
  const lines = await troublesThrough(
    { credentials: 'gateway:CANARY' },
    { proxyAuth: { file: inFolder('proxy.auth') } },
  )
  assert.deepEqual(troubles(lines), ['failed outbound.proxy', ...skipped])
  assert.match(saidBy(lines, 'outbound.proxy'), /does not take the credentials/)
  assert.doesNotMatch(JSON.stringify(lines), /WRONG|CANARY/)
})

test('a proxy that is not there is one failure', async () => {
  const lines = await linesThrough('http://localhost:1')
  assert.deepEqual(troubles(lines), ['failed outbound.proxy', ...skipped])
  assert.match(saidBy(lines, 'outbound.proxy'), /connection refused.*\nsee outbound\.proxy/)
})

test('whom a proxy does not let through is told where they are asked', async () => {
  const lines = await troublesThrough({ forbids: (authority) => authority.startsWith('graph.') })
  assert.deepEqual(troubles(lines), ['failed graph'])
  assert.match(saidBy(lines, 'graph'), /have graph\.internal\.invalid:\d+ allowed there/)
})

test('whom a proxy is not for must have a name that is known here', async () => {
  const lines = await troublesThrough({}, { noProxy: [`graph.${domain}`] })
  assert.deepEqual(troubles(lines), [`failed dns graph.${domain}`, 'skipped graph'])
})

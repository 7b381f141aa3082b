import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { sessionId, sessionPath, startWorld, type World } from '../world/world.ts'

const prefix = 'session_gateway_'

describe('/metrics', () => {
  let world: World
  before(async () => {
    world = await startWorld()
  })
  after(() => world[Symbol.asyncDispose]())

  async function exposed(): Promise<string> {
    const { status, headers, body } = await world.manage('/metrics')
    assert.equal(status, 200)
    assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/)
    return body
  }

  async function samples(name: string): Promise<Record<string, number>> {
    const found = (await exposed()).matchAll(new RegExp(`^${prefix}${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'))
    return Object.fromEntries([...found].map(([, labels = '', value]) => [labels, Number(value)]))
  }

  test('counts requests by status and cache outcome, calls to Graph, exchanges and entries', async () => {
    await world.ask()
    await world.ask()
    await world.ask(`${sessionPath}?$top=1`)
    await world.ask(sessionPath.replace('ecdfb9b3', 'ecdfb9b4'))
    assert.deepEqual(await samples('requests_total'), {
      'status="200",cache="miss"': 1,
      'status="200",cache="hit"': 1,
      'status="400",cache="none"': 1,
      'status="404",cache="miss"': 1,
    })
    assert.deepEqual(await samples('request_duration_seconds_count'), {
      'cache="miss"': 2,
      'cache="hit"': 1,
      'cache="none"': 1,
    })
    assert.deepEqual(await samples('graph_calls_total'), { 'outcome="200"': 1, 'outcome="404"': 1 })
    assert.deepEqual(await samples('graph_call_duration_seconds_count'), { '': 2 })
    assert.deepEqual(await samples('token_exchanges_total'), { 'result="success"': 1 })
    assert.deepEqual(await samples('cache_entries'), { '': 2 })
    assert.ok(((await samples('cache_bytes'))[''] ?? 0) > 0)
    assert.deepEqual(await samples('ready'), { '': 1 })
    assert.deepEqual(await samples('requests_in_flight'), { '': 0 })
  })

  test('has no label that a stranger could fill: no subject, no workspace, no session, no path', async () => {
    const token = await world.emulator.issuer.token({ sub: 'CANARY', aud: 'session-gateway.test' })
    await world.ask(sessionPath.replace('default', 'CANARY'), { token })
    await world.ask('/CANARY', { headers: { 'client-request-id': 'CANARY' } })
    await world.ask(sessionPath.replace(sessionId, 'CANARY'))
    const text = await exposed()
    assert.ok(!text.includes('CANARY'))
    const own = text.split('\n').filter((line) => line.startsWith(prefix))
    const labels = new Set(own.flatMap((line) => [...line.matchAll(/[{,](\w+)="/g)].map(([, name]) => name)))
    assert.deepEqual(
      labels,
      new Set(['cache', 'code', 'issuer', 'le', 'outcome', 'result', 'setting', 'status']),
    )
  })

  test('has what docs/reference/operations.md lists, and nothing else of its own', async () => {
    const page = await readFile(new URL('../../docs/reference/operations.md', import.meta.url), 'utf8')
    const rows = page.split('\n').filter((line) => line.startsWith('| `'))
    const listed = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([a-z_]+)`/g)].map(([, name]) => name),
    )
    const has = [...(await exposed()).matchAll(/^# TYPE session_gateway_(\w+)/gm)].map(([, name]) => name)
    assert.deepEqual(new Set(has), new Set(listed))
  })
})

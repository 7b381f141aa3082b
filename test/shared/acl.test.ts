/** The ACL that the guide gives a gateway on Redis: enough for all it does, and nothing that it does not need. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import * as scripts from '../../src/shared/scripts.ts'
import { until } from '../security/wire.ts'
import { type Redis, startCluster, startRedis } from '../world/redis.ts'
import { startWorld, type World } from '../world/world.ts'
import { untilShared } from './fleet.ts'

const guide = readFileSync('docs/guides/shared-cache.md', 'utf8')
const password = 'p'.repeat(32)

/** What stands after the user's name, in the order in which Redis takes it. */
function ruleOf(user: string): string[] {
  const [, text = ''] = new RegExp(`ACL SETUSER ${user} ([^]*?)\\n\\n`).exec(guide) ?? []
  return text
    .replaceAll('\\', ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => (word.startsWith('>') ? `>${password}` : word))
}

const onOneServer = ruleOf('session-gateway')
const [, added = ''] = /In a cluster add `([^`]+)`/.exec(guide) ?? []
const inCluster = [...onOneServer, ...added.split(' ')]

const commandsOf = (rule: readonly string[]): string[] =>
  rule.flatMap((word) => (/^\+[^@]/.test(word) ? [word.slice(1)] : []))

async function setUser(redis: Redis, rule: readonly string[]): Promise<void> {
  assert.equal(await redis.command('ACL', 'SETUSER', 'session-gateway', ...rule), 'OK')
  await redis.command('CONFIG', 'RESETSTAT')
}

async function start(servers: object, other?: World): Promise<World> {
  const world = await startWorld({
    ...(other === undefined ? {} : { emulator: other.emulator }),
    files: { keys, password },
    config: (inFolder) => ({
      cache: {
        shared: {
          ...servers,
          keysFile: inFolder('keys'),
          auth: { type: 'passwordFile', file: inFolder('password'), username: 'session-gateway' },
          timeout: '2s',
        },
      },
    }),
  })
  await untilShared(world)
  return world
}

const keys = `test ${randomBytes(32).toString('base64')}\n`

/** Everything for which replicas ask Redis: entries, leases and who waits for them, purges, the gate. */
async function live(one: World, two: World): Promise<void> {
  const replies = await Promise.all([one, two, one, two].map((world) => world.ask()))
  assert.ok(replies.every(({ status }) => status === 200))
  assert.equal(one.emulator.graph.calls, 1)
  const token = await one.workloadToken('ops')
  for (const path of ['/cache', '/cache/workspaces/default']) {
    const { status, body } = await one.manage(path, { method: 'DELETE', token })
    assert.equal(status, 200, body)
  }
  one.emulator.fail('graph', { kind: 'status', status: 429, retryAfter: '20' })
  assert.equal((await one.ask()).status, 503)
  await until('the gate is shut there, too', async () => {
    const { body } = await two.manage('/metrics')
    return Number(/^session_gateway_graph_gate_shut_seconds (\S+)$/m.exec(body)?.[1]) > 0
  })
}

async function denied(nodes: readonly Redis[]): Promise<unknown[]> {
  const logs = await Promise.all(nodes.map((node) => node.command('ACL', 'LOG')))
  return logs.flat()
}

/** By whomever: of these words only gateways use. */
async function used(nodes: readonly Redis[]): Promise<Set<string>> {
  const said = await Promise.all(nodes.map((node) => node.command('INFO', 'commandstats')))
  return new Set([...said.join('\n').matchAll(/^cmdstat_([^:]+):/gm)].map(([, name = '']) => name))
}

describe('the ACL of the guide', () => {
  test('is enough on one server, and every command in it is used', async () => {
    await using redis = await startRedis()
    await setUser(redis, onOneServer)
    await using one = await start({ url: redis.url })
    await using two = await start({ url: redis.url }, one)
    await live(one, two)
    assert.deepEqual(await denied([redis]), [])
    const inScripts = new Set(
      Object.values(scripts)
        .flatMap((each) => (typeof each === 'string' ? [] : [each.source]))
        .flatMap((source) => [...source.matchAll(/redis\.p?call\('(\w+)'/g)])
        .map(([, name = '']) => name.toLowerCase()),
    )
    const onConnections = commandsOf(onOneServer).filter((name) => !inScripts.has(name))
    assert.deepEqual(
      [...inScripts].filter((name) => !commandsOf(onOneServer).includes(name)),
      [],
    )
    const found = await used([redis])
    assert.deepEqual(
      onConnections.filter((name) => !found.has(name)),
      [],
    )
  })

  test('is enough in a cluster, with what it says to add', async () => {
    await using cluster = await startCluster()
    for (const node of cluster.masters) await setUser(node, inCluster)
    await using one = await start({ cluster: cluster.urls })
    await using two = await start({ cluster: cluster.urls }, one)
    await live(one, two)
    assert.deepEqual(await denied(cluster.masters), [])
    assert.ok((await used(cluster.masters)).has('cluster|slots'))
  })

  test('lets nobody at what others keep there', async () => {
    await using redis = await startRedis()
    await setUser(redis, onOneServer)
    await redis.command('SET', 'session-gatewayed', '1')
    for (const [why, ...words] of [
      ['key', 'GET', 'session-gatewayed'],
      ['channel', 'PUBLISH', 'session-gatewayed', ''],
      ['command', 'KEYS', '*'],
      ['command', 'CONFIG', 'GET', '*'],
      ['command', 'FLUSHALL'],
    ] as const) {
      const said = await redis.command('ACL', 'DRYRUN', 'session-gateway', ...words)
      assert.match(String(said), /no permissions|has no permissions/, `${words.join(' ')} (${why})`)
    }
  })
})

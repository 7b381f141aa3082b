import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { brings } from '../cache/answer.ts'
import { type Redis, until } from '../world/redis.ts'
import { sessionId, sessionPath, workspacePath } from '../world/world.ts'
import { startFleet } from './fleet.ts'
import { newKey } from './replica.ts'
import { has, onOneRedis } from './several.ts'

/** Everything that is sent to a Redis, and everything that it publishes, from here on. */
async function overhear(redis: Redis): Promise<{ readonly text: string } & Disposable> {
  const heard: Buffer[] = []
  const sockets = ['MONITOR', 'PSUBSCRIBE *'].map((command) => {
    const socket = connect(redis.port, '127.0.0.1')
    socket.on('data', (chunk: Buffer) => void heard.push(chunk)).write(`${command}\r\n`)
    return socket
  })
  await Promise.all(sockets.map((socket) => once(socket, 'data')))
  return {
    get text() {
      return Buffer.concat(heard).toString('latin1')
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Every string in it that is long enough not to be there by chance. */
function stringsIn(json: unknown): string[] {
  if (typeof json === 'string') return json.length > 5 ? [json] : []
  return typeof json === 'object' && json !== null
    ? [...Object.keys(json).filter((name) => name.length > 5), ...Object.values(json).flatMap(stringsIn)]
    : []
}

test('whatever replicas share, nobody who reads Redis finds an id, a name, a body or a workspace', async () => {
  await using fleet = await startFleet({ replicas: 2 })
  const [one, two] = fleet.replicas
  assert.ok(one !== undefined && two !== undefined)
  using overheard = await overhear(fleet.redis)
  const missing = '00000000-0000-4000-8000-00000000feed'
  const { json } = await one.ask()
  await Promise.all([one.ask(`${sessionPath}?$select=id`), two.ask(`${sessionPath}?$select=id`)])
  await two.ask(`${workspacePath}/sessions/${missing}`)
  const refused = 'security/securityCopilot/workspaces/refused-to-us'
  fleet.emulator.fail('graph', { kind: 'status', status: 403 }, 1)
  await Promise.all(fleet.replicas.map((each) => each.ask(`/beta/${refused}/sessions/${sessionId}`)))
  const token = await one.workloadToken('ops')
  for (const scope of [`default/sessions/${sessionId}`, 'default', 'not-a-workspace-here']) {
    const { status } = await one.manage(`/cache/workspaces/${scope}`, { method: 'DELETE', token })
    assert.equal(status, 200, scope)
  }
  await one.ask()
  await until(async () => assert.match(overheard.text, /PXAT[\s\S]*ZADD/))

  const keys = (await fleet.redis.command('KEYS', '*')) as string[]
  const values = await Promise.all(
    keys.map(async (key) => {
      const isLog = (await fleet.redis.command('TYPE', key)) === 'zset'
      const value = await fleet.redis.command(...(isLog ? ['ZRANGE', key, '0', '-1'] : ['GET', key]))
      return `${key} ${String(value)} ${String(await fleet.redis.command('DUMP', key))}`
    }),
  )
  assert.ok(keys.some((key) => key.endsWith(':purges')) && keys.some((key) => key.includes(':1:')))
  const secrets = [
    ...stringsIn(json),
    sessionId,
    sessionId.replaceAll('-', ''),
    missing,
    'workspaces',
    'refused-to-us',
    'not-a-workspace-here',
    'sessions/',
    'default',
    token,
  ]
  assert.ok(secrets.length > 12)
  for (const text of [overheard.text, ...values]) {
    for (const secret of secrets) {
      for (const encoding of ['latin1', 'utf16le', 'base64', 'hex'] as const) {
        const found =
          encoding === 'latin1' ? secret : Buffer.from(secret).toString(encoding).replaceAll('=', '')
        const at = text.indexOf(found)
        assert.equal(at, -1, `${secret} in ${JSON.stringify(text.slice(Math.max(0, at - 60), at + 60))}`)
      }
    }
  }
})

describe('what is in Redis', () => {
  const several = onOneRedis()

  async function nameOf(
    { keys }: Awaited<ReturnType<typeof several>>,
    put: () => Promise<void>,
  ): Promise<string> {
    const before = await keys('1:*')
    await put()
    const [name = ''] = (await keys('1:*')).filter((each) => !before.includes(each))
    return name
  }

  test('opens for its own key alone: moved, altered, of another key or form it is refused, counted, and a miss', async () => {
    const made = await several()
    const { replicas, settle, redis, prefix } = made
    const [one, two] = replicas
    const put = (key: string, replica = one) =>
      nameOf(made, async () => {
        await replica.read(key, brings(key))
        await settle()
      })
    const [a, b] = [`${prefix}:${await put('a/1')}`, `${prefix}:${await put('b/1')}`]
    const get = async (name: string): Promise<Buffer> =>
      Buffer.from(String(await redis.command('GET', name)), 'latin1')
    const [ofA, ofB] = [await get(a), await get(b)]
    const changed = (at: number): Buffer => {
      const bytes = Buffer.from(ofA)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      return bytes
    }
    const foreign = await made.newcomer({ keys: keysOf('common2') })
    const ofForeign = await get(`${prefix}:${await put('a/1', foreign)}`)
    for (const [value, refusal] of [
      [ofB, 'altered'],
      [changed(0), 'version'],
      [changed(3), 'key'],
      [changed(ofA.length - 1), 'altered'],
      [changed(40), 'altered'],
      [ofA.subarray(0, 30), 'altered'],
      [Buffer.from('planted'), 'version'],
      [ofForeign, 'key'],
    ] as const) {
      await redis.command('SET', a, value)
      two.told.length = 0
      assert.equal(await has(two, 'a/1'), 'nothing')
      assert.deepEqual(two.told, [`refused: ${refusal}`])
    }
    await redis.command('SET', a, ofA)
    assert.equal(await has(two, 'a/1'), 'hit a/1')
  })

  test('of another version is neither found nor waited for', async () => {
    const made = await several()
    const { replicas, settle, redis, prefix } = made
    const [one, two] = replicas
    const name = await nameOf(made, async () => {
      await one.read('a/1', brings('of another form'))
      await settle()
    })
    const other = name.replace(/^1:/, '2:')
    await redis.command('RENAME', `${prefix}:${name}`, `${prefix}:${other}`)
    await redis.command('SET', `${prefix}:${other}:lease`, '0 somebody', 'PX', '60000')
    two.told.length = 0
    assert.equal((await two.read('a/1', brings('new'))).how, 'miss')
    await settle()
    assert.deepEqual(two.told, ['led'])
    assert.equal((await made.keys('2:*')).length, 2, 'they are left alone')
  })

  test('has an end, all of it, and an entry no later one than it may be kept', async () => {
    const { replicas, settle, pass, redis, prefix, keys, time } = await several({ hasRealLeases: true })
    const [one, two] = replicas
    await one.read('a/1', brings('x', { status: 404 }))
    await two.read('b/1', brings('x'))
    void two.read('b/2', () => new Promise(() => {}))
    two.tier.shutGate(5_000)
    await one.cache.purge({ group: 'c' })
    await pass(1)
    await settle()
    const all = await keys()
    assert.deepEqual(all.map((name) => name.replace(/\{(?!log\}).*\}/, '{name}')).toSorted(), [
      '1:{name}',
      '1:{name}',
      '1:{name}:lease',
      '{log}:gate',
      '{log}:probe',
      '{log}:purges',
    ])
    for (const name of all) {
      const endsAt = Number(await redis.command('PEXPIRETIME', `${prefix}:${name}`))
      assert.ok(endsAt > 0 && endsAt <= time.now() + 3_600_000, `${name}: ${endsAt}`)
    }
  })

  test('is used no longer than this replica may keep anything, whatever its writer may', async () => {
    const { replicas, settle, pass } = await several((index) =>
      index === 0 ? {} : { maxRetentionMs: 10_000 },
    )
    const [one, two] = replicas
    await one.read('a/1', brings('x'))
    await settle()
    await pass(9_990)
    assert.equal(await has(two, 'a/1'), 'hit x')
    await pass(10)
    assert.equal(await has(two, 'a/1'), 'nothing')
    assert.equal(await has(replicas[2], 'a/1'), 'nothing')
    assert.equal(await has(one, 'a/1'), 'hit x')
  })
})

function keysOf(
  ...ids: string[]
): () => { writing: ReturnType<typeof newKey>; readable: ReturnType<typeof newKey>[] } {
  const readable = ids.map((id) => newKey(id))
  const [writing = newKey('none')] = readable
  return () => ({ writing, readable })
}

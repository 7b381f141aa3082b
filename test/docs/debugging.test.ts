import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ensure } from '../world/debian.ts'
import { startWorld } from '../world/world.ts'

test('one command leads from a request-id to the reason, in the record and in the log', async () => {
  ensure('jq')
  const page = readFileSync('docs/guides/debugging.md', 'utf8')
  const [, filter = ''] = /\| grep \$id \| jq '([^']+)'/.exec(page) ?? []
  await using world = await startWorld()
  const found = async (serviceAccount: string | null): Promise<unknown[]> => {
    const token = serviceAccount === null ? null : await world.workloadToken(serviceAccount)
    const id = (await world.ask(undefined, { token })).json.error.innerError['request-id']
    await world.recordOf(id)
    const lines = [...world.trail, ...world.logs.map((line) => JSON.stringify(line))]
    const input = lines.filter((line) => line.includes(id)).join('\n')
    const { stdout, stderr } = spawnSync('jq', ['--compact-output', filter], { input, encoding: 'utf8' })
    assert.equal(stderr, '')
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  }

  const [record, line, ...more] = await found('intern')
  assert.deepEqual(more, [])
  const reason = 'no rule speaks of this caller'
  assert.partialDeepStrictEqual(record, {
    status: '403',
    code: 'accessDenied',
    rule: null,
    caller: 'system:serviceaccount:soc:intern',
  })
  assert.partialDeepStrictEqual(line, { code: 'accessDenied' })
  for (const each of [record, line])
    assert.match(JSON.stringify(each), new RegExp(`"reason":"[^"]*${reason}`))

  const [stranger] = await found(null)
  assert.partialDeepStrictEqual(stranger, {
    status: '401',
    code: 'unauthenticated',
    reason: 'there is no Authorization header',
  })
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { createLog } from '../../src/telemetry/index.ts'
import { type Serving, startServing } from '../commands/serving.ts'
import { sessionPath } from '../world/world.ts'

const refusals = 2500

/** Refused with a reason of five hundred characters each, which only the log tells: in all, more than it keeps waiting. */
async function refuseMany(serving: Serving): Promise<void> {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = `${part({ alg: 'RS256' })}.${part({ iss: 'é'.repeat(1900) })}.AAAA`
  const headers = { authorization: `Bearer ${token}` }
  const replies = await Promise.all(Array.from({ length: refusals }, () => serving.ask(sessionPath, headers)))
  assert.ok(replies.every(({ status }) => status === 401))
}

describe('the log', { concurrency: true }, () => {
  test('writes lines of JSON with the level’s name and the time in UTC, from its level on', () => {
    const lines: string[] = []
    const log = createLog('info', { write: (line) => void lines.push(line) })
    log.debug('too little')
    log.warn({ path: 'access' }, 'enough')
    assert.equal(lines.length, 1)
    const { time, ...rest } = JSON.parse(lines[0] ?? '')
    assert.deepEqual(rest, { level: 'warn', path: 'access', msg: 'enough' })
    assert.equal(new Date(time).toISOString(), time)
  })

  test('loses lines when nobody reads it, and neither answers nor memory', async () => {
    await using serving = await startServing()
    const { child } = serving.program
    child.stderr?.pause()
    await refuseMany(serving)
    assert.equal((await serving.manage('/livez')).status, 200)
    child.stderr?.resume()
    child.kill('SIGTERM')
    const { code } = await serving.program.ended
    assert.equal(code, 0)
    const told = serving.logs.filter(({ msg }) => msg === 'request refused').length
    assert.ok(told > 0 && told < refusals, `${told} lines`)
  })

  test('does not keep a process that is asked to stop, though nobody reads it', async () => {
    await using serving = await startServing()
    const { child } = serving.program
    child.stderr?.pause()
    await refuseMany(serving)
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    assert.equal(code, 0)
    child.stderr?.resume()
  })

  test('may lose its reader: requests are answered, and the process ends as it should', async () => {
    await using serving = await startServing()
    const { child } = serving.program
    child.stderr?.destroy()
    await refuseMany(serving)
    assert.equal((await serving.ask()).status, 200)
    assert.equal((await serving.manage('/readyz')).status, 200)
    child.kill('SIGTERM')
    assert.equal((await serving.program.ended).code, 0)
  })
})

import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createLog } from '../../src/telemetry/index.ts'
import { type Serving, startServing, until } from '../commands/serving.ts'

/** At SIGUSR2 two MiB are written to stderr: more than a pipe holds and more than the log keeps waiting. */
const filling = `
import { writeFileSync } from 'node:fs'
process.on('SIGUSR2', () => {
  process.stderr.write(JSON.stringify({ filling: 'x'.repeat(2 ** 21) }) + '\\n')
  writeFileSync(process.env.FILLED, '')
})`

interface Unread extends AsyncDisposable {
  readonly serving: Serving
  readonly child: ChildProcess
}

/** Nobody reads its stderr any more, and that is full. */
async function startUnread(): Promise<Unread> {
  await using building = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-log-'))
  building.defer(() => rm(folder, { recursive: true, force: true }))
  const [preload, filled] = [join(folder, 'filling.mjs'), join(folder, 'filled')]
  await writeFile(preload, filling)
  const env = { NODE_OPTIONS: `--import=${preload}`, FILLED: filled }
  const serving = building.use(await startServing({ env }))
  const { child } = serving.program
  child.stderr?.pause()
  child.kill('SIGUSR2')
  await until(() => existsSync(filled))
  const made = building.move()
  return { serving, child, [Symbol.asyncDispose]: () => made.disposeAsync() }
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
    await using unread = await startUnread()
    const { serving, child } = unread
    assert.equal((await serving.ask('/nothing')).status, 404)
    assert.equal((await serving.manage('/livez')).status, 200)
    child.stderr?.resume()
    await until(async () => {
      await serving.ask('/again')
      return serving.logs.at(-1)?.['msg'] === 'request refused'
    })
    child.kill('SIGTERM')
    const { code } = await serving.program.ended
    assert.equal(code, 0)
    const reasons = serving.logs.filter(({ msg }) => msg === 'request refused')
    assert.ok(reasons.length > 0)
    const [record] = serving.records.filter(({ refusal }) => refusal === 'unknownPath')
    assert.ok(
      reasons.every(({ requestId }) => requestId !== record?.['requestId']),
      'its line was lost',
    )
  })

  test('does not keep a process that is asked to stop, though nobody reads it', async () => {
    await using unread = await startUnread()
    const { child } = unread
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    assert.equal(code, 0)
    child.stderr?.resume()
  })

  test('may lose its reader: requests are answered, and the process ends as it should', async () => {
    await using serving = await startServing()
    const { child } = serving.program
    child.stderr?.destroy()
    assert.equal((await serving.ask('/nothing')).status, 404)
    assert.equal((await serving.ask()).status, 200)
    assert.equal((await serving.manage('/readyz')).status, 200)
    child.kill('SIGTERM')
    assert.equal((await serving.program.ended).code, 0)
  })
})

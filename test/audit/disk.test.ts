import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { metric, type Serving, startServing, until } from '../commands/serving.ts'
import { run } from '../commands/program.ts'
import { recordsIn } from '../world/recorded.ts'
import type { Reply } from '../world/world.ts'

/** A gateway whose records go to a disk of 8 MiB, of which something else has taken all but 256 KiB. */
interface OnSmallDisk extends Serving {
  /** The records in the file now. */
  readonly text: () => string
  readonly makeRoom: () => void
}

async function servingOnSmallDisk(audit: object): Promise<OnSmallDisk> {
  const disk = await mkdtemp(join(tmpdir(), 'session-gateway-disk-'))
  // A mount of its own, which goes with the process.
  const script = `mount -t tmpfs -o size=8m tmpfs ${disk} && head -c 8126464 /dev/zero > ${disk}/filler && exec "$0" "$@"`
  const through = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script]
  const config = { audit: { ...audit, sink: { file: `${disk}/audit.jsonl`, fsync: 'interval' } } }
  const serving = await startServing({ through, config })
  const inside = (name: string): string => `/proc/${serving.program.child.pid}/root${disk}/${name}`
  return {
    ...serving,
    text: () => readFileSync(inside('audit.jsonl'), 'latin1'),
    makeRoom: () => rmSync(inside('filler')),
    async [Symbol.asyncDispose]() {
      await serving[Symbol.asyncDispose]()
      await rm(disk, { recursive: true })
    },
  }
}

/** Sixteen callers, until something is so. */
async function askUntil(serving: Serving, isSo: () => Promise<boolean>): Promise<Promise<Reply>[]> {
  const asked: Promise<Reply>[] = []
  let isOver = false
  const over = Promise.withResolvers<void>()
  async function ask(): Promise<void> {
    while (!isOver) {
      const reply = serving.ask()
      asked.push(reply)
      await Promise.race([reply, over.promise])
    }
  }
  const callers = Array.from({ length: 16 }, ask)
  await until(isSo)
  isOver = true
  over.resolve()
  await Promise.all(callers)
  return asked
}

async function verified(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'session-gateway-verify-'))
  const file = join(folder, 'audit.jsonl')
  await writeFile(file, text)
  const { stdout } = await run(['audit', 'verify', file])
  await rm(folder, { recursive: true })
  return stdout
}

describe('a full disk', { concurrency: true }, () => {
  test('costs quick 503s, leaves whole records only, and is over when there is room again', async () => {
    await using serving = await servingOnSmallDisk({})
    const asked = await askUntil(serving, async () => (await serving.manage('/readyz')).status === 503)
    const unready = await serving.manage('/readyz')
    assert.match(unready.json.degraded[0], /^audit: the audit sink fails: ENOSPC/)
    assert.equal((await serving.manage('/livez')).status, 200)
    const refused = await serving.ask()
    assert.deepEqual([refused.status, refused.json.error.code], [503, 'auditUnavailable'])
    assert.match(serving.text(), /\}\n$/, 'the file ends in a whole record')
    assert.match(await verified(serving.text()), /^intact$/m)

    serving.makeRoom()
    const replies = [refused, ...(await Promise.all(asked))]
    await until(async () => (await serving.manage('/readyz')).status === 200)
    assert.equal((await serving.ask()).status, 200)
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200, 503]))
    const answered = replies.filter(({ status }) => status === 200)
    const recorded = new Set(recordsIn(serving.text()).map(({ requestId }) => String(requestId)))
    for (const { headers } of answered) assert.ok(recorded.has(String(headers['request-id'])))
    assert.equal(recorded.size, answered.length + 1, 'and none of a 503')
    const refusals = serving
      .text()
      .split('\n')
      .filter((line) => line.includes('"audit.requests.refused"'))
      .map((line): number => JSON.parse(line).count)
    assert.equal(
      refusals.reduce((sum, count) => sum + count, 0),
      replies.length - answered.length,
    )
    assert.match(await verified(serving.text()), /^intact$/m)
  })

  test('costs records and no answers with best-effort, and how many is on record', async () => {
    await using serving = await servingOnSmallDisk({ delivery: 'best-effort' })
    const asked = await askUntil(serving, async () => (await metric(serving, 'audit_lost_total')) > 100)
    const replies = await Promise.all(asked)
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]))
    const ready = await serving.manage('/readyz')
    assert.equal(ready.status, 200)
    assert.match(ready.json.degraded[0], /^audit: the audit sink fails: ENOSPC/)
    const lost = await metric(serving, 'audit_lost_total')
    serving.makeRoom()
    await until(() => serving.text().includes('"audit.records.lost"'))
    const line =
      serving
        .text()
        .split('\n')
        .find((each) => each.includes('"audit.records.lost"')) ?? ''
    assert.equal(JSON.parse(line).count, lost)
  })
})

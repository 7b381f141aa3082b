import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Agent, request } from 'undici'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { builtProgram, run, startProgram } from '../commands/program.ts'
import { writeConfig } from '../commands/serving.ts'
import { recordsIn } from '../world/recorded.ts'
import { audience, sessionPath } from '../world/world.ts'

const rounds = 15
const callers = 16
/** After so many answers at the most, some time within the first second. */
const mostAnswers = 300

describe('a gateway that is killed under load has recorded every answer that was received whole, into', () => {
  let emulator: Emulator
  let folder: string
  let token: string
  before(async () => {
    emulator = await startEmulator()
    folder = await mkdtemp(join(tmpdir(), 'session-gateway-kill-'))
    token = await emulator.issuer.token({ sub: 'reader', aud: audience })
  })
  after(async () => {
    await emulator[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  function configure(sink: unknown): Promise<string> {
    return writeConfig(folder, emulator, { server: { tls: 'off' }, audit: { sink } })
  }

  /** @returns the request ids of the answers received whole, and what the process has written to stdout */
  async function killed(file: string): Promise<{ ids: string[]; stdout: string }> {
    const program = startProgram(['serve', '-c', file], { entry: builtProgram() })
    const [, port = ''] = await program.prints('stderr', /"port":(\d+),"managementPort"/)
    const killAfter = Math.ceil(Math.random() * mostAnswers)
    const ids: string[] = []
    const agent = new Agent({ connections: callers })
    async function ask(): Promise<void> {
      for (;;) {
        const { statusCode, headers, body } = await request(`http://127.0.0.1:${port}${sessionPath}`, {
          dispatcher: agent,
          headers: { authorization: `Bearer ${token}` },
        })
        await body.text()
        assert.ok(statusCode === 200 || statusCode === 503, String(statusCode))
        ids.push(String(headers['request-id']))
        if (ids.length === killAfter) program.child.kill('SIGKILL')
      }
    }
    await Promise.allSettled(Array.from({ length: callers }, ask))
    assert.ok(ids.length >= killAfter)
    const { signal, stdout } = await program.ended
    assert.equal(signal, 'SIGKILL')
    await agent.destroy()
    return { ids, stdout }
  }

  function assertRecorded(ids: readonly string[], text: string): void {
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    const recorded = new Set(recordsIn(whole).map(({ requestId }) => String(requestId)))
    assert.deepEqual(
      ids.filter((id) => !recorded.has(id)),
      [],
    )
  }

  async function assertIntact(files: readonly string[], chains: number): Promise<void> {
    const { code, stdout } = await run(['audit', 'verify', ...files], { entry: builtProgram() })
    assert.equal(code, 0, stdout)
    assert.match(stdout, /^intact$/m)
    assert.equal(stdout.match(/open at its end: still running, killed, or its tail was cut/g)?.length, chains)
  }

  test(`stdout, ${rounds} times`, async () => {
    const file = await configure('stdout')
    const trails: string[] = []
    for (let round = 0; round < rounds; round += 1) {
      const { ids, stdout } = await killed(file)
      assertRecorded(ids, stdout)
      trails.push(join(folder, `stdout-${round}.jsonl`))
      await writeFile(trails.at(-1) ?? '', stdout)
    }
    await assertIntact(trails, rounds)
  })

  test(`a file, ${rounds} times the same one`, async () => {
    const trail = join(folder, 'audit.jsonl')
    const file = await configure({ file: trail, fsync: 'none' })
    const all: string[] = []
    for (let round = 0; round < rounds; round += 1) {
      const { ids, stdout } = await killed(file)
      assert.equal(stdout, '')
      all.push(...ids)
      assertRecorded(ids, readFileSync(trail, 'latin1'))
    }
    assertRecorded(all, readFileSync(trail, 'latin1'))
    await assertIntact([trail], rounds)
  })
})

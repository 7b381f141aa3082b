import assert from 'node:assert/strict'
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { PassThrough } from 'node:stream'
import type { Trail } from '../../src/audit/index.ts'
import { type AuditSettings, openTrail } from '../../src/audit/open.ts'
import { createDescriptorSink, SinkFailure } from '../../src/audit/sink.ts'
import { createFakeClock } from '../world/fake-clock.ts'

describe('a trail as an operator wants it', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'session-gateway-open-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const stdout = new PassThrough()
  const open = (settings: Partial<AuditSettings>): Promise<Trail> =>
    openTrail(
      { sink: 'stdout', delivery: 'before-response', stallAfter: 1_000, chain: true, ...settings },
      {
        stdout,
        version: '1',
        tenantId: 't',
        clock: createFakeClock(),
        observer: { failing() {}, blocked() {}, flowing() {}, missed() {}, head() {} },
      },
    )
  const path = (): string => join(folder, `${hostname()}.jsonl`)
  const file = (more = {}): Partial<AuditSettings> => ({
    sink: { file: join(folder, '{hostname}.jsonl'), fsync: 'none', ...more },
  })

  test('writes to a file of this host, and takes up where the last process there ended', async () => {
    const first = await open(file())
    first.open()
    await first.close()
    assert.deepEqual(readdirSync(folder), [`${hostname()}.jsonl`])
    const [, close = '{}'] = readFileSync(path(), 'latin1').split('\n')
    const { chain_uid: chainUid, fingerprint } = JSON.parse(close).unmapped.attestation_list[0]
    writeFileSync(path(), 'half', { flag: 'a' })

    const second = await open(file())
    second.open()
    await second.close()
    const [, , opened = '{}'] = readFileSync(path(), 'latin1').split('\n')
    assert.deepEqual(JSON.parse(opened).unmapped.trail, {
      previous: { chainUid, sequence: 2, fingerprint: fingerprint.value },
      cutBytes: 4,
    })
  })

  test('takes no more than the file may hold', async () => {
    const trail = await open(file({ maxSize: 100 }))
    trail.open()
    while (trail.problem === undefined) await turn()
    assert.match(trail.problem, /has reached audit\.sink\.maxSize/)
    assert.equal(readFileSync(path(), 'latin1'), '')
  })

  test('has no chain where none is wanted', async () => {
    const trail = await open({ ...file(), chain: false })
    trail.open()
    await trail.record({
      action: 'read',
      time: 1,
      durationMs: 1,
      requestId: 'r',
      peer: {},
      status: 200,
      caller: { issuer: 'i', subject: 's' },
    })
    await trail.close()
    const [line = '', ...rest] = readFileSync(path(), 'latin1').split('\n')
    assert.deepEqual(rest, [''])
    assert.deepEqual(JSON.parse(line).unmapped, { cache: 'none' })
    assert.equal(JSON.parse(line).metadata.sequence, 1)
  })

  test('writes to standard output unless it says otherwise', async () => {
    const trail = await open({})
    trail.open()
    await trail.close()
    assert.match(String(stdout.read()), /"audit\.chain\.open"[^]*"audit\.chain\.close"/)
  })
})

test('standard output that is a file may be full, and is tried again', async () => {
  const full = createDescriptorSink(openSync('/dev/full', 'w'))
  for (let again = 0; again < 2; again += 1) {
    await assert.rejects(
      full.write('a\n'),
      (error) =>
        error instanceof SinkFailure && !error.isFinal && error.taken === 0 && /ENOSPC/.test(error.message),
    )
  }
})

/** An honest trail, as a gateway writes it, to be tampered with. */

import type { KeyObject } from 'node:crypto'
import type { Link } from '../../src/audit/index.ts'
import { type Line, type Report, verify, type VerifyOptions } from '../../src/audit/verify.ts'
import { createChain } from '../../src/audit/chain.ts'
import { createRecordFormat } from '../../src/audit/record.ts'
import { createTrail } from '../../src/audit/trail.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { createScriptedSink } from './scripted-sink.ts'

export interface Honest {
  /** With their ends. */
  readonly lines: readonly string[]
  /** As they were told, one a minute. */
  readonly heads: readonly Link[]
  readonly last: Link
}

export interface HonestOptions {
  readonly records?: number
  readonly isClosed?: boolean
  readonly key?: KeyObject
  readonly previous?: Link | undefined
  /** Between two records. */
  readonly everyMs?: number
}

export async function honest(options: HonestOptions = {}): Promise<Honest> {
  const { records = 10, isClosed = true, key, previous, everyMs = 10_000 } = options
  const sink = createScriptedSink()
  sink.flow()
  const clock = createFakeClock(Date.UTC(2026, 10, 24))
  const heads: Link[] = []
  const chain = createChain(key)
  const trail = createTrail({
    sink,
    clock,
    chain,
    previous,
    format: createRecordFormat({ version: '1', tenantId: 't', hostName: 'h' }),
    delivery: 'before-response',
    maxPendingBytes: 2 ** 22,
    stallAfterMs: 1_000,
    observer: {
      failing() {},
      blocked() {},
      flowing() {},
      missed() {},
      head: (link) => void heads.push(link),
    },
  })
  trail.open()
  const caller = { issuer: 'cluster', subject: 'Zoë "quoted" 🤖' }
  for (let n = 0; n < records; n += 1) {
    await trail.record({
      action: 'read',
      time: clock.now(),
      durationMs: n,
      requestId: `request-${n}`,
      peer: { ip: '127.0.0.1', port: 5 },
      status: n % 3 === 0 ? 403 : 200,
      refusal: n % 3 === 0 ? { code: 'accessDenied', reason: 'because\n' } : undefined,
      caller,
    })
    clock.advance(everyMs)
    await new Promise((resolve) => void setImmediate(resolve))
  }
  if (isClosed) await trail.close()
  return {
    lines: sink.taken.match(/.*\n/g) ?? [],
    heads,
    last: chain.head ?? { chainUid: '', sequence: 0, fingerprint: '' },
  }
}

/** @param files each the text of one */
export async function check(
  files: readonly string[] | string,
  options: Partial<VerifyOptions> = {},
): Promise<Report> {
  return verify(linesOf(typeof files === 'string' ? [files] : files), {
    isUnordered: false,
    keys: [],
    heads: [],
    ...options,
  })
}

async function* linesOf(files: readonly string[]): AsyncGenerator<Line> {
  for (const [file, whole] of files.entries()) {
    const texts = whole.split('\n')
    const isEnded = texts.at(-1) === ''
    if (isEnded) texts.pop()
    for (const [index, text] of texts.entries()) {
      yield {
        where: `${file}:${index + 1}`,
        text,
        isFirst: index === 0,
        isUnended: !isEnded && index === texts.length - 1,
      }
    }
  }
}

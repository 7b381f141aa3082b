/**
 * The audit file, read along as it grows: whether the record of an answer was there before the answer.
 *
 * @module
 */

import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import type { Findings } from './findings.ts'

export interface Recorded {
  readonly status: number
  readonly decision: string | undefined
  readonly subject: string | undefined
  readonly workspaceId: string | undefined
  readonly sessionId: string | undefined
  readonly isWithheld: boolean
}

export interface Expected {
  readonly requestId: string
  readonly status: number
  readonly decision: 'allowed' | 'denied'
  readonly subject: string
  readonly workspaceId: string
  readonly sessionId: string
}

const chunkBytes = 1024 * 1024

export class Trail {
  records = 0
  readonly #file: string
  readonly #findings: Findings
  readonly #leaks: (text: string) => string | undefined
  readonly #waiting = new Map<string, Recorded[]>()
  readonly #matched = new Set<string>()
  #offset = 0

  constructor(file: string, findings: Findings, leaks: (text: string) => string | undefined) {
    this.#file = file
    this.#findings = findings
    this.#leaks = leaks
  }

  /** The answer is here: its one record has to be, and has to say the same. */
  expect(expected: Expected): void {
    this.catchUp()
    const { requestId } = expected
    const records = this.#waiting.get(requestId) ?? []
    this.#waiting.delete(requestId)
    this.#matched.add(requestId)
    const [record, ...more] = records
    const { status, decision, subject, workspaceId, sessionId } = record ?? {}
    const told = { requestId, status, decision, subject, workspaceId, sessionId }
    this.#findings.check(
      'one record of every answer, there before it',
      more.length === 0 && record?.isWithheld === false && JSON.stringify(told) === JSON.stringify(expected),
      () => `${JSON.stringify(expected)} has the records ${JSON.stringify(records)}`,
    )
  }

  /** Whole lines only: half of one is cut off by the next process. */
  catchUp(): void {
    if (!existsSync(this.#file)) return
    const file = openSync(this.#file, 'r')
    try {
      for (;;) {
        const chunk = Buffer.allocUnsafe(chunkBytes)
        const text = chunk.toString('latin1', 0, readSync(file, chunk, 0, chunkBytes, this.#offset))
        const end = text.lastIndexOf('\n') + 1
        if (end === 0) return
        this.#offset += end
        this.#take(text.slice(0, end))
      }
    } finally {
      closeSync(file)
    }
  }

  #take(text: string): void {
    const leak = this.#leaks(text)
    this.#findings.check('no secret in logs and records', leak === undefined, () => `a record holds ${leak}`)
    for (const line of text.trimEnd().split('\n')) {
      this.records += 1
      const { api, actor, resources, status_code, unmapped } = JSON.parse(line)
      if (status_code === undefined) continue
      const record: Recorded = {
        status: Number(status_code),
        decision: actor.authorizations?.[0]?.decision,
        subject: actor.user.uid,
        workspaceId: resources?.[0]?.namespace,
        sessionId: resources?.[0]?.uid,
        isWithheld: unmapped.withheld === true,
      }
      const { uid } = api.request
      this.#findings.check(
        'one record of every answer, there before it',
        !this.#matched.has(uid),
        () => `a second record of an answer that came whole: ${line}`,
      )
      const before = this.#waiting.get(uid)
      if (before === undefined) this.#waiting.set(uid, [record])
      else before.push(record)
    }
  }
}

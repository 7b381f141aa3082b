/** One thing is broken, and the doctor finds it and nothing else. */

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { Fault, PartName } from '../../../src/emulator/index.ts'
import { neededRole } from '../../../src/token/index.ts'
import type { ServingOptions } from '../serving.ts'
import { type Patient, saidBy, troubles } from './patient.ts'

export interface Broken {
  readonly what: string
  readonly config?: ServingOptions['config']
  readonly faults?: readonly (readonly [PartName, Fault])[]
  readonly roles?: string[]
  readonly prepare?: () => Promise<unknown>
  /** Each line that is not `ok`. */
  readonly troubles: readonly string[]
  /** What the first of them says. */
  readonly said: RegExp
}

export function findsOnly(patient: Patient, table: readonly Broken[]): void {
  const { emulator } = patient
  after(() => patient[Symbol.asyncDispose]())
  beforeEach(() => {
    emulator.reset()
    emulator.entra.roles = [neededRole]
  })
  for (const broken of table) {
    test(`the doctor finds ${broken.what}, and nothing else`, async () => {
      await broken.prepare?.()
      for (const [part, fault] of broken.faults ?? []) emulator.fail(part, fault)
      if (broken.roles !== undefined) emulator.entra.roles = broken.roles
      const lines = await patient.lines(broken.config)
      assert.deepEqual(troubles(lines), broken.troubles)
      const [first = ''] = broken.troubles
      assert.match(saidBy(lines, first.slice(first.indexOf(' ') + 1)), broken.said)
    })
  }
}

/**
 * Checks as steps: each has a deadline of its own, and begins when those that it needs are through. What needs nothing of one
 * another runs side by side.
 *
 * @module
 */

import type { Clock } from '../../clock.ts'
import { failed, type Line, skipped, type Told } from './line.ts'

export interface Step<T> {
  readonly name: string
  readonly outcome: Promise<Outcome<T>>
}

/** What it says, and what others go on with; that is not there when it failed. */
export interface Outcome<T> {
  readonly lines: readonly Line[]
  readonly value?: T
}

/** What a check comes to: what to say, and with what others may go on, if they may. */
export interface Finding<T> {
  readonly told: Told | readonly Told[]
  readonly value?: T
}

/** For steps that others need for nothing but that they went well. */
export const fine = true

type Values<N extends readonly Step<unknown>[]> = {
  [K in keyof N]: N[K] extends Step<infer V> ? V : never
}

export interface Begin {
  <T, const N extends readonly Step<unknown>[]>(
    name: string,
    { withinMs, needs }: { readonly withinMs: number; readonly needs: N },
    action: (...values: Values<N>) => Promise<Finding<T>>,
  ): Step<T>
}

export interface Steps {
  readonly begin: Begin
  /** A check took longer than it may: something of it may hang for ever. */
  readonly hasOverrun: boolean
}

const hangs =
  'it neither answers nor fails: look for a firewall that drops what it should refuse, or a name server or a disk that hangs'

export function createSteps(clock: Clock): Steps {
  let hasOverrun = false

  async function outcomeOf<T>(
    name: string,
    { withinMs, needs }: { readonly withinMs: number; readonly needs: readonly Step<unknown>[] },
    action: (...values: unknown[]) => Promise<Finding<T>>,
  ): Promise<Outcome<T>> {
    const values: unknown[] = []
    for (const need of needs) {
      const { value } = await need.outcome
      if (value === undefined) return { lines: [{ check: name, ...skipped(`it needs ${need.name}`) }] }
      values.push(value)
    }
    const late = Promise.withResolvers<Finding<T>>()
    const cancel = clock.after(withinMs, () => {
      hasOverrun = true
      late.resolve({ told: failed(`nothing came of it within ${withinMs / 1000} s`, hangs) })
    })
    const finding = await Promise.race([late.promise, action(...values).catch(asFinding<T>)])
    cancel()
    const { told, ...going } = finding
    return { lines: [told].flat().map((each) => ({ check: name, ...each })), ...going }
  }

  return {
    begin: (name, how, action) => ({
      name,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the values are those of `needs`, in their order
      outcome: outcomeOf(name, how, action as (...values: unknown[]) => ReturnType<typeof action>),
    }),
    get hasOverrun() {
      return hasOverrun
    },
  }
}

function asFinding<T>(error: unknown): Finding<T> {
  return { told: failed(error instanceof Error ? error.message : String(error)) }
}

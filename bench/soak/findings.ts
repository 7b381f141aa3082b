/**
 * What was seen, and what must not be.
 *
 * @module
 */

export const invariants = [
  'no answer without permission',
  'no wrong body',
  'no spent entry',
  'last resorts only when something failed',
  'nothing from before a purge or a start',
  'one record of every answer, there before it',
  'the chain verifies',
  'good tokens hold unless their issuer failed',
  'no hang',
  'no connection lost but by a kill',
  'drains fail nothing, and end well',
  'no uncaught error, no crash',
  'no secret in logs and records',
  'credentials go nowhere else',
  'memory and sockets level off',
] as const

export type Invariant = (typeof invariants)[number]

const mostExamples = 5

export class Findings {
  readonly counts = new Map<string, number>()
  readonly checks = new Map<Invariant, number>()
  readonly #broken = new Map<Invariant, { times: number; readonly examples: string[] }>()

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by)
  }

  /** @param example told in full where it does not hold */
  check(invariant: Invariant, holds: boolean, example: () => string): void {
    this.checks.set(invariant, (this.checks.get(invariant) ?? 0) + 1)
    if (holds) return
    const broken = this.#broken.get(invariant) ?? { times: 0, examples: [] }
    broken.times += 1
    if (broken.examples.length < mostExamples) broken.examples.push(`${at()} ${example()}`)
    this.#broken.set(invariant, broken)
  }

  brokenTimes(invariant: Invariant): number {
    return this.#broken.get(invariant)?.times ?? 0
  }

  examples(invariant: Invariant): readonly string[] {
    return this.#broken.get(invariant)?.examples ?? []
  }
}

/** Seconds since the start. */
function at(): string {
  return `[${(performance.now() / 1000).toFixed(1)} s]`
}

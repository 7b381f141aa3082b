/**
 * Readiness, latched.
 *
 * The first time takes one token exchange and the keys of one issuer, so that a bad roll-out stops there; or the grace
 * period. After that only draining and a failing audit sink make a replica unready (the sink not where answers do not
 * wait for their records): if an outage of Entra or Graph did,
 * what is in the cache would be out of reach exactly when it is needed.
 *
 * @module
 */

export interface Health {
  readonly isReady: boolean
  /** What does not work, though requests are answered as far as they can be. */
  readonly degraded: readonly string[]
  drain(): void
}

export interface HealthOptions {
  /** A token exchange has succeeded, and tokens of at least one issuer can be verified. */
  readonly canServe: () => boolean
  readonly auditProblem: () => string | undefined
  /** Whether requests are refused while there is one. */
  readonly needsAudit: boolean
  readonly degraded: () => readonly string[]
  readonly startupGraceMs: number
  readonly now: () => number
}

export function createHealth({
  canServe,
  auditProblem,
  needsAudit,
  degraded,
  startupGraceMs,
  now,
}: HealthOptions): Health {
  const startedAt = now()
  let hasBeenReady = false
  let isDraining = false
  return {
    get isReady() {
      hasBeenReady ||= canServe() || now() - startedAt >= startupGraceMs
      return hasBeenReady && !isDraining && !(needsAudit && auditProblem() !== undefined)
    },
    get degraded() {
      const audit = auditProblem()
      return [
        ...(isDraining ? ['draining'] : []),
        ...(audit === undefined ? [] : [`audit: ${audit}`]),
        ...degraded(),
      ]
    },
    drain() {
      isDraining = true
    },
  }
}

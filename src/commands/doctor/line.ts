/**
 * What the doctor says: one line a check.
 *
 * @module
 */

export type Verdict = 'ok' | 'warning' | 'failed' | 'skipped'

export interface Line {
  /** `server.tls`, `issuer cluster`: stable, for programs. */
  readonly check: string
  readonly verdict: Verdict
  /** What was looked at, and what was found. */
  readonly found: string
  /** What to do about it. */
  readonly remedy?: string
}

export type Told = Omit<Line, 'check'>

export function ok(found: string): Told {
  return { verdict: 'ok', found }
}

export function warning(found: string, remedy: string): Told {
  return { verdict: 'warning', found, remedy }
}

export function failed(found: string, remedy?: string): Told {
  return remedy === undefined ? { verdict: 'failed', found } : { verdict: 'failed', found, remedy }
}

export function skipped(why: string): Told {
  return { verdict: 'skipped', found: why }
}

/**
 * Why Redis did not do what it was asked.
 *
 * @module
 */

/** `away`: nobody answers; `authentication`: it does not know us; `refused`: it answered with an error. */
export type SharedFailureKind = 'away' | 'refused' | 'authentication'

/** In characters: it goes to the log, and somebody else wrote it. */
const longestTold = 200

/** Its message names no secret. */
export class SharedFailure extends Error {
  override readonly name = 'SharedFailure'
  readonly kind: SharedFailureKind

  constructor(kind: SharedFailureKind, message: string) {
    super(message)
    this.kind = kind
  }
}

/** What an old server repeats of a command that it does not know, cut off somewhere: part of a password may be left. */
const repeated = /(?<=with args beginning with:).*/s

/** @param secret is left out, as some servers repeat what they did not understand */
export function told(text: string, secret = ''): string {
  const without = (secret === '' ? text : text.replaceAll(secret, '[redacted]')).replace(
    repeated,
    ' [redacted]',
  )
  // oxlint-disable-next-line no-control-regex -- they are what is taken out
  return without.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, longestTold)
}

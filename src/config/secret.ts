/**
 * A value that must not be read by accident.
 *
 * @module
 */

import { inspect } from 'node:util'

/** What every secret looks like in logs, errors, JSON and printed configuration. */
export const redacted = '[redacted]'

/**
 * Holds text that only {@link Secret.reveal} gives back. The text is a private field: spreading, enumerating
 * and `structuredClone` find nothing, and every way to turn it into text says `[redacted]`.
 */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
    Object.freeze(this)
  }

  /** The text itself. Every caller of this is a place to review. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return redacted
  }

  toJSON(): string {
    return redacted
  }

  [Symbol.toPrimitive](): string {
    return redacted
  }

  [inspect.custom](): string {
    return redacted
  }
}

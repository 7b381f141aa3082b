/**
 * Entra's "no", in words for the operator: what it said, bounded, and without the credential that it may have repeated.
 *
 * @module
 */

import type { JsonObject } from '../json.ts'
import { ExchangeFailed } from './errors.ts'
import { type Circumstances, remedyFor } from './explain.ts'
import { printable } from './federated.ts'

/** Of what somebody else says, in characters. */
export const longestTold = 500

/** The operator reads what Entra said, and what to do about it. */
export function refusal(
  status: number,
  body: JsonObject | undefined,
  {
    redact,
    waitMs,
    ...circumstances
  }: Circumstances & {
    readonly redact: (text: string) => string
    readonly waitMs: number | undefined
  },
): ExchangeFailed {
  const { error, error_description: description, error_codes: codes } = body ?? {}
  const numbers = Array.isArray(codes) ? codes.filter((code): code is number => typeof code === 'number') : []
  const firstLineOf = (text: unknown): string =>
    typeof text === 'string' ? (redact(text).split(/[\r\n]/, 1)[0] ?? '') : ''
  const said =
    typeof error === 'string'
      ? printable(`${firstLineOf(error).slice(0, 64)}: ${firstLineOf(description).slice(0, longestTold)}`)
      : 'nothing that OAuth knows'
  const remedy = remedyFor(numbers, circumstances)
  return new ExchangeFailed(
    `Entra answered ${status} (${said})${remedy === '' ? '' : `. What to do: ${remedy}`}`,
    { retryAfterMs: waitMs },
  )
}

/** Takes out of a text what this form proves itself with, in every spelling in which it may have been repeated. */
export function redactorFor(form: string): (text: string) => string {
  const sent = new URLSearchParams(form)
  const spellings = ['client_secret', 'client_assertion'].flatMap((name) => {
    const proof = sent.get(name) ?? ''
    return proof === ''
      ? []
      : [proof, encodeURIComponent(proof), new URLSearchParams([['', proof]]).toString().slice(1)]
  })
  return (text) => spellings.reduce((left, spelling) => left.replaceAll(spelling, '[redacted]'), text)
}

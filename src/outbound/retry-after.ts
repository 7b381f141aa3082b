import { httpDateMs } from './http-date.ts'

/**
 * How long a server asked us to wait (RFC 9110 §10.2.3). Graph sends decimals too (0.249), against the grammar.
 *
 * @param now epoch milliseconds, for the date form
 * @returns milliseconds, at least 0; `undefined` when there is none or it cannot be read
 */
export function retryAfterMs(value: string | string[] | undefined, now: number): number | undefined {
  const text = (Array.isArray(value) ? value[0] : value)?.trim()
  if (text === undefined || text === '') return undefined
  if (/^\d+(\.\d+)?$/.test(text)) return Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(Number(text) * 1000))
  const date = httpDateMs(text)
  return date === undefined ? undefined : Math.max(0, date - now)
}

/**
 * @param text an IMF-fixdate (RFC 9110 §5.6.7), the only form that is still sent
 * @returns epoch milliseconds; `undefined` for anything else
 */
export function httpDateMs(text: string): number | undefined {
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

/**
 * Whether an `If-None-Match` names this entity tag: a list or `*`, compared weakly (RFC 9110 §13.1.2, §8.8.3.2).
 *
 * @param header the field's value, several lines joined by commas
 */
export function etagMatches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  return header.match(/"[\x21\x23-\x7e\x80-\xff]*"/g)?.some((listed) => listed === etag) ?? false
}

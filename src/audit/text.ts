/**
 * Text from somebody else, as JSON in ASCII: the trail writes bytes, and a reader of logs may guess any encoding.
 *
 * @module
 */

/** What is not the caller's name, and only explains, may take so many bytes of a record. */
const longestShort = 1024
const plain = /^[ !#-[\]-~]*$/

/** A JSON string that says the same again, in printable ASCII. Half a character is none, and readers stumble over it. */
export function quote(text: string): string {
  return plain.test(text) ? `"${text}"` : toAscii(JSON.stringify(text.toWellFormed()))
}

/** As `quote`, and cut where it would take more than a record has room for. */
export function quoteShort(text: string): string {
  const whole = quote(text)
  if (whole.length <= longestShort) return whole
  // An escape is never cut in two: at most six characters stand for one.
  return quote(text.slice(0, Math.floor((longestShort - 2) / 6)))
}

/** The same ASCII, in one piece: a text that is put together from others stays so in memory, to be walked through each time it is written. */
export function inOnePiece(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

/** Every UTF-16 unit beyond printable ASCII as an escape. */
export function toAscii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

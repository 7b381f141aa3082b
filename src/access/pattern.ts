/**
 * Patterns in rules: `*` stands for any run of characters inside one segment, so never for `/` or `:`.
 *
 * Matched by hand, in time at most length × length: a pattern is configuration, but what it is matched against
 * comes from a token.
 */
export function matches(pattern: string, text: string): boolean {
  if (!pattern.includes('*')) return pattern === text
  let at = 0
  let inPattern = 0
  let starAt = -1
  let retryFrom = 0
  while (at < text.length) {
    if (pattern[inPattern] === '*') {
      starAt = inPattern
      retryFrom = at
      inPattern += 1
    } else if (pattern[inPattern] === text[at]) {
      inPattern += 1
      at += 1
    } else if (starAt !== -1 && text[retryFrom] !== '/' && text[retryFrom] !== ':') {
      // The last star takes one character more. Going back to earlier stars could not help.
      retryFrom += 1
      at = retryFrom
      inPattern = starAt + 1
    } else {
      return false
    }
  }
  while (pattern[inPattern] === '*') inPattern += 1
  return inPattern === pattern.length
}

/**
 * The form of a request target (RFC 9112 §3.2), before anybody asks what it means.
 *
 * Two programs that read one target differently are a hole: so whatever could be read in two ways (encoded
 * slashes, dot segments, double encoding, backslashes) is refused here, not tidied up.
 *
 * @module
 */

import { InvalidRequest } from './errors.ts'

/** Graph documents no limit; 2,048 is the longest that some of its services take. */
const longestTarget = 2048

/**
 * Refuses every target but a plain origin form.
 *
 * @throws {InvalidRequest} 400
 */
export function assertSaneTarget(target: string): void {
  if (target.length > longestTarget) {
    throw new InvalidRequest(`The request target is longer than ${longestTarget} characters.`)
  }
  if (!target.startsWith('/')) {
    throw new InvalidRequest('The request target must begin with "/": a path, without scheme and host.')
  }
  if (/[^!-~]/.test(target)) {
    throw new InvalidRequest(
      'The request target may hold visible ASCII only; percent-encode everything else.',
    )
  }
  if (/[\\#]/.test(target)) {
    throw new InvalidRequest('The request target may hold neither a backslash nor a fragment.')
  }
  const path = target.split('?', 1)[0] ?? ''
  if (path.includes('//')) throw new InvalidRequest('The path has an empty segment ("//").')
  if (/%(2f|5c|00|25)/i.test(path)) {
    throw new InvalidRequest('The path holds an encoded slash, backslash, NUL or percent sign.')
  }
  if (path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment))) {
    throw new InvalidRequest('The path has a dot segment ("." or "..").')
  }
}

/** The segments of an absolute path, percent-decoded; a trailing slash leaves an empty last one. */
export function decodePathSegments(path: string): string[] {
  return path.slice(1).split('/').map(decodeStrictly)
}

/** The `name=value` pairs of a query, in order: still encoded. */
export function queryPairs(query: string): [name: string, value: string][] {
  if (query === '') return []
  return query.split('&').map((pair) => {
    const equalsAt = pair.indexOf('=')
    return equalsAt === -1 ? [pair, ''] : [pair.slice(0, equalsAt), pair.slice(equalsAt + 1)]
  })
}

/** Of ASCII text only: Unicode would make a Kelvin sign a "k", and no name here has anything but ASCII. */
export function lowerCase(text: string): string {
  return /^[ -~]*$/.test(text) ? text.toLowerCase() : text
}

/** `+` stays a plus sign (RFC 3986, not a form). */
export function decodeStrictly(encoded: string): string {
  if (!encoded.includes('%')) return encoded
  try {
    return decodeURIComponent(encoded)
  } catch {
    throw new InvalidRequest('The request target has a percent-encoding that is not valid UTF-8.')
  }
}

/**
 * Links to next pages, changed while an answer passes: Graph writes them with its own origin (`@odata.nextLink`), and
 * whoever followed one would send the gateway's callers' tokens there.
 *
 * The body is not parsed. In JSON the bytes `Link"`, then a colon, end a name wherever they stand: inside a text the
 * quote would have a backslash before it. So a search finds every link there is, and the text behind it is read whole.
 *
 * @module
 */

import { GraphAnswerInvalid } from '../graph/index.ts'

export interface LinkRewriting {
  /**
   * @returns what may leave now
   * @throws {GraphAnswerInvalid} a link leads elsewhere
   */
  pass(chunk: Buffer): Buffer[]
  /** @returns the rest: no whole link is in it, or it would have been changed */
  end(): Buffer
}

const needle = Buffer.from('Link"')
const nameBegins = '@'
/** A name that ends so is the link of a page: OData JSON 4.01 §4.6.5 and §4.6.6, where `odata.` may be left out. */
const pageLink = /@(?:odata\.)?(?:next|delta)$/
/** The longest end of such a name that must be seen together, in bytes. */
const longestName = '@odata.deltaLink"'.length
/** Each byte of it would be looked at again with each one that comes. */
const longestSpace = 64
/** From a link's name to the end of its text, in bytes. */
const longestLink = 8 * 1024

/** @param rewrite where our callers find what Graph links to; `undefined` where there is no such thing */
export function createLinkRewriting(rewrite: (link: string) => string | undefined): LinkRewriting {
  /** What has come and may be part of a link. */
  let held: Buffer = Buffer.of()

  function pass(chunk: Buffer): Buffer[] {
    const out: Buffer[] = []
    const text = mayBeJoined(held, chunk) ? Buffer.concat([held, chunk]) : chunk
    if (text === chunk) out.push(held)
    let from = 0
    let until = beginsIn(text)
    for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + 1)) {
      const nameStart = Math.max(from, at + needle.length - longestName)
      if (!pageLink.test(text.toString('latin1', nameStart, at))) continue
      const found = linkAt(text, at + needle.length)
      if (found === undefined) continue
      if (found === 'cut') {
        if (text.length - at > longestLink) throw invalid('a link in it is too long')
        until = nameStart
        break
      }
      const own = rewrite(found.link)
      if (own === undefined) throw invalid(`a link in it leads elsewhere: ${withoutQuery(found.link)}`)
      out.push(text.subarray(from, found.start), Buffer.from(JSON.stringify(own)))
      from = found.end
      at = found.end - 1
    }
    const end = Math.max(from, until)
    out.push(text.subarray(from, end))
    held = text.subarray(end)
    return out
  }

  return { pass, end: () => held }
}

/** It may hold a caller's filter, and with that the words of a session. */
function withoutQuery(link: string): string {
  return (link.split('?', 1)[0] ?? '').slice(0, 200)
}

/** @returns where the name of a link may have begun that is not whole yet; its end, where none can have */
function beginsIn(text: Buffer): number {
  const tail = Math.max(0, text.length - longestName)
  const at = text.indexOf(nameBegins, tail)
  return at === -1 ? text.length : at
}

/** Whether a name reaches from the one into the other, or has its link there. Mostly none does, and nothing is copied. */
function mayBeJoined(held: Buffer, chunk: Buffer): boolean {
  if (held.length === 0) return false
  if (chunk.length < longestName) return true
  return Buffer.concat([held, chunk.subarray(0, longestName)]).includes(needle)
}

/**
 * @param at right behind a name
 * @returns `cut` where what has come so far does not say; `undefined` where there is no link
 */
function linkAt(text: Buffer, at: number): { link: string; start: number; end: number } | 'cut' | undefined {
  const colon = afterSpace(text, at)
  if (colon - at > longestSpace) throw invalid('the space behind the name of a link is too long')
  if (colon === text.length) return 'cut'
  if (text[colon] !== 0x3a) return undefined
  const start = afterSpace(text, colon + 1)
  if (start - colon > longestSpace) throw invalid('the space before a link is too long')
  if (start === text.length) return 'cut'
  if (text[start] !== 0x22) return undefined
  for (let end = start + 1; end < text.length; end += 1) {
    if (text[end] === 0x5c) end += 1
    else if (text[end] === 0x22) {
      return { link: textOf(text.toString('utf8', start, end + 1)), start, end: end + 1 }
    }
  }
  return 'cut'
}

function textOf(json: string): string {
  try {
    return String(JSON.parse(json))
  } catch {
    throw invalid('a link in it is no JSON')
  }
}

function afterSpace(text: Buffer, from: number): number {
  let at = from
  while (isSpace(text[at])) at += 1
  return at
}

/** RFC 8259 §2. */
function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function invalid(reason: string): GraphAnswerInvalid {
  return new GraphAnswerInvalid(reason, 200)
}

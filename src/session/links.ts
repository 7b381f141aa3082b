import { parseReadRequest } from './request.ts'
import { graphTarget } from './canonical.ts'
import { assertSaneTarget } from './target.ts'

/**
 * A link of Graph's to the next page, as one of ours: it leads to what we would be asked for there, or nowhere.
 *
 * @param link absolute, as Graph wrote it
 * @param graphOrigin as in `https://graph.microsoft.com`
 * @returns a canonical request target; `undefined` where the link leads elsewhere, or to what is not served here
 */
export function ownTarget(link: string, graphOrigin: string): string | undefined {
  // Character for character, as no URL parser sees a user name, a port or a backslash in it that another one would not.
  if (!link.startsWith(`${graphOrigin}/`)) return undefined
  try {
    const target = link.slice(graphOrigin.length)
    assertSaneTarget(target)
    const own = graphTarget(parseReadRequest(target, []))
    assertSaneTarget(own)
    return own
  } catch {
    return undefined
  }
}

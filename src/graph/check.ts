/**
 * Is this 200 the session that was asked for, whole, and no more than was asked for?
 *
 * A rule may grant only some properties, and one wrong body in the cache would be given to every caller: so nothing
 * from Graph is believed unread.
 *
 * @module
 */

import { parseJsonObject } from '../json.ts'
import type { OutboundResponse } from '../outbound/index.ts'
import type { SessionQuestion } from './question.ts'
import { GraphAnswerInvalid } from './errors.ts'

/** @throws {GraphAnswerInvalid} */
export function assertJson({ headers }: Pick<OutboundResponse, 'headers'>): void {
  const coding = headers['content-encoding']
  if (coding !== undefined && coding !== 'identity') {
    throw invalid(`it is encoded (${String(coding).slice(0, 40)}), which was not asked for`)
  }
  const type = headers['content-type']
  if (typeof type !== 'string' || !/^application\/json\s*(;|$)/i.test(type) || isOtherCharset(type)) {
    throw invalid(`its content type is not JSON: ${String(type).slice(0, 80)}`)
  }
}

/** JSON between systems is UTF-8 (RFC 8259 §8.1), and is read here as that. */
function isOtherCharset(type: string): boolean {
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type) ?? []
  return charset.toLowerCase() !== 'utf-8'
}

/** @throws {GraphAnswerInvalid} */
export function assertSessionAnswer(response: OutboundResponse, question: SessionQuestion): void {
  assertJson(response)
  const session = parseJsonObject(response.body)
  if (session === undefined) throw invalid(`its ${response.body.length} bytes are no JSON object`)
  const id = session['id']
  if (id !== undefined && (typeof id !== 'string' || id.toLowerCase() !== question.sessionId)) {
    throw invalid('it has the id of another session')
  }
  if (question.select === null) return
  const extra = Object.keys(session).find(
    (key) => key !== 'id' && !key.startsWith('@') && !question.select?.includes(key),
  )
  if (extra !== undefined) {
    throw invalid(`it has a property that $select did not ask for: ${extra.slice(0, 64)}`)
  }
}

function invalid(reason: string): GraphAnswerInvalid {
  return new GraphAnswerInvalid(reason, 200)
}

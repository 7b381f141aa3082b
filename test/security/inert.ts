/** That lines of a request's head change nothing: not what Graph receives, not the answer, not what is kept. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { audience, sessionId, sessionPath } from '../world/world.ts'
import type { CapturedWorld } from './captured-graph.ts'
import { goodHead, untilClosed, type WireAnswer } from './wire.ts'

/** Of a session that nobody has asked for. */
export const newPath = (): string => sessionPath.replace(sessionId, randomUUID())

/** A good request with these lines in addition; they come first, where the first of two would win. */
export async function askDressed({ world }: CapturedWorld, path: string, lines: string): Promise<WireAnswer> {
  const [start = '', rest = ''] = (await goodHead(world, path)).split(/(?<=^[^\n]*\n)/)
  const found = await untilClosed(world, `${start}${lines}${rest}Connection: close\r\n\r\n`)
  assert.equal(found.length, 1)
  assert.ok(found[0] !== undefined)
  return found[0]
}

async function askAsAnother({ world }: CapturedWorld, path: string): Promise<WireAnswer> {
  const token = await world.emulator.issuer.token({ sub: 'reader', aud: audience })
  const [found] = await untilClosed(
    world,
    `GET ${path} HTTP/1.1\r\nHost: another\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
  )
  assert.ok(found !== undefined)
  return found
}

/** What an answer says, but for what is its own, or depends on when it was asked. */
function said({ status, headers, body }: WireAnswer): unknown {
  const { 'request-id': _id, date: _date, age: _age, 'cache-status': how, ...others } = headers
  return [status, others, how?.replace(/ttl=\d+/, 'ttl=…'), body]
}

export async function assertInert(captured: CapturedWorld, lines: string): Promise<void> {
  const path = newPath()
  const miss = await askDressed(captured, path, lines)
  assert.deepEqual(
    [miss.status, miss.headers['cache-status']],
    [200, 'session-gateway; fwd=uri-miss; fwd-status=200; stored'],
  )
  assert.equal(await captured.taken(), captured.question(path))
  // The next caller, who says nothing of the kind, has the same; and so has one who says it again.
  const plain = await askAsAnother(captured, path)
  const dressed = await askDressed(captured, path, lines)
  assert.match(String(plain.headers['cache-status']), /; hit;/)
  assert.equal(plain.body, miss.body)
  assert.deepEqual(said(dressed), said(plain))
  assert.equal(await captured.taken(), '')
}

/**
 * Bytes that no client of ours would send: none of them gets data, and none of them hurts the others.
 *
 * @module
 */

import { connect } from 'node:tls'
import type { Chance } from './chance.ts'
import type { Identity } from './identities.ts'
import type { Load } from './load.ts'
import type { Life } from './lives.ts'
import { canary } from './sessions.ts'

const root = '/beta/security/securityCopilot/workspaces/default/sessions'

interface Told {
  readonly path: string
  readonly token: string
}

/** Each is a good request but for one thing. */
const malformed: readonly ((told: Told) => string)[] = [
  ({ path, token }) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Length: 5\r\n\r\nhello`,
  ({ path, token }) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ({ path, token }) => `GET ${path} HTTP/1.1\r\nHost: a\r\nHost: b\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  ({ path, token }) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer x\r\n\r\n`,
  ({ path, token }) => `GET ${path}/../x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  ({ path, token }) => `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  ({ path, token }) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
  ({ path }) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`,
  ({ path }) => `get ${path} HTTP/1.1\r\nHost: a\r\n\r\n`,
  () => 'CONNECT graph.microsoft.com:443 HTTP/1.1\r\nHost: a\r\n\r\n',
  () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
]
/** The other half never comes. */
const halves: readonly ((told: Told) => string)[] = [
  ({ path, token }) => `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token.slice(0, 100)}`,
  () => 'GET /beta/sec',
  () => '',
]

const mostMs = 15_000

export async function misbehave(load: Load, life: Life, chance: Chance): Promise<void> {
  const { sessions, identities, findings } = load
  const { token } = identities[0] as Identity
  const told = { path: `${root}/${sessions.popular(chance).id}`, token }
  const isHalf = chance.is(0.4)
  const bytes = chance.of(isHalf ? halves : malformed)(told)
  // Who has sent half a request leaves after a while.
  const text = await converse(load, bytes, isHalf ? chance.between(0, 2_000) : mostMs)
  if (life.killedAt !== undefined || life.drainingAt !== undefined) return
  findings.count(`bytes ${/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? (isHalf ? 'half' : 'closed')}`)
  findings.check(
    'no answer without permission',
    !text.includes(canary) && !text.includes('HTTP/1.1 200'),
    () => `${JSON.stringify(bytes.slice(0, 200))} got ${text.slice(0, 300)}`,
  )
}

function converse({ port, ca, findings }: Load, bytes: string, leaveAfterMs: number): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect({ port, host: '127.0.0.1', ca, servername: 'localhost' })
    const leave = setTimeout(() => {
      if (leaveAfterMs === mostMs)
        findings.check('no hang', false, () => `no end of ${JSON.stringify(bytes.slice(0, 99))}`)
      socket.destroy()
    }, leaveAfterMs)
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
      // Refusals that leave the connection open are whole answers, too.
      if (/\r\n\r\n[^]*\}$/.test(text)) socket.destroy()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(leave)
      resolve(text)
    })
    socket.once('secureConnect', () => void socket.write(bytes, 'latin1'))
  })
}

/**
 * For `auth_request` of nginx: whether a token is good, and may read what is asked. It verifies each once, as people who write one
 * do. Arguments: a socket to listen on, the issuer, its audience, its keys as JSON.
 */

import { createServer } from 'node:http'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import { keepTicksQuick } from '../../src/ticks.ts'

keepTicksQuick()
const [socket = '', issuer = '', audience = '', keys = ''] = process.argv.slice(2)
const keyFor = createLocalJWKSet(JSON.parse(keys) as JSONWebKeySet)
/** Token → until when it is good. */
const verified = new LRUCache<string, number>({ max: 10_000 })
const workspace = '/beta/security/securityCopilot/workspaces/default/'

async function verify(authorization: string): Promise<boolean> {
  try {
    const token = authorization.slice('Bearer '.length)
    const { payload } = await jwtVerify(token, keyFor, { issuer, audience, requiredClaims: ['exp'] })
    verified.set(authorization, (payload.exp ?? 0) * 1000)
    return true
  } catch {
    return false
  }
}

const server = createServer((request, response) => {
  const { authorization = '' } = request.headers
  const answer = (isGood: boolean): void => {
    const isAllowed = isGood && String(request.headers['x-original-uri']).startsWith(workspace)
    response.writeHead(isGood ? (isAllowed ? 204 : 403) : 401).end()
  }
  const until = verified.get(authorization)
  if (until === undefined) void verify(authorization).then(answer)
  else answer(Date.now() < until)
})
server.keepAliveTimeout = 3_600_000
server.listen(socket)
process.once('SIGTERM', () => process.exit(0))

/**
 * What contestants stand in front of, and are told about who may ask: the emulator for the gateway, and for the others a server
 * that gives the same session.
 *
 * @module
 */

import { createPublicKey, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Certificate } from '../../src/emulator/index.ts'
import { type BenchWorld, sessionPath, startBenchWorld } from '../world.ts'

export interface World extends BenchWorld {
  /** The session as Graph has it. */
  readonly body: string
  readonly origin: string
  readonly originPort: number
  /** For `localhost`. */
  readonly certificate: Certificate
  readonly issuer: string
  readonly audience: string
  readonly publicKey: KeyObject
  /** What those that verify tokens are told: issuer, audience, keys. */
  readonly verifying: readonly [issuer: string, audience: string, keys: string]
  /** Tokens that nobody has seen. */
  newTokens(count: number): Promise<string[]>
}

const audience = 'bench'
/** As Graph sends them. */
const headers = {
  'content-type':
    'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8',
  'odata-version': '4.0',
}

export async function startWorld(): Promise<World> {
  await using building = new AsyncDisposableStack()
  const world = building.use(await startBenchWorld())
  const { emulator } = world
  const body = JSON.stringify({
    '@odata.context':
      "https://graph.microsoft.com/beta/$metadata#security/securityCopilot/workspaces('default')/sessions/$entity",
    id: sessionPath.split('/').at(-1),
    createdDateTime: '2025-10-22T20:10:54.4940649Z',
    lastModifiedDateTime: '2025-10-22T20:10:54.4940649Z',
    displayName: 'API: who am I',
  })
  const server = createServer((_request, response) => {
    response.writeHead(200, { ...headers, 'content-length': body.length }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  building.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  const originPort = (server.address() as AddressInfo).port
  const [response] = await once(get(`${emulator.issuer.url}/jwks`, { ca: emulator.caPem }), 'response')
  const keys = await text(response)
  const [key] = JSON.parse(keys).keys
  const certificate = await emulator.certificateFor(['localhost'])
  const made = building.move()
  return {
    ...world,
    body,
    origin: `http://127.0.0.1:${originPort}`,
    originPort,
    certificate,
    issuer: emulator.issuer.url,
    audience,
    publicKey: createPublicKey({ format: 'jwk', key }),
    verifying: [emulator.issuer.url, audience, keys],
    async newTokens(count) {
      const tokens: string[] = []
      while (tokens.length < count) tokens.push(await world.token())
      return tokens
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}

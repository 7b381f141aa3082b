/** An issuer whose private key the test holds: it signs what no library would, and publishes what no issuer should. */

import { createHmac, generateKeyPairSync, sign as signBytes } from 'node:crypto'
import type { JWK } from 'jose'
import type { Emulator } from '../../src/emulator/index.ts'
import { createFakeClock } from '../world/fake-clock.ts'
import { audience, type Reply, startWorld, type World, type WorldOptions } from '../world/world.ts'

export interface Forge {
  readonly kid: string
  readonly publicJwk: JWK
  readonly publicPem: string
  /**
   * RS256 or EdDSA. A value that is `undefined` leaves its member out; a text is signed as it is.
   *
   * @param header besides `alg` and `kid`, or in their place
   */
  readonly sign: (payload: object | string, header?: object) => string
}

let forges = 0

/** Ed25519 signs ten times as fast, where a test needs thousands. */
export function createForge(type: 'rsa' | 'ed25519' = 'rsa'): Forge {
  const { publicKey, privateKey } =
    type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519')
  const [alg, digest] = type === 'rsa' ? ['RS256', 'sha256'] : ['EdDSA', null]
  const kid = `forge-${(forges += 1)}`
  return {
    kid,
    publicJwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }),
    sign: (payload, header = {}) =>
      compact({ alg, kid, ...header }, payload, (input) => signBytes(digest, Buffer.from(input), privateKey)),
  }
}

/** `header.payload.signature` with whatever signature. */
export function compact(
  header: object,
  payload: object | string,
  signature: (input: string) => Buffer,
): string {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
  const input = `${base64url(JSON.stringify(header))}.${base64url(text)}`
  return `${input}.${signature(input).toString('base64url')}`
}

export function hmac(secret: string | Buffer): (input: string) => Buffer {
  return (input) => createHmac('sha256', secret).update(input).digest()
}

export function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}

/** From now on the emulated issuer publishes these keys: discovery and key set in one document. */
export function publish(emulator: Emulator, keys: readonly unknown[]): void {
  const { url } = emulator.issuer
  const document = { issuer: url, jwks_uri: `${url}/jwks`, keys }
  emulator.fail(
    'issuer',
    { kind: 'body', status: 200, headers: {}, body: JSON.stringify(document) },
    Infinity,
  )
}

export interface ForgedWorld extends World {
  readonly forge: Forge
  /** What a token of the `oidc` issuer says that reads everything; valid for an hour around now. */
  readonly claims: (changes?: object) => Record<string, unknown>
  /** Asks with this `Authorization`; for the documented session when no path is given. */
  askWith(authorization: string, path?: string): Promise<Reply>
}

/** A world whose `oidc` issuer publishes the forge's key and no other. */
export async function startForgedWorld(
  configure: (emulator: Emulator) => object = () => ({}),
  options: Omit<WorldOptions, 'config' | 'prepare'> = {},
): Promise<ForgedWorld> {
  const forge = createForge()
  const { clock = createFakeClock() } = options
  const world = await startWorldKnowing(configure, {
    ...options,
    clock,
    prepare: (emulator) => publish(emulator, [forge.publicJwk]),
  })
  const { now } = clock
  return {
    ...world,
    forge,
    claims(changes) {
      const iat = Math.floor(now() / 1000)
      const usual = { iss: world.emulator.issuer.url, sub: 'reader', aud: audience, iat, exp: iat + 3600 }
      return { ...usual, ...changes }
    },
    askWith(authorization, path) {
      // Of alike refusals ten a second have a line in the log.
      if (options.clock === undefined) clock.advance(1_000)
      return world.ask(path, { token: null, headers: { authorization } })
    },
  }
}

/** A world whose configuration needs to know its emulator. */
export async function startWorldKnowing(
  configure: (emulator: Emulator) => object,
  options: Omit<WorldOptions, 'config'> = {},
): Promise<World> {
  let config: object = {}
  return startWorld({
    ...options,
    async prepare(emulator) {
      config = configure(emulator)
      await options.prepare?.(emulator)
    },
    // Read after `prepare` has run.
    get config() {
      return config
    },
  })
}

/** What the log says about this answer. */
export function reasonOf({ logs }: World, { headers }: Reply): string {
  const line = logs.find(({ requestId }) => requestId === headers['request-id'])
  return typeof line?.['reason'] === 'string' ? line['reason'] : ''
}

/** Asks the gateway whether it lives, until something is so. */
export async function until(world: World, isSo: () => boolean): Promise<void> {
  while (!isSo()) await world.manage('/livez')
}

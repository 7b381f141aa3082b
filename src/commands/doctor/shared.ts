/**
 * The Redis that replicas share: is it reached as the gateway reaches it, and does it do all that is asked of it?
 *
 * @module
 */

import type { Clock } from '../../clock.ts'
import type { Config, RedisAddress, SharedConfig } from '../../config/index.ts'
import { StartFailure } from '../../errors.ts'
import { createLinkLocal, type Outbound } from '../../outbound/index.ts'
import { authoritiesFor, connectionFor, redisTokensFor, urlOf } from '../../reach-redis.ts'
import {
  type Connection,
  type Credentials,
  type Keys,
  lookAt,
  probe,
  SharedFailure,
  watchKeys,
} from '../../shared/index.ts'
import { redisLogins } from '../../token/index.ts'
import { asFailed } from './identity.ts'
import { failed, ok, type Told } from './line.ts'
import { speaksWithoutTls } from './plain-redis.ts'
import { sharedRemedy } from './shared-remedies.ts'
import { describeServer } from './shared-server.ts'
import type { Finding } from './steps.ts'

interface Surroundings {
  readonly clock: Clock
  /** To whoever gives tokens; there where Redis takes those. */
  readonly outbound: Outbound | undefined
}

export interface Reached extends AsyncDisposable {
  readonly connection: Connection
}

export async function examineKeysFile({ keysFile }: SharedConfig, clock: Clock): Promise<Told> {
  let found: Keys
  try {
    const keys = await watchKeys({ file: keysFile, clock, observer() {} })
    keys.close()
    found = keys.current
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error
    return failed(
      error.message,
      'no gateway starts without it: `<id> <base64 of 32 bytes>` a line, the same file for all replicas, readable by who runs them',
    )
  }
  const [writing, other] = found.readable
  return ok(
    `${keysFile}: the key ${writing?.id} seals${other === undefined ? '' : `, and ${other.id} is read, too`}`,
  )
}

/** @throws {StartFailure} the file of authorities does not work */
export async function examineReach(
  config: Config,
  shared: SharedConfig,
  surroundings: Surroundings,
): Promise<Finding<Reached>> {
  const { clock } = surroundings
  await using making = new AsyncDisposableStack()
  const ca = await authoritiesFor(shared)
  let login: Login
  try {
    login = await loginFor(config, shared, surroundings, making)
  } catch (error) {
    return { told: asFailed(error, 'it is the token for Redis that cannot be had: see identity') }
  }
  const { promise: outcome, resolve } = Promise.withResolvers<SharedFailure | undefined>()
  const failing = failuresOf(shared, resolve)
  const startedAt = clock.monotonic()
  const connection = connectionFor(shared, {
    ca,
    credentials: login.credentials,
    clock,
    random: Math.random,
    observer: { connected() {}, failed: (failure) => failing.failed(failure) },
  })
  making.defer(() => connection.close())
  connection.onReady(() => resolve(undefined))
  making.defer(clock.after(reachMs, () => resolve(failing.last)))
  const failure = await outcome
  if (failure !== undefined) return { told: await toldOf(failure, shared) }
  const tookMs = Math.round(clock.monotonic() - startedAt)
  const made = making.move()
  return {
    told: ok(`${nameOf(shared)} is reached in ${tookMs} ms, ${login.who}`),
    value: { connection, [Symbol.asyncDispose]: () => made.disposeAsync() },
  }
}

/** A connection gives up after 2 s; that it does says more. */
const reachMs = 2_500
/** A cluster is reached though some of the nodes to begin with are not: it is over when one fails again and again. */
const mostFailures = 5

/** Which failure is the end of it. */
function failuresOf(
  shared: SharedConfig,
  over: (failure: SharedFailure) => void,
): { readonly last: SharedFailure; failed(failure: SharedFailure): void } {
  const times = new Map<string, number>()
  let last = new SharedFailure('away', 'nobody answers')
  return {
    get last() {
      return last
    },
    failed(failure) {
      last = failure
      const { kind, message } = failure
      const seen = (times.get(message) ?? 0) + 1
      times.set(message, seen)
      if ('url' in shared || kind !== 'away' || seen === mostFailures) over(failure)
    },
  }
}

interface Login {
  readonly credentials: Credentials
  /** In words. */
  readonly who: string
}

/** @throws {ExchangeFailed} */
async function loginFor(
  config: Config,
  { auth }: SharedConfig,
  { clock, outbound }: Surroundings,
  making: AsyncDisposableStack,
): Promise<Login> {
  if (auth.type === 'none') return { credentials: auth, who: 'without a password' }
  if (auth.type === 'passwordFile') return { credentials: auth, who: `as the user ${auth.username}` }
  if (outbound === undefined) throw new TypeError('a token without a way to who gives it')
  const linkLocal = createLinkLocal(clock)
  making.defer(() => linkLocal.close())
  const tokens = redisTokensFor(config, {
    outbound,
    linkLocal,
    clock,
    clockCompared() {},
    random: Math.random,
    observer: { exchanged() {}, failed() {} },
  })
  making.defer(() => tokens.close())
  const logins = redisLogins(tokens)
  const { username } = await logins.get()
  return {
    credentials: { type: 'entra', tokens: logins },
    who: `as the user ${username}, with a token of Entra`,
  }
}

function serversOf(shared: SharedConfig): readonly RedisAddress[] {
  return 'url' in shared ? [shared.url] : shared.cluster
}

function nameOf(shared: SharedConfig): string {
  const [{ scheme } = { scheme: 'redis' }] = serversOf(shared)
  const what = 'url' in shared ? urlOf(shared.url) : `the cluster of ${shared.cluster.map(urlOf).join(', ')}`
  return `${what} (${scheme === 'rediss' ? 'TLS' : 'not encrypted'})`
}

async function toldOf(failure: SharedFailure, shared: SharedConfig): Promise<Told> {
  const told = failed(failure.message, sharedRemedy(failure, shared))
  // To a server that waits for the end of a line, a TLS greeting is the beginning of one.
  if (!('url' in shared) || shared.url.scheme === 'redis' || !/no connection/.test(failure.message))
    return told
  return (await speaksWithoutTls(shared.url))
    ? failed(
        `${failure.message}, and without TLS it answers`,
        'write redis:// in place of rediss://, or give the port that speaks TLS',
      )
    : told
}

const hearMs = 1_000

/** @returns no value where nothing can be asked */
export async function examineCommands(
  { connection }: Reached,
  shared: SharedConfig,
  clock: Clock,
): Promise<Finding<true>> {
  const { prefix } = shared
  const { promise: tooLate, resolve } = Promise.withResolvers<void>()
  const cancel = clock.after(hearMs, resolve)
  try {
    const { refused, isHeard } = await probe(connection, prefix, tooLate)
    const [first] = refused
    if (first !== undefined) {
      const names = refused.map(({ command }) => command).join(', ')
      const found = `${names} ${refused.length === 1 ? 'is' : 'are'} refused: ${first.why}`
      return { told: failed(found, sharedRemedy({ message: first.why }, shared)), value: true }
    }
    if (!isHeard) {
      return {
        told: failed('a message that was published did not come', 'see that nothing in between drops them'),
        value: true,
      }
    }
    return {
      told: ok(`scripts run, a key was written and deleted, a message came: all under ${prefix}:`),
      value: true,
    }
  } catch (error) {
    if (!(error instanceof SharedFailure)) throw error
    return { told: failed(error.message, sharedRemedy(error, shared)) }
  } finally {
    cancel()
  }
}

/** The quickest of so many tells a slow way from a slow moment. */
const measured = 5

/** @throws {SharedFailure} */
export async function examineServer(
  { connection }: Reached,
  shared: SharedConfig,
  clock: Clock,
): Promise<readonly Told[]> {
  let fastestMs = Infinity
  for (let asked = 1; ; asked += 1) {
    const startedAt = clock.monotonic()
    const server = await lookAt(connection, shared.prefix)
    const tookMs = clock.monotonic() - startedAt
    fastestMs = Math.min(fastestMs, tookMs)
    if (asked < measured) continue
    return describeServer(server, shared, { fastestMs, aheadMs: server.now - (clock.now() - tookMs / 2) })
  }
}

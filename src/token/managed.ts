/**
 * One exchange without a credential: the machine's metadata service (IMDS) gives an app-only token of the managed identity
 * that is assigned to this machine.
 *
 * MSAL makes the request and reads the answer; as for the other credentials everything around it is decided here
 * (docs/decisions/0019-managed-identity.md). Its cache is static and is not asked; it tries again by itself, and is kept
 * from it; it goes wherever environment variables send it, and is refused there.
 *
 * @module
 */

import { AsyncLocalStorage } from 'node:async_hooks'
import { type INetworkModule, ManagedIdentityApplication, type NetworkResponse } from '@azure/msal-node'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { type JsonObject, parseJsonObject } from '../json.ts'
import { type LinkLocal, retryAfterMs } from '../outbound/index.ts'
import { appToken, claimsOf, type Exchange, flatHeaders, graphResource } from './app-token.ts'
import { skewMs } from './clock-skew.ts'
import { ExchangeFailed } from './errors.ts'
import { imdsRefusal, imdsUnreachable, otherSource, type Question, strangeIdentity } from './imds-refusal.ts'
import { printable } from './federated.ts'
import { longestTold } from './refusal.ts'

export interface ManagedExchangeOptions extends Question {
  /** A domain name is not compared: tokens have the GUID. */
  readonly tenantId: string
  /** What the token is for; Microsoft Graph unless told. */
  readonly resource?: string
  readonly linkLocal: LinkLocal
  readonly clock: Clock
  readonly deadlineMs: number
  /** Whenever IMDS answers: by how many milliseconds our clock is ahead of its; negative when it is behind. */
  readonly clockCompared: (skewMs: number) => void
}

/** Where MSAL looks for IMDS; what it sends there goes to `endpoint`. */
const imds = 'http://169.254.169.254'
const tokenPath = '/metadata/identity/oauth2/token'
const largestAnswerBytes = 256 * 1024
const guid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i
/** With one of these MSAL asks somebody else: App Service, Service Fabric, Arc; Machine Learning, Cloud Shell; a pod's proxy. */
const leadElsewhere = ['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'AZURE_POD_IDENTITY_AUTHORITY_HOST']

export function createManagedExchange(options: ManagedExchangeOptions): Exchange {
  const { resource = graphResource } = options
  return async function exchange() {
    // MSAL reads these itself, and remembers for the life of the process what it has made of them.
    const variables = leadElsewhere.filter((name) => (process.env[name] ?? '') !== '')
    if (variables.length > 0) throw otherSource(`the environment has ${variables.join(', ')}`)
    const wire = createWire(options)
    const application = new ManagedIdentityApplication({
      ...(options.assigned === 'user'
        ? { managedIdentityIdParams: { userAssignedClientId: options.clientId } }
        : {}),
      system: { networkClient: network, disableInternalRetries: true },
    })
    let result
    try {
      result = await underWay.run(wire, () => application.acquireToken({ resource, forceRefresh: true }))
    } catch (error) {
      const said = printable(messageOf(error)).slice(0, longestTold)
      throw wire.failure ?? new ExchangeFailed(`the token exchange failed: ${said}`)
    }
    const { answer, skewMs: ahead } = wire
    const now = options.clock.now()
    const token = appToken(result.accessToken, lifetimeMs(answer, now - ahead), 'IMDS', now)
    checkIdentity(token.value, answer, options)
    return token
  }
}

/** On a machine with several identities IMDS gives what it likes, and Graph would know the gateway by another name. */
function checkIdentity(token: string, answer: JsonObject, options: ManagedExchangeOptions): void {
  const { appid, azp, tid } = claimsOf(token)
  const application = appid ?? azp ?? answer['client_id']
  const isSame = (one: unknown, other: string): boolean =>
    typeof one === 'string' && one.toLowerCase() === other.toLowerCase()
  if (!isSame(application, options.clientId)) throw strangeIdentity('clientId', application, options)
  if (tid !== undefined && guid.test(options.tenantId) && !isSame(tid, options.tenantId)) {
    throw strangeIdentity('tenantId', tid, options)
  }
}

/**
 * IMDS says until when, and for how long; in seconds, as texts. The former is what everybody else goes by.
 *
 * @param now by IMDS's clock, epoch milliseconds
 */
function lifetimeMs(answer: JsonObject, now: number): number {
  const [end, span] = [answer['expires_on'], answer['expires_in']].map((said) =>
    typeof said === 'number' || (typeof said === 'string' && /^\d{1,15}$/.test(said))
      ? Number(said) * 1000
      : undefined,
  )
  return end === undefined ? (span ?? Number.NaN) : end - now
}

interface Wire {
  get(url: string, headers: Record<string, string>): Promise<NetworkResponse<JsonObject>>
  /** What IMDS answered, when all is well. */
  readonly answer: JsonObject
  /** By how much our clock is ahead of IMDS's; 0 when it did not say. */
  readonly skewMs: number
  /** What went wrong: MSAL's own errors lose it. */
  readonly failure: ExchangeFailed | undefined
}

/** MSAL goes on using the first network that it was given (a static field), so this one leads to that of each exchange. */
const underWay = new AsyncLocalStorage<Wire>()
const network: INetworkModule = {
  async sendGetRequestAsync<T>(
    url: string,
    options: { headers?: Record<string, string> } = {},
  ): Promise<NetworkResponse<T>> {
    const wire = underWay.getStore()
    if (wire === undefined) throw new ExchangeFailed(`no exchange is under way that would ask ${url}`)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- MSAL names the type and checks the fields
    return (await wire.get(url, options.headers ?? {})) as NetworkResponse<T>
  },
  sendPostRequestAsync(url) {
    throw new ExchangeFailed(`IMDS is asked with GET only, and this is a POST to ${url}`)
  },
}

function createWire(options: ManagedExchangeOptions): Wire {
  const { endpoint, linkLocal, clock, deadlineMs, clockCompared } = options
  let answer: JsonObject = {}
  let ahead = 0
  let failure: ExchangeFailed | undefined

  async function ask(url: string, headers: Record<string, string>): Promise<NetworkResponse<JsonObject>> {
    const { origin, pathname, search } = new URL(url)
    if (origin !== imds || pathname !== tokenPath) throw otherSource(`MSAL would ask ${origin}${pathname}`)
    const startedAt = clock.monotonic()
    const response = await linkLocal
      .get({
        origin: endpoint,
        target: pathname + search,
        headers,
        deadlineMs,
        maxBodyBytes: largestAnswerBytes,
      })
      .catch((error: unknown) => {
        throw imdsUnreachable(error)
      })
    const skew = skewMs(response.headers['date'], clock.now() - (clock.monotonic() - startedAt) / 2)
    if (skew !== undefined) {
      ahead = skew
      clockCompared(skew)
    }
    const body = parseJsonObject(response.body)
    if (response.status !== 200 || body === undefined) {
      const waitMs = retryAfterMs(response.headers['retry-after'], clock.now())
      throw imdsRefusal(response.status, body, waitMs, options)
    }
    answer = body
    // A copy: MSAL writes into it.
    return { status: 200, headers: flatHeaders(response.headers), body: { ...body } }
  }

  return {
    get: (url, headers) =>
      ask(url, headers).catch((error: unknown) => {
        failure =
          error instanceof ExchangeFailed
            ? error
            : new ExchangeFailed(`the token exchange failed: ${messageOf(error)}`, { cause: error })
        throw failure
      }),
    get answer() {
      return answer
    },
    get skewMs() {
      return ahead
    },
    get failure() {
      return failure
    },
  }
}

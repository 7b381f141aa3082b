/**
 * One exchange: our credential for an app-only token (OAuth 2.0 client credentials).
 *
 * MSAL makes the request and reads the answer; everything around it is decided here, because its defaults are not
 * safe for this job (docs/decisions/0004-msal-per-exchange.md): a fresh client each time, so that no failure is
 * replayed from its cache; endpoints from the configuration, never from discovery; and our own way out, which follows
 * no redirect, so the credential goes to one host only.
 *
 * @module
 */

import { ConfidentialClientApplication, type INetworkModule, type NetworkResponse } from '@azure/msal-node'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { parseJsonObject } from '../json.ts'
import { type Outbound, OutboundFailure, retryAfterMs } from '../outbound/index.ts'
import { appToken, type Exchange, flatHeaders, graphResource } from './app-token.ts'
import { describeClock, skewMs } from './clock-skew.ts'
import { type CredentialSource, readCredential } from './credential.ts'
import { ExchangeFailed } from './errors.ts'
import type { Circumstances } from './explain.ts'
import { longestTold, redactorFor, refusal } from './refusal.ts'

export interface ExchangeOptions {
  readonly tenantId: string
  readonly clientId: string
  /** As in `https://login.microsoftonline.com`. */
  readonly authorityHost: string
  readonly credential: CredentialSource
  /** What the token is for; Microsoft Graph unless told. */
  readonly resource?: string
  readonly outbound: Outbound
  readonly clock: Clock
  readonly deadlineMs: number
  /** Whenever Entra answers: by how many milliseconds our clock is ahead of its; negative when it is behind. */
  readonly clockCompared: (skewMs: number) => void
  /** Before each exchange by certificate, also one that has ended: when it ends, in epoch milliseconds. */
  readonly certificateUsed?: (expiresAt: number) => void
}

const largestAnswerBytes = 256 * 1024

export function createExchange(options: ExchangeOptions): Exchange {
  const { tenantId, clientId, authorityHost, resource = graphResource, outbound, clock, deadlineMs } = options
  const authority = `${authorityHost}/${tenantId}`
  const tokenEndpoint = `${authority}/oauth2/v2.0/token`
  const authorityMetadata = JSON.stringify({
    issuer: `${authority}/v2.0`,
    token_endpoint: tokenEndpoint,
    authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
    jwks_uri: `${authority}/discovery/v2.0/keys`,
  })

  /** Of the last answer: a credential that is refused here is never sent, so no later one comes. */
  let lastSkewMs: number | undefined

  return async function exchange() {
    const credential = await readCredential(options.credential, {
      now: clock.now(),
      describeClock: () => describeClock(clock.now(), lastSkewMs),
      certificateUsed: options.certificateUsed,
    })
    const { clientAssertion } = credential
    const wire = createWire({
      outbound,
      tokenEndpoint,
      deadlineMs,
      clock,
      compared(skew) {
        lastSkewMs = skew
        if (skew !== undefined) options.clockCompared(skew)
      },
      circumstances: () => ({
        clientId,
        resource,
        federatedToken: clientAssertion,
        now: clock.now(),
        skewMs: lastSkewMs,
      }),
    })
    const application = new ConfidentialClientApplication({
      auth: {
        ...credential,
        clientId,
        authority,
        // With its port, or MSAL falls back to the public cloud.
        knownAuthorities: [new URL(authorityHost).host],
        authorityMetadata,
      },
      system: { networkClient: wire.network },
    })
    let result
    try {
      result = await application.acquireTokenByClientCredential({
        scopes: [`${resource}/.default`],
        // Or the environment variable MSAL_FORCE_REGION would send the credential elsewhere.
        azureRegion: 'DisableMsalForceRegion',
      })
    } catch (error) {
      const said = wire.redact(messageOf(error)).slice(0, longestTold)
      throw wire.failure() ?? new ExchangeFailed(`the token exchange failed: ${said}`)
    }
    if (result === null || result.accessToken === '' || result.expiresOn === null) {
      throw wire.failure() ?? new ExchangeFailed('Entra answered without an access token')
    }
    // MSAL counts from the system's clock; what Entra said is a lifetime.
    const lifetimeMs = result.expiresOn.getTime() - Date.now()
    return appToken(result.accessToken, lifetimeMs, 'Entra', clock.now())
  }
}

interface WireOptions {
  readonly outbound: Outbound
  readonly tokenEndpoint: string
  readonly deadlineMs: number
  readonly clock: Clock
  readonly compared: (skewMs: number | undefined) => void
  readonly circumstances: () => Circumstances
}

/**
 * MSAL's network for one exchange. Remembers what went wrong on it: MSAL's own errors lose the status, the wait
 * asked for, and whatever was not JSON.
 */
function createWire({ outbound, tokenEndpoint, deadlineMs, clock, compared, circumstances }: WireOptions): {
  network: INetworkModule
  failure(): ExchangeFailed | undefined
  /** Leaves the credential out, whoever has repeated it. */
  redact(text: string): string
} {
  let failure: ExchangeFailed | undefined
  let redact = (text: string): string => text
  const { origin } = new URL(tokenEndpoint)

  const network: INetworkModule = {
    sendGetRequestAsync(url) {
      throw new ExchangeFailed(`no request but the token exchange is made, and this is one: ${url}`)
    },
    async sendPostRequestAsync<T>(
      url: string,
      options: { headers?: Record<string, string>; body?: string } = {},
    ): Promise<NetworkResponse<T>> {
      if (url.split('?', 1)[0] !== tokenEndpoint) {
        throw new ExchangeFailed(`the credential goes to ${tokenEndpoint} only, and not to ${url}`)
      }
      redact = redactorFor(options.body ?? '')
      const startedAt = clock.monotonic()
      try {
        const response = await outbound.send({
          origin,
          target: url.slice(origin.length),
          method: 'POST',
          headers: options.headers ?? {},
          body: options.body ?? '',
          deadlineMs,
          maxBodyBytes: largestAnswerBytes,
        })
        const middle = clock.now() - (clock.monotonic() - startedAt) / 2
        compared(skewMs(response.headers['date'], middle))
        const body = parseJsonObject(response.body)
        if (response.status !== 200 || body === undefined) {
          const waitMs = retryAfterMs(response.headers['retry-after'], clock.now())
          failure = refusal(response.status, body, { ...circumstances(), redact, waitMs })
          throw failure
        }
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- MSAL names the type and checks the fields
        return { status: response.status, headers: flatHeaders(response.headers), body: body as T }
      } catch (error) {
        failure ??= new ExchangeFailed(
          error instanceof OutboundFailure
            ? `Entra could not be reached: ${error.message}${aboutTime(error, clock.now())}`
            : `the token exchange failed: ${messageOf(error)}`,
          { cause: error },
        )
        throw failure
      }
    },
  }
  return { network, failure: () => failure, redact: (text) => redact(text) }
}

/** Whether a certificate is valid is a question to our clock as well. */
function aboutTime({ kind, message }: OutboundFailure, now: number): string {
  const isAboutTime = kind === 'tls_certificate_error' && /expired|not yet valid/.test(message)
  return isAboutTime ? `; ${describeClock(now, undefined)}` : ''
}

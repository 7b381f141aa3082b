/**
 * What Entra's errors mean here, and what to do about them.
 *
 * Source: Microsoft Entra "authentication and authorization error codes". Programs branch on the OAuth `error`;
 * the AADSTS number is for people, and so is this table.
 *
 * @module
 */

import { graphResource } from './app-token.ts'
import { describeClock, isNoticeable } from './clock-skew.ts'
import { createCommand, updateCommand, whatItSays, whenItHolds } from './federated.ts'

/** Of the exchange that Entra refused. */
export interface Circumstances {
  readonly clientId: string
  /** What the token was to be for. */
  readonly resource: string
  /** The federated token that was sent, if one was. What is said of it holds no more than three of its claims. */
  readonly federatedToken: string | undefined
  /** Epoch milliseconds. */
  readonly now: number
  /** How far our clock is ahead of Entra's, as far as its answer tells. */
  readonly skewMs: number | undefined
}

type Remedy = string | ((circumstances: Circumstances) => string)

const retriesItself = 'Entra is temporarily unavailable; the gateway tries again by itself'

function issuerOutOfReach({ federatedToken = '' }: Circumstances): string {
  return (
    'Entra could not fetch the keys of the token’s issuer: <iss>/.well-known/openid-configuration and the key set it ' +
    `names must be reachable from the internet, with a certificate that is publicly trusted (${whatItSays(federatedToken)}); ` +
    'the gateway tries again by itself'
  )
}

/** An issuer or a subject that no federated credential has, to the letter. */
function notTrusted(what: string): Remedy {
  return ({ federatedToken = '', clientId }) =>
    `no federated credential of the application matches ${what}, to the letter: ${whatItSays(federatedToken)}. ` +
    `Trust it: ${createCommand(federatedToken, clientId)} (or correct the one that is there: ` +
    `az ad app federated-credential list --id ${clientId})`
}

const remedies: Readonly<Record<number, Remedy>> = {
  50034: 'the account does not exist in this tenant: check identity.tenantId and identity.clientId',
  50166: issuerOutOfReach,
  53003:
    'a Conditional Access policy for workload identities blocks this application: see its sign-in log in Entra',
  70011: 'the scope is not valid: check identity.authorityHost, the clouds have different scopes',
  70021: notTrusted('the token’s issuer, subject and audience'),
  90002: 'there is no such tenant in this cloud: check identity.tenantId and identity.authorityHost',
  90024: retriesItself,
  90033: retriesItself,
  90055: 'Entra throttles this tenant; the gateway waits as it was asked to',
  90061: issuerOutOfReach,
  90090: retriesItself,
  100007: 'regional endpoints are not for this application: identity.authorityHost must be a global one',
  500011: ({ resource }) =>
    `${resource === graphResource ? 'Microsoft Graph' : resource} has no service principal in this tenant: check identity.tenantId`,
  501661: issuerOutOfReach,
  700016: 'no such application in this tenant: check identity.clientId and identity.tenantId',
  700024: ({ federatedToken, now, skewMs }) =>
    `the client assertion is outside its time: ${describeClock(now, skewMs)}. ` +
    (federatedToken === undefined ? '' : `${whenItHolds(federatedToken)}. `) +
    (isNoticeable(skewMs)
      ? 'Set the clock (NTP)'
      : 'See that the clock is right, and that the federated token file is being renewed'),
  700027:
    'the signature of the client assertion was refused: upload the certificate in use to the application, or wait until a new one has spread',
  700211: notTrusted('the token’s issuer'),
  700212: ({ federatedToken = '', clientId }) =>
    `no federated credential of the application has the token’s audience: ${whatItSays(federatedToken)}. Project the ` +
    'token with the audience api://AzureADTokenExchange; or have the credential take this one: ' +
    `${updateCommand(federatedToken, clientId)} (its name: az ad app federated-credential list --id ${clientId})`,
  700213: notTrusted('the token’s subject'),
  7000112: 'the application is disabled in this tenant: enable its service principal',
  7000215: 'the client secret is wrong: give the secret’s value, not its id',
  7000218:
    'Entra received no credential: check identity.credential, and that no proxy strips the request’s body',
  7000222: 'the client secret has expired: make a new one and put it in place, no restart is needed',
}

/**
 * @param codes AADSTS numbers, as in `error_codes`
 * @returns what to do; empty when nothing is known about any of them
 */
export function remedyFor(codes: readonly number[], circumstances: Circumstances): string {
  const remedy = codes.map((code) => remedies[code]).find((known) => known !== undefined) ?? ''
  return typeof remedy === 'string' ? remedy : remedy(circumstances)
}

/**
 * What a federated token says of itself, and the command that has Entra trust it.
 *
 * @module
 */

import { decodeJwt, type JWTPayload } from 'jose'

const usualAudience = 'api://AzureADTokenExchange'
/** Entra's own bound on each part of a federated credential. */
const longestPart = 600

/** Nothing of the signature, and of the claims only those that Entra compares. */
export function whatItSays(assertion: string): string {
  const { iss, sub, aud } = claimsOf(assertion)
  return `the token says iss ${show(iss)}, sub ${show(sub)}, aud ${show(aud)}`
}

/** `create`, for a shell: with what the token says, so that Entra will trust it as it is. */
export function createCommand(assertion: string, clientId: string): string {
  return `az ad app federated-credential create --id ${clientId} --parameters ${parameters(assertion)}`
}

/** `update`, for a shell; the credential is the one that `create` would have made. */
export function updateCommand(assertion: string, clientId: string): string {
  return (
    `az ad app federated-credential update --id ${clientId} --federated-credential-id session-gateway ` +
    `--parameters ${parameters(assertion)}`
  )
}

/** Its validity, as far as it names one. */
export function whenItHolds(assertion: string): string {
  const { nbf, exp } = claimsOf(assertion)
  const instant = (seconds: unknown): string => {
    const date = new Date(typeof seconds === 'number' ? seconds * 1000 : Number.NaN)
    return Number.isNaN(date.getTime()) ? 'no instant' : date.toISOString()
  }
  return `The token is valid from ${instant(nbf)} to ${instant(exp)}`
}

function parameters(assertion: string): string {
  const { iss, sub, aud } = claimsOf(assertion)
  const audience: unknown = Array.isArray(aud) ? aud[0] : aud
  return quoted(
    JSON.stringify({
      name: 'session-gateway',
      issuer: exact(iss, 'iss'),
      subject: exact(sub, 'sub'),
      audiences: [audience === undefined ? usualAudience : exact(audience, 'aud')],
    }),
  )
}

function claimsOf(assertion: string): JWTPayload {
  try {
    return decodeJwt(assertion)
  } catch {
    return {}
  }
}

/** For a command a value is whole or not there: a mended one would match nothing. */
function exact(claim: unknown, name: string): string {
  const isFit = typeof claim === 'string' && claim.length <= longestPart && !/\p{C}/u.test(claim)
  return isFit ? claim : `<the token's ${name}>`
}

function show(claim: unknown): string {
  return claim === undefined ? 'absent' : printable(JSON.stringify(claim))
}

/** On one line of a terminal, and no more than that: control characters and their like are left out. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, '').slice(0, longestPart)
}

/** POSIX shell, single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

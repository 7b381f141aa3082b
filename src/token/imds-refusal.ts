/**
 * Why IMDS gave no token, or the wrong one, in words for the operator, each with what to do.
 *
 * Source: "How to use managed identities on a virtual machine to acquire an access token", error handling.
 *
 * @module
 */

import type { JsonObject } from '../json.ts'
import { messageOf } from '../errors.ts'
import { ExchangeFailed } from './errors.ts'
import { printable } from './federated.ts'
import { longestTold } from './refusal.ts'

/** What IMDS is asked for, and where. */
export interface Question {
  /** The application the gateway asks Graph as: for a managed identity, that identity. */
  readonly clientId: string
  /** `user`: named by its client ID. `system`: none is named, and IMDS chooses. */
  readonly assigned: 'system' | 'user'
  /** As in `http://169.254.169.254`. */
  readonly endpoint: string
}

const triesAgain = 'the gateway tries again by itself'
const otherwise =
  'In a cluster prefer identity.credential of type federated (workload identity), which needs no IMDS'

export function imdsUnreachable(error: unknown): ExchangeFailed {
  return new ExchangeFailed(
    `IMDS could not be reached: ${messageOf(error)}. What to do: it is there on Azure machines only, and a NetworkPolicy, a ` +
      `firewall or the cluster may keep pods from it: let this pod reach it. ${otherwise}`,
    { cause: error },
  )
}

export function imdsRefusal(
  status: number,
  body: JsonObject | undefined,
  waitMs: number | undefined,
  question: Question,
): ExchangeFailed {
  const { error, error_description: description } = body ?? {}
  const said = [error, description].filter((text): text is string => typeof text === 'string').join(': ')
  const told = said === '' ? 'nothing that IMDS says' : printable(said).slice(0, longestTold)
  return new ExchangeFailed(
    `IMDS answered ${status} (${told}). What to do: ${remedy(status, said, question)}`,
    {
      retryAfterMs: waitMs,
    },
  )
}

function remedy(status: number, said: string, { assigned, clientId, endpoint }: Question): string {
  if (/identity not found/i.test(said)) {
    return assigned === 'user'
      ? `no user-assigned identity with the client ID ${clientId} is assigned to this machine. Assign it: az vm identity assign ` +
          '--ids <the machine’s resource id> --identities <the identity’s resource id> (az vmss identity assign for a scale ' +
          `set), or correct identity.clientId. ${otherwise}`
      : 'this machine has no system-assigned identity: az vm identity assign --ids <the machine’s resource id> gives it one. ' +
          `Or write assigned: user, and give the client ID of a user-assigned one as identity.clientId. ${otherwise}`
  }
  if (/multiple user.?assigned identities/i.test(said)) {
    return 'several are assigned to this machine and none was named: write assigned: user, and identity.clientId names it'
  }
  if (status === 404 || status === 410) {
    return `IMDS is being updated, which takes 70 s at the most; ${triesAgain}. If it goes on, see that ${endpoint} is IMDS`
  }
  if (status === 429) return `IMDS is asked too often by this machine, by whatever runs on it; ${triesAgain}`
  if (status >= 500) return `IMDS, or Entra behind it, fails; ${triesAgain}`
  if (status === 401 || status === 403) {
    return `whatever answers at ${endpoint} keeps this pod from IMDS (a NetworkPolicy, a proxy of the cluster): let it pass. ${otherwise}`
  }
  if (status === 400) return 'see what it said: check identity.clientId, and which identities the machine has'
  return `something else than IMDS answers at ${endpoint} (a proxy, a captive portal): IMDS answers in JSON and never redirects`
}

/** MSAL has detected another platform than a machine with IMDS. */
export function otherSource(why: string): ExchangeFailed {
  return new ExchangeFailed(
    `a managed identity is asked for at IMDS only, and ${why}. What to do: on App Service, Container Apps, Service ` +
      'Fabric, Arc, Machine Learning and in Cloud Shell use identity.credential of type federated, certificate or secret; on ' +
      'a machine with IMDS remove what leads elsewhere',
  )
}

/** A token that is not the gateway's. */
export function strangeIdentity(
  key: 'clientId' | 'tenantId',
  got: unknown,
  { assigned, ...asked }: Question & { readonly tenantId: string },
): ExchangeFailed {
  const named = typeof got === 'string' ? printable(got).slice(0, 64) : 'nobody'
  const what =
    key === 'tenantId'
      ? 'a managed identity is of the tenant of its subscription: give that one, or use another credential'
      : assigned === 'user'
        ? 'give the client ID of the identity (az identity show --query clientId), not its object ID'
        : 'where none is named IMDS gives the machine’s own identity, or else its only user-assigned one. If identity.clientId is ' +
          'a user-assigned one, write assigned: user; else correct identity.clientId'
  const noun = key === 'clientId' ? 'application' : 'tenant'
  return new ExchangeFailed(
    `IMDS gave a token of the ${noun} ${named}, and identity.${key} is ${asked[key]}. What to do: ${what}`,
  )
}

/**
 * What the API server says of a token (Kubernetes `TokenReview`, authentication.k8s.io/v1): it knows of pods, service
 * accounts and Secrets that are gone while the token they were bound to has not expired.
 *
 * https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
 *
 * @module
 */

import { isJsonObject, type JsonObject, parseJsonObject } from '../json.ts'
import type { ApiServer } from './api-server.ts'
import type { Caller } from './caller.ts'

export interface Reviewed {
  readonly token: string
  /** What we took from the token ourselves, and the review has to agree with. */
  readonly caller: Caller
  /** Ours: without it the API server would only tell that the token is good for something. */
  readonly audience: string
  readonly deadlineMs: number
}

const path = '/apis/authentication.k8s.io/v1/tokenreviews'
const podUidKey = 'authentication.kubernetes.io/pod-uid'

/**
 * @returns why the token does not hold; `undefined` when it does
 * @throws {Error} the API server does not say
 */
export async function reviewToken(
  apiServer: ApiServer,
  { token, caller, audience, deadlineMs }: Reviewed,
): Promise<string | undefined> {
  const review = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: [audience] },
  }
  const { url, status, body } = await apiServer.send({ path, body: JSON.stringify(review), deadlineMs })
  if (status === 403) {
    throw new Error(
      `${url} answered 403: the gateway's service account needs the right to create tokenreviews in authentication.k8s.io`,
    )
  }
  if (status !== 200 && status !== 201) throw new Error(`${url} answered ${status}`)
  const answer = parseJsonObject(body)?.['status']
  if (!isJsonObject(answer)) throw new Error(`${url} did not answer with a TokenReview`)
  return refusalIn(answer, caller, audience)
}

/** A gateway's token is good for the API server alone, and the other way round: whoever is refused is told apart by these. */
function refusalIn(
  { authenticated, audiences, user, error }: JsonObject,
  { subject, workload }: Caller,
  audience: string,
): string | undefined {
  if (authenticated !== true)
    return `the API server does not take it: ${show(error ?? 'and does not say why')}`
  // One that knows nothing of audiences leaves them out, and has not looked at them.
  if (!Array.isArray(audiences) || !audiences.includes(audience)) {
    return `the API server takes it for ${show(audiences)}, and not for ${show(audience)}`
  }
  const { username, extra } = isJsonObject(user) ? user : {}
  if (username !== subject)
    return `the API server takes it for a token of ${show(username)}, not of ${subject}`
  const uids = isJsonObject(extra) ? extra[podUidKey] : undefined
  const podUid = workload?.podUid
  if (podUid !== undefined && Array.isArray(uids) && !uids.includes(podUid)) {
    return `the API server takes it for one of the pod ${show(uids)}, and it names ${podUid}`
  }
  return undefined
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 200)
}

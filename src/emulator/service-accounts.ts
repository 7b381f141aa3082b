/**
 * Tokens of Kubernetes service accounts.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import type { SigningKeys } from './signing-keys.ts'

export interface ServiceAccountTokenOptions {
  readonly namespace: string
  readonly serviceAccount: string
  readonly audience: string
  /** The pod's name; derived from the service account's unless told. */
  readonly pod?: string
  /** Added to or replacing the usual claims; undefined removes. */
  readonly claims?: Record<string, unknown>
  /** 3600 unless told, as the kubelet asks. */
  readonly expiresInSeconds?: number
}

/** As the kubelet projects them into pods: no `typ`, `aud` a list, `jti`, the bound pod and its node. */
export class ServiceAccounts {
  readonly #issuerUrl: string
  readonly #keys: SigningKeys
  readonly #now: () => number
  readonly #podUids = new Map<string, string>()

  constructor(issuerUrl: string, keys: SigningKeys, now: () => number) {
    this.#issuerUrl = issuerUrl
    this.#keys = keys
    this.#now = now
  }

  token(options: ServiceAccountTokenOptions): Promise<string> {
    const { namespace, serviceAccount, audience, claims = {} } = options
    const pod = options.pod ?? `${serviceAccount}-6c9f7d5b8-x2k4q`
    const iat = Math.floor(this.#now() / 1000)
    return this.#keys.sign({
      aud: [audience],
      exp: iat + (options.expiresInSeconds ?? 3600),
      iat,
      iss: this.#issuerUrl,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        node: { name: 'node-1', uid: randomUUID() },
        pod: { name: pod, uid: this.#startPod(namespace, pod) },
        serviceaccount: { name: serviceAccount, uid: randomUUID() },
      },
      nbf: iat,
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
      ...claims,
    })
  }

  /** Of the pod that has this name now, if one has. */
  podUid(namespace: string, pod: string): string | undefined {
    return this.#podUids.get(`${namespace}/${pod}`)
  }

  /** Tokens that are bound to it hold no more; the next token of that name is another pod's. */
  deletePod(namespace: string, pod: string): void {
    this.#podUids.delete(`${namespace}/${pod}`)
  }

  #startPod(namespace: string, pod: string): string {
    const uid = this.podUid(namespace, pod) ?? randomUUID()
    this.#podUids.set(`${namespace}/${pod}`, uid)
    return uid
  }
}

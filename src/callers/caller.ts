/** Who is asking, as their issuer says and we have verified. */
export interface Caller {
  /** The issuer's name in the configuration. */
  readonly issuer: string
  readonly subject: string
  /** Known for Kubernetes service accounts only. */
  readonly workload?: Workload
  /** The token's `jti`, where it has one. */
  readonly tokenId?: string
}

export interface Workload {
  readonly namespace: string
  readonly serviceAccount: string
  readonly pod?: string
  /** Of that pod: another one of the same name has another. */
  readonly podUid?: string
}

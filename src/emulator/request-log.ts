/**
 * What reached a part of the emulator, and how often.
 *
 * @module
 */

/** A request as it came over the wire. */
export interface RecordedRequest {
  readonly method: string
  /** The request target as sent, undecoded: path and query. */
  readonly target: string
  readonly httpVersion: string
  /** Names and values in turn, in the order and case sent. */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/** How many requests are kept; older ones are only counted. */
const kept = 10_000

export class RequestLog {
  /** Every request since the last reset, forgotten ones included. */
  total = 0
  /** The newest requests, oldest first. */
  recent: RecordedRequest[] = []
  #waiting: { readonly total: number; readonly resolve: () => void }[] = []

  record(request: RecordedRequest): void {
    this.total += 1
    this.recent.push(request)
    if (this.recent.length > kept) this.recent.shift()
    const arrived = this.#waiting.filter((wait) => wait.total <= this.total)
    this.#waiting = this.#waiting.filter((wait) => wait.total > this.total)
    for (const wait of arrived) wait.resolve()
  }

  /** Resolves once `total` requests have arrived since the last reset. */
  reached(total: number): Promise<void> {
    if (this.total >= total) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push({ total, resolve })
    })
  }

  clear(): void {
    this.total = 0
    this.recent = []
  }
}

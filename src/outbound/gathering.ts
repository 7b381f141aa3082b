/**
 * One response, gathered whole as it comes.
 *
 * Undici's own `request` makes a stream of it, to be read from again; and of the objects that it makes for that, each keeps
 * those of the next one alive until a full collection (docs/decisions/0029-gathered-responses.md).
 *
 * @module
 */

import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

export interface Gathered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export class Gathering implements Dispatcher.DispatchHandler {
  /** Rejects with what `fail` is given, or what undici says. */
  readonly response: Promise<Gathered>
  readonly #resolve: (gathered: Gathered) => void
  readonly #reject: (error: Error) => void
  readonly #mostBytes: number
  readonly #tooLarge: () => Error
  #controller: Dispatcher.DispatchController | undefined
  #failure: Error | undefined
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #chunks: Buffer[] = []
  #bytes = 0

  /** @param tooLarge what it fails with when its body is longer than `mostBytes` */
  constructor(mostBytes: number, tooLarge: () => Error) {
    const { promise, resolve, reject } = Promise.withResolvers<Gathered>()
    this.response = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#mostBytes = mostBytes
    this.#tooLarge = tooLarge
  }

  /** Its head has come. */
  get hasBegun(): boolean {
    return this.#status !== 0
  }

  /** At once, however far it is; its connection is not used any more. */
  fail(error: Error): void {
    this.#failure = error
    this.#reject(error)
    this.#controller?.abort(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Undici hears of a failure only once it is connected.
    if (this.#failure !== undefined) controller.abort(this.#failure)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    // RFC 9110 §15.2: what is interim says nothing of the answer.
    if (status < 200) return
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#mostBytes) this.fail(this.#tooLarge())
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    const [only = Buffer.alloc(0), ...more] = this.#chunks
    const body = more.length === 0 ? only : Buffer.concat(this.#chunks, this.#bytes)
    this.#resolve({ status: this.#status, headers: this.#headers, body })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error)
  }
}

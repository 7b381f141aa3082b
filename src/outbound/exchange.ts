/**
 * One request of `send`, as undici tells of it. Its `request` would put a stream and a signal around each, which takes longer
 * than all that is done here.
 *
 * @module
 */

import type { Dispatcher } from 'undici'
import { asFailure, OutboundFailure } from './failure.ts'
import type { OutboundRequest, OutboundResponse } from './outbound.ts'

export class Exchange implements Dispatcher.DispatchHandler {
  readonly response: Promise<OutboundResponse>
  readonly #request: OutboundRequest
  readonly #wayTo: (origin: string) => string
  readonly #resolve: (response: OutboundResponse) => void
  readonly #reject: (failure: OutboundFailure) => void
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #status = 0
  #headers: OutboundResponse['headers'] = {}
  #failure: OutboundFailure | undefined
  #controller: Dispatcher.DispatchController | undefined

  constructor(request: OutboundRequest, wayTo: (origin: string) => string) {
    const { promise, resolve, reject } = Promise.withResolvers<OutboundResponse>()
    this.response = promise
    this.#request = request
    this.#wayTo = wayTo
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Its deadline is over. Whoever waits is told at once, even while undici still connects and knows of no request. */
  runOut(): void {
    this.#fail(new OutboundFailure('http_response_timeout', this.#wayTo(this.#request.origin)))
  }

  #fail(failure: OutboundFailure): void {
    this.#failure ??= failure
    this.#reject(failure)
    this.#controller?.abort(failure)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#failure !== undefined) controller.abort(this.#failure)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: OutboundResponse['headers'],
  ): void {
    // What comes before the response proper (1xx) says nothing that is needed.
    if (status < 200) return
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes <= this.#request.maxBodyBytes) this.#chunks.push(chunk)
    // Ends the connection as well: nobody reads the rest.
    else this.#fail(new OutboundFailure('http_response_body_size', this.#request.origin))
  }

  onResponseEnd(): void {
    this.#resolve({ status: this.#status, headers: this.#headers, body: joined(this.#chunks, this.#bytes) })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(asFailure(error, this.#wayTo(this.#request.origin), this.#status > 0))
  }
}

export function joined(chunks: readonly Buffer[], bytes: number): Buffer {
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes)
}

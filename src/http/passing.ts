/**
 * An answer on its way from Graph to the caller, of which nothing is kept.
 *
 * @module
 */

import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { GatewayError } from '../errors.ts'
import { GraphAnswerInvalid } from '../graph/index.ts'
import type { LinkRewriting } from './link-rewriting.ts'

export interface Passing {
  /** What became of it while it waited, if it is not to be had any more. */
  readonly failure: GatewayError | undefined
  /**
   * Passes it on, and ends the response.
   *
   * @param leaves aborts when the caller leaves, with an error that says so
   * @throws {GraphAnswerInvalid | GraphTimedOut | CallerLeft} it broke off, and the response with it
   */
  to(response: ServerResponse, leaves: AbortSignal): Promise<void>
  /** It is not wanted any more. */
  drop(): void
}

export interface PassingOptions {
  readonly links: LinkRewriting
  /** Of what Graph sends. */
  readonly maxBytes: number
}

export function createPassing(body: Readable, { links, maxBytes }: PassingOptions): Passing {
  function passOn(response: ServerResponse, leaves: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let bytes = 0
    const breakOff = (error: unknown): void => {
      body.off('end', finish)
      body.destroy()
      // Without the error: the server would take it for one of its parser's.
      response.destroy()
      reject(failureOf(error))
    }
    const finish = (): void => {
      response.end(links.end())
      resolve()
    }
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      try {
        if (bytes > maxBytes) {
          throw new GraphAnswerInvalid(`it is longer than graph.maxStreamed (${maxBytes} bytes)`, 200)
        }
        write(links.pass(chunk), response)
        if (response.writableNeedDrain) body.pause()
      } catch (error) {
        breakOff(error)
      }
    })
    response.on('drain', () => body.resume())
    body.once('end', finish)
    body.once('error', breakOff)
    leaves.addEventListener('abort', () => breakOff(leaves.reason), { once: true })
    return promise
  }

  return {
    get failure() {
      return body.errored === null ? undefined : failureOf(body.errored)
    },
    to(response, leaves) {
      if (response.req.method !== 'HEAD') return passOn(response, leaves)
      // Read, so that its connection can be used again.
      body.resume()
      response.end()
      return Promise.resolve()
    },
    drop() {
      body.destroy()
    },
  }
}

/** What comes together leaves together. */
function write(parts: readonly Buffer[], response: ServerResponse): void {
  if (response.writableCorked === 0) {
    response.cork()
    process.nextTick(() => response.uncork())
  }
  for (const part of parts) if (part.length > 0) response.write(part)
}

function failureOf(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  return new GraphAnswerInvalid(
    `it broke off: ${error instanceof Error ? error.message : String(error)}`,
    200,
  )
}

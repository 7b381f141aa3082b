/**
 * An answer on its way from Graph to the caller, of which nothing is kept.
 *
 * @module
 */

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GatewayError } from '../errors.ts'
import { GraphAnswerInvalid } from '../graph/index.ts'
import { CallerLeft } from './errors.ts'
import { createLinkRewriting, type LinkRewritingOptions } from './link-rewriting.ts'

export interface Passing {
  /** What became of it while it waited, if it is not to be had any more. */
  readonly failure: GatewayError | undefined
  /**
   * Passes it on, and ends the response.
   *
   * @param leaves aborts when the caller leaves
   * @throws {GraphAnswerInvalid | GraphTimedOut | CallerLeft} it broke off, and the response with it
   */
  to(response: ServerResponse, leaves: AbortSignal): Promise<void>
  /** It is not wanted any more. */
  drop(): void
}

export function createPassing(body: Readable, options: LinkRewritingOptions): Passing {
  return {
    get failure() {
      return body.errored === null ? undefined : failureOf(body.errored)
    },
    async to(response, leaves) {
      if (response.req.method === 'HEAD') {
        // Read, so that its connection can be used again.
        body.resume()
        response.end()
        return
      }
      try {
        const write = (parts: AsyncIterable<Buffer>): Promise<void> => writeAll(parts, response, leaves)
        await pipeline(body, createLinkRewriting(options), write, { signal: leaves })
      } catch (error) {
        // Without the error: the server would take it for one of its parser's.
        response.destroy()
        throw leaves.aborted ? new CallerLeft() : failureOf(error)
      }
    },
    drop() {
      body.destroy()
    },
  }
}

async function writeAll(
  parts: AsyncIterable<Buffer>,
  response: ServerResponse,
  leaves: AbortSignal,
): Promise<void> {
  for await (const part of parts) {
    if (!response.write(part)) await once(response, 'drain', { signal: leaves })
  }
  response.end()
}

function failureOf(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  return new GraphAnswerInvalid(
    `it broke off: ${error instanceof Error ? error.message : String(error)}`,
    200,
  )
}

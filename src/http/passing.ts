/**
 * An answer on its way from Graph to the caller, of which nothing is kept.
 *
 * @module
 */

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
   * @throws {GraphAnswerInvalid | GraphTimedOut | CallerLeft} it broke off, and the response with it
   */
  to(response: ServerResponse): Promise<void>
  /** It is not wanted any more. */
  drop(): void
}

export function createPassing(body: Readable, options: LinkRewritingOptions): Passing {
  let failure: GatewayError | undefined
  const onError = (error: unknown): void => {
    failure = failureOf(error)
  }
  body.once('error', onError)
  return {
    get failure() {
      return failure
    },
    async to(response) {
      try {
        if (response.req.method === 'HEAD') {
          body.destroy()
          response.end()
          return
        }
        await pipeline(body, createLinkRewriting(options), response)
      } catch (error) {
        // Of a response that closed before anything else went wrong, the pipeline only says that it closed.
        throw failure ?? (isPremature(error) ? new CallerLeft() : failureOf(error))
      }
    },
    drop() {
      body.destroy()
    },
  }
}

function failureOf(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  return new GraphAnswerInvalid(
    `it broke off: ${error instanceof Error ? error.message : String(error)}`,
    200,
  )
}

function isPremature(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
}

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
   * @throws {GraphAnswerInvalid | GraphTimedOut | CallerLeft} it broke off, and the response with it
   */
  to(response: ServerResponse): Promise<void>
  /** It is not wanted any more. */
  drop(): void
}

export interface PassingOptions {
  readonly links: LinkRewriting
  /** Of what Graph sends. */
  readonly maxBytes: number
  /** Aborts when the caller leaves, with an error that says so. */
  readonly leaves: AbortSignal
}

/**
 * @returns once its beginning is there and good, so that what fails before is an answer like any other
 * @throws {GraphAnswerInvalid | GraphTimedOut | CallerLeft}
 */
export async function startPassing(
  body: Readable,
  { links, maxBytes, leaves }: PassingOptions,
): Promise<Passing> {
  let bytes = 0

  /** @returns what may leave of it now */
  function take(chunk: Buffer): Buffer[] {
    bytes += chunk.length
    if (bytes > maxBytes) {
      throw new GraphAnswerInvalid(`it is longer than graph.maxStreamed (${maxBytes} bytes)`, 200)
    }
    return links.pass(chunk)
  }

  let beginning: Buffer[] = []
  try {
    await untilReadable(body, leaves)
    const chunk: Buffer | null = body.read()
    if (chunk !== null) beginning = take(chunk)
  } catch (error) {
    body.destroy()
    throw failureOf(error)
  }

  function passOn(response: ServerResponse): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const breakOff = (error: unknown): void => {
      body.off('end', finish)
      body.destroy()
      // Without the error: the server would take it for one of its parser's.
      if (response.socket !== null) response.destroy()
      // Behind another one on its connection, which is to be whole: it comes to nothing when its turn comes.
      else response.once('socket', (socket) => socket.destroy())
      reject(failureOf(error))
    }
    const finish = (): void => {
      response.end(links.end())
      resolve()
    }
    write(beginning, response)
    // While its record was written.
    if (body.readableEnded) {
      finish()
      return promise
    }
    body.on('data', (chunk: Buffer) => {
      try {
        write(take(chunk), response)
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
    to(response) {
      if (response.req.method !== 'HEAD') return passOn(response)
      body.destroy()
      response.end()
      return Promise.resolve()
    },
    drop() {
      body.destroy()
    },
  }
}

/** Or at its end. */
function untilReadable(body: Readable, leaves: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settled = (settle: () => void) => (): void => {
      body.off('readable', onReadable).off('end', onReadable).off('error', onError)
      leaves.removeEventListener('abort', onLeft)
      settle()
    }
    const onReadable = settled(resolve)
    const onError = settled(() => reject(body.errored ?? new Error('closed')))
    const onLeft = settled(() => reject(leaves.reason))
    body.on('readable', onReadable).on('end', onReadable).on('error', onError)
    leaves.addEventListener('abort', onLeft)
    if (leaves.aborted) onLeft()
    else if (body.errored !== null) onError()
  })
}

/** What comes together leaves together. */
function write(parts: readonly Buffer[], response: ServerResponse): void {
  if (response.writableCorked === 0) {
    response.cork()
    setImmediate(() => response.uncork())
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

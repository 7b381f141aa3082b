/**
 * How a trip has failed, as those are told who wait for it on other replicas: sealed, since it may quote what Graph said.
 *
 * @module
 */

import type { Told } from '../cache/index.ts'
import type { Sealing } from './sealing.ts'

export interface ToldFailure {
  readonly failure: Told
  /** By Redis' clock, in epoch ms: one that is repeated later is of no trip that anybody waits for. */
  readonly at: number
}

export function messageOn(failure: ToldFailure, channel: string, sealing: Sealing): Buffer {
  return sealing.seal(Buffer.from(JSON.stringify(failure)), about(channel))
}

/** @returns `undefined` for every other message */
export function messageFrom(message: Buffer, channel: string, sealing: Sealing): ToldFailure | undefined {
  if (message.length === 0) return undefined
  const opened = sealing.open(message, about(channel))
  if (!('plain' in opened)) return undefined
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is authentic: a replica of this version wrote it
  return JSON.parse(opened.plain.toString()) as ToldFailure
}

function about(channel: string): string {
  return `${channel} failed`
}

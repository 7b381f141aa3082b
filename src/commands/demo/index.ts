/**
 * The main job, end to end: an emulated Entra and Graph, the real gateway, real HTTPS.
 *
 * @module
 */

import { askedToStop, say } from '../terminal.ts'
import { setTheStage } from './stage.ts'
import { inviteToTry, tellTheStory } from './story.ts'

export interface DemoOptions {
  readonly once: boolean
  readonly configFile: URL
  /** Of this program. */
  readonly version: string
}

/** @returns the exit code: 0 only if every step did what it says */
export async function demo({ once, configFile, version }: DemoOptions): Promise<number> {
  const stop = askedToStop()
  await using stage = await setTheStage(configFile, version)
  say('Session Gateway: a caller with its own workload token reads a Security Copilot session.')
  const isTrue = await tellTheStory(stage)
  if (once) {
    say(isTrue ? '\nEvery step did what it says.' : '\nSome steps did not do what they say.')
    return isTrue ? 0 : 1
  }
  inviteToTry(stage)
  await stop
  return isTrue ? 0 : 1
}

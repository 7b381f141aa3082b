/** What trips bring home in these tests. */

import type { Answer } from '../../src/cache/index.ts'

export function answer(body: string, changes: Partial<Answer> = {}): Answer {
  return { status: 200, headers: [], body, trip: { clientRequestId: 'trip' }, ...changes }
}

/** A caller who never leaves. */
export const stays = new AbortController().signal

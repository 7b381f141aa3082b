/**
 * Messages on one channel, for one who waits for them.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import type { Asking } from './asking.ts'
import type { Connection } from './connection.ts'

export interface Inbox {
  /**
   * The next message, which may have come already; `undefined` once the time is over, or Redis is not asked any more.
   *
   * @throws the signal's reason
   */
  next(withinMs: number, until: { cancelled: AbortSignal; asking: Asking }): Promise<Buffer | undefined>
  close(): void
}

/** @returns `undefined` where nobody can listen, or not soon enough */
export async function createInbox(
  connection: Connection,
  channel: string,
  { clock, withinMs }: { readonly clock: Clock; readonly withinMs: number },
): Promise<Inbox | undefined> {
  const messages: Buffer[] = []
  let arrived = (): void => {}
  const subscribing = connection.subscribe(channel, (message) => {
    messages.push(message)
    arrived()
  })
  const unsubscribe = async (): Promise<void> => (await subscribing)()
  const isListening = await new Promise<boolean>((resolve) => {
    const cancel = clock.after(withinMs, () => setImmediate(resolve, false))
    subscribing.then(
      () => resolve(true),
      () => resolve(false),
    )
    void subscribing.finally(cancel).catch(() => {})
  })
  const close = (): void => void unsubscribe().catch(() => {})
  if (!isListening) {
    close()
    return undefined
  }
  return {
    async next(nextWithinMs, { cancelled, asking }) {
      if (messages.length === 0 && asking.isUp) {
        await new Promise<void>((resolve) => {
          const end = (): void => {
            cancelTimer()
            cancelDown()
            cancelled.removeEventListener('abort', end)
            resolve()
          }
          arrived = end
          const cancelTimer = clock.after(nextWithinMs, end)
          const cancelDown = asking.onDown(end)
          cancelled.addEventListener('abort', end)
        })
      }
      cancelled.throwIfAborted()
      return messages.shift()
    },
    close,
  }
}

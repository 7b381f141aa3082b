/**
 * Channels: who listens to which, on one connection that is for nothing else.
 *
 * @module
 */

import { SharedFailure } from './failure.ts'
import type { Address } from './client.ts'
import type { Link, LinkEvents } from './link.ts'

export interface Messages {
  readonly isReady: boolean
  /** @throws {SharedFailure} */
  subscribe(channel: string, heard: (message: Buffer) => void): Promise<() => void>
  close(): void
}

export interface MessagesOptions {
  readonly address: () => Address
  readonly open: (events: LinkEvents) => Link
  readonly ready: () => void
}

interface Channel {
  readonly listeners: Set<(message: Buffer) => void>
  /** The server has confirmed it; that it has, once, holds for every connection after. */
  confirmed: Promise<void>
}

export function openMessages({ address, open, ready }: MessagesOptions): Messages {
  const channels = new Map<string, Channel>()
  const link = open({
    address,
    ready,
    prepare: (made) => made.listen([...channels.keys()]),
    heard(message, name) {
      for (const heard of channels.get(name.toString())?.listeners ?? []) heard(message)
    },
  })

  /** The last one who leaves ends it; harmless when it has been left. */
  function leave(name: string, channel: Channel, listener: (message: Buffer) => void): void {
    if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return
    if (channels.get(name) !== channel) return
    channels.delete(name)
    if (link.isReady) link.unlisten(name)
  }

  return {
    get isReady() {
      return link.isReady
    },
    async subscribe(name, heard) {
      if (!link.isReady) throw new SharedFailure('away', 'there is no connection for messages')
      let channel = channels.get(name)
      if (channel === undefined) {
        channel = { listeners: new Set(), confirmed: link.listen([name]) }
        channels.set(name, channel)
      }
      const { listeners, confirmed } = channel
      // One of its own: the same function may listen twice.
      const listener = (message: Buffer): void => heard(message)
      listeners.add(listener)
      const joined = channel
      try {
        await confirmed
      } catch (error) {
        leave(name, joined, listener)
        throw error
      }
      return () => leave(name, joined, listener)
    },
    close: () => link.close(),
  }
}

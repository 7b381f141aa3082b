/**
 * The way to Redis: commands on one connection (in a cluster, one to each master), messages on another.
 *
 * It connects behind, and again for ever; whoever asks while there is no connection is told so at once.
 *
 * @module
 */

import { createSecureContext } from 'node:tls'
import { trusted } from '../authorities.ts'
import type { Clock } from '../clock.ts'
import type { Address } from './client.ts'
import type { Credentials } from './credentials.ts'
import { SharedFailure } from './failure.ts'
import {
  type ConnectionObserver,
  type Link,
  type LinkEvents,
  type LinkOptions,
  openLink,
  type Reply,
} from './link.ts'
import { openMessages } from './messages.ts'
import { type Nodes, openNodes } from './nodes.ts'
import type { Script } from './script.ts'

export interface Connection {
  /** Every command can be asked: in a cluster, of the master of each slot. */
  readonly isReady: boolean
  /**
   * Atomically, on the server (of a cluster: the node) that has `keys`: at least one, and all in one slot.
   *
   * @throws {SharedFailure}
   */
  run(script: Script, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<Reply>
  /**
   * Resolves when the server has confirmed; from then on `heard` gets each message until the returned function is called,
   * except those that are sent while there is no connection.
   *
   * @throws {SharedFailure}
   */
  subscribe(channel: string, heard: (message: Buffer) => void): Promise<() => void>
  /** Called whenever a connection is there (again), and with it everything may be asked: commands and messages. */
  onReady(listener: () => void): void
  /** Bounded; never rejects. */
  close(): Promise<void>
}

export interface ConnectionOptions {
  /** `redis://host[:port]`, or `rediss://` for TLS. Several are nodes of a cluster to begin with, all of one kind. */
  readonly servers: { readonly url: string } | { readonly cluster: readonly string[] }
  /** PEM certificates trusted besides the system's own. */
  readonly ca?: readonly string[] | undefined
  readonly credentials: Credentials
  readonly clock: Clock
  readonly random: () => number
  readonly observer: ConnectionObserver
}

const defaultPort = 6379

/** Does not wait for anything, and throws for what is no address only. */
export function connect({
  servers,
  ca,
  credentials,
  clock,
  random,
  observer,
}: ConnectionOptions): Connection {
  const urls = ('url' in servers ? [servers.url] : servers.cluster).map((url) => new URL(url))
  const seeds = urls.map(addressOf)
  const [first] = seeds
  if (first === undefined) throw new TypeError('a cluster needs a node to begin with')
  const isTls = urls.some(({ protocol }) => protocol === 'rediss:')
  const options: LinkOptions = {
    credentials,
    clock,
    random,
    observer,
    tls: isTls
      ? {
          context: createSecureContext({ ca: [...trusted(), ...(ca ?? [])] }),
          // A cluster may tell its nodes by addresses that stand in no certificate.
          names: 'url' in servers ? [] : seeds.map(({ host }) => host),
        }
      : undefined,
  }
  const listeners: (() => void)[] = []
  const tellReady = (): void => {
    if (!commands.isReady || !messages.isReady) return
    for (const listener of listeners) listener()
  }
  const open = (events: LinkEvents): Link => openLink(events, options)

  const commands =
    'url' in servers
      ? oneServer(first, open, tellReady)
      : openNodes({ seeds, open, clock, random, observer, ready: tellReady })
  let tries = 0
  const messages = openMessages({
    open,
    ready: tellReady,
    // A cluster carries each message to every node: when one is away, the next will do.
    address: () => {
      const all = commands.addresses()
      tries += 1
      return all[(tries - 1) % all.length] ?? first
    },
  })

  return {
    get isReady() {
      return commands.isReady
    },
    async run({ source, sha }, keys, args) {
      const [key] = keys
      if (key === undefined) throw new TypeError('a script needs a key, to know where it is to run')
      const rest = [String(keys.length), ...keys, ...args]
      try {
        return await commands.ask(key, ['EVALSHA', sha, ...rest])
      } catch (error) {
        if (!(error instanceof SharedFailure) || !/(?:^|: )NOSCRIPT/.test(error.message)) throw error
        return commands.ask(key, ['EVAL', source, ...rest])
      }
    },
    subscribe: (channel, heard) => messages.subscribe(channel, heard),
    onReady: (listener) => void listeners.push(listener),
    close() {
      commands.close()
      messages.close()
      return Promise.resolve()
    },
  }
}

function oneServer(server: Address, open: (events: LinkEvents) => Link, ready: () => void): Nodes {
  const link = open({ address: () => server, ready })
  return {
    get isReady() {
      return link.isReady
    },
    ask: (_key, command) => link.ask(command),
    addresses: () => [server],
    close: () => link.close(),
  }
}

function addressOf({ hostname, port }: URL): Address {
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? defaultPort : Number(port) }
}

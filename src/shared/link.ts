/**
 * One connection to one server, made again for ever whenever it is lost.
 *
 * Each try is a client of its own, with the credentials, the addresses and the certificate as they are then; the client's
 * own way of reconnecting is not used: it waits for ever for a server that accepts and says nothing, and its socket timeout
 * takes what we write for a sign of life.
 *
 * @module
 */

import { ErrorReply } from '@redis/client'
import type { Clock } from '../clock.ts'
import { type Address, clientFor, type Trust } from './client.ts'
import { type Credentials, type Login, loginOf } from './credentials.ts'
import { SharedFailure, told } from './failure.ts'

/** Of a script: bulk strings as bytes, and what is not there as null. */
export type Reply = Buffer | number | null | Reply[]

/** What all links of a connection have in common. */
export interface LinkOptions {
  readonly credentials: Credentials
  /** Present: TLS. */
  readonly tls: Trust | undefined
  readonly clock: Clock
  /** 0 ≤ n < 1: spreads reconnecting. */
  readonly random: () => number
  readonly observer: ConnectionObserver
}

/** Told of every try: saying something only where something changes is for whoever listens. */
export interface ConnectionObserver {
  connected(where: string): void
  failed(failure: SharedFailure): void
}

export interface Link {
  readonly isReady: boolean
  /**
   * In the order in which they are asked, if asked in one go.
   *
   * @throws {SharedFailure} at once when there is no connection
   */
  ask(command: readonly (string | Buffer)[]): Promise<Reply>
  /** @throws {SharedFailure} */
  listen(channels: readonly string[]): Promise<void>
  unlisten(channel: string): void
  close(): void
}

export interface LinkEvents {
  /** Asked at each try. */
  readonly address: () => Address
  /** Before anybody else may ask. */
  readonly prepare?: (link: Pick<Link, 'listen'>) => Promise<void>
  readonly ready: () => void
  readonly heard?: (message: Buffer, channel: Buffer) => void
}

/** Names, TCP, TLS, greeting and first ping, together. */
const connectTimeoutMs = 2_000
const pingEveryMs = 1_000
/** A connection is dropped when so many pings in a row were due and nothing came; a pause of our own counts as one. */
const longestSilence = 3
const firstWaitMs = 100
const longestWaitMs = 5_000
/** A server that says so is the wrong one, or not yet the right one. */
const leave = /^(?:READONLY|LOADING|MASTERDOWN|NOAUTH)\b/

type Client = ReturnType<typeof clientFor>

export function openLink(events: LinkEvents, options: LinkOptions): Link {
  const { clock, random, observer, credentials, tls } = options
  let client: Client | undefined
  let isReady = false
  let isClosed = false
  let failures = 0
  let secret = ''
  let cancelTimer = (): void => {}
  let where = ''
  let drop: (error: unknown) => void = () => {}

  /** What was thrown, as ours. */
  function asFailure(error: unknown): SharedFailure {
    if (error instanceof SharedFailure) return error
    const text = told(error instanceof Error ? error.message : String(error), secret)
    if (!(error instanceof ErrorReply)) return new SharedFailure('away', `${where}: ${text}`)
    const isUnknown = /^(?:WRONGPASS|NOAUTH)|^ERR (?:AUTH|invalid password)|^ERR Client sent AUTH/.test(text)
    const isAway = /^(?:READONLY|LOADING|MASTERDOWN)\b/.test(text)
    return new SharedFailure(isUnknown ? 'authentication' : isAway ? 'away' : 'refused', `${where}: ${text}`)
  }

  function again(lastedMs = 0): void {
    if (isClosed) return
    if (lastedMs >= longestWaitMs) failures = 0
    const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** failures) * (0.5 + random() / 2)
    failures = Math.min(failures + 1, 10)
    cancelTimer()
    cancelTimer = clock.after(waitMs, () => void connect())
  }

  async function connect(): Promise<void> {
    const startedAt = clock.monotonic()
    const address = events.address()
    where = `${address.host}:${address.port}`
    const { promise: lost, reject: lose } = Promise.withResolvers<never>()
    lost.catch(() => {})
    const mine: { client?: Client } = {}
    const cancelDeadline = clock.after(connectTimeoutMs, () =>
      lose(new SharedFailure('away', `${where}: no connection within ${connectTimeoutMs} ms`)),
    )
    drop = lose
    let wasReady = false
    let isOver = false
    let newer: Login | undefined
    const tellLogin = ({ username, password }: Login): void => {
      secret = password
      mine.client?.sendCommand(['AUTH', username, password]).catch(lose)
    }
    // Each new token is told to the server before the one before it ends.
    const endTokens =
      credentials.type === 'entra'
        ? credentials.tokens.subscribe((token) => {
            if (wasReady) tellLogin(token)
            else newer = token
          })
        : (): void => {}
    try {
      const login = await Promise.race([loginOf(credentials), lost])
      secret = login?.password ?? ''
      const made = clientFor(address, { tls, login, connectTimeoutMs })
      mine.client = made
      made.on('error', lose).on('terminated', lose)
      // What is destroyed before it has got a socket gets one all the same, and would keep it.
      made.on('connect', () => {
        if (isOver) made.destroy()
      })
      await Promise.race([made.connect(), lost])
      // Greets even while it loads, or has lost its master; this it then refuses.
      await Promise.race([made.sendCommand(['PING']), lost])
      client = made
      await Promise.race([events.prepare?.({ listen }), lost])
      cancelDeadline()
      isReady = true
      wasReady = true
      if (newer !== undefined && newer.password !== login?.password) tellLogin(newer)
      observer.connected(where)
      events.ready()
      watch(made, lose)
      await lost
    } catch (error) {
      if (!isClosed) observer.failed(asFailure(error))
    }
    isOver = true
    cancelDeadline()
    cancelTimer()
    endTokens()
    isReady = false
    client = undefined
    mine.client?.destroy()
    again(wasReady ? clock.monotonic() - startedAt : 0)
  }

  function watch(made: Client, lose: (error: unknown) => void): void {
    let silence = 0
    async function ping(): Promise<void> {
      await made.sendCommand(['PING'])
      silence = 0
    }
    const tick = (): void => {
      silence += 1
      if (silence > longestSilence) {
        return lose(new SharedFailure('away', `${where}: nothing came for ${longestSilence} pings`))
      }
      ping().catch(() => {})
      cancelTimer = clock.after(pingEveryMs, tick)
    }
    cancelTimer = clock.after(pingEveryMs, tick)
  }

  async function listen(channels: readonly string[]): Promise<void> {
    if (channels.length === 0) return
    if (client === undefined) throw new SharedFailure('away', `${where}: there is no connection`)
    await client.subscribe([...channels], hear, true).catch((error: unknown) => {
      throw asFailure(error)
    })
  }

  const hear = (message: Buffer, channel: Buffer): void => events.heard?.(message, channel)

  void connect()
  return {
    get isReady() {
      return isReady
    },
    async ask(command) {
      if (client === undefined || !isReady)
        throw new SharedFailure('away', `${where}: there is no connection`)
      try {
        return await client.sendCommand<Reply>([...command])
      } catch (error) {
        if (error instanceof ErrorReply && leave.test(error.message)) drop(error)
        throw asFailure(error)
      }
    },
    listen,
    unlisten(channel) {
      client?.unsubscribe(channel, hear, true).catch(() => {})
    },
    close() {
      isClosed = true
      cancelTimer()
      drop(new SharedFailure('away', 'closed'))
      client?.destroy()
    },
  }
}

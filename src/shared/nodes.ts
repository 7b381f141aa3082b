/**
 * The masters of a cluster: a link to each, and who has which slot.
 *
 * The client's own cluster is not used: while a node is away it lets whoever needs it wait without end, and goes on sending
 * what nobody waits for any more.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import { SharedFailure } from './failure.ts'
import type { Address } from './client.ts'
import type { ConnectionObserver, Link, LinkEvents, Reply } from './link.ts'
import { slotOf } from './slot.ts'

export interface Nodes {
  /** There is a link to the master of each slot. */
  readonly isReady: boolean
  /** @throws {SharedFailure} */
  ask(key: string, command: readonly (string | Buffer)[]): Promise<Reply>
  /** Those that are known now; at first the ones to begin with. */
  addresses(): readonly Address[]
  close(): void
}

export interface NodesOptions {
  /** At least one. */
  readonly seeds: readonly Address[]
  readonly open: (events: LinkEvents) => Link
  readonly clock: Clock
  readonly random: () => number
  /** Told also of a node that does not say who has which slot: no other failure shows that it is none of a cluster. */
  readonly observer: Pick<ConnectionObserver, 'failed'>
  /** Whenever a node can be asked, and all the others can. */
  readonly ready: () => void
}

const lookEveryMs = 1_000
/** A slot that moves is sent after so often; more would be a loop. */
const mostRedirections = 4

interface Range {
  readonly first: number
  readonly last: number
  readonly node: string
}

export function openNodes({ seeds, open, clock, random, observer, ready }: NodesOptions): Nodes {
  const links = new Map<string, Link>()
  let known: readonly Address[] = seeds
  let ranges: readonly Range[] = []
  let looking: Promise<void> | undefined
  let cancelTimer = (): void => {}
  let isClosed = false

  function linkTo(address: Address): Link {
    const name = nameOf(address)
    const found = links.get(name)
    if (found !== undefined) return found
    const link = open({
      address: () => address,
      ready: () => void look(link, address).then(tellReady),
    })
    links.set(name, link)
    return link
  }

  const isReady = (): boolean =>
    ranges.length > 0 && ranges.every(({ node }) => links.get(node)?.isReady === true)

  function tellReady(): void {
    if (isReady()) ready()
  }

  /** Never rejects: who is where is asked again soon. */
  function look(link: Link, at: Address): Promise<void> {
    looking ??= link
      .ask(['CLUSTER', 'SLOTS'])
      .then((reply) => learn(reply, at))
      .catch((error: unknown) => {
        if (error instanceof SharedFailure && !isClosed) observer.failed(error)
      })
      .finally(() => {
        looking = undefined
      })
    return looking
  }

  function lookAnywhere(): void {
    const answering = [...seeds, ...known].filter((address) => links.get(nameOf(address))?.isReady === true)
    const chosen = answering[Math.floor(random() * answering.length)]
    if (chosen !== undefined) void look(linkTo(chosen), chosen)
    // All that were known are gone: they may have come back by other addresses.
    else for (const seed of seeds) linkTo(seed)
  }

  function tick(): void {
    if (isClosed) return
    if (!isReady()) lookAnywhere()
    cancelTimer = clock.after(lookEveryMs, tick)
  }

  function learn(reply: Reply, at: Address): void {
    const found = slotsIn(reply, at)
    if (isClosed || found.length === 0) return
    ranges = found.map(({ first, last, address }) => ({ first, last, node: nameOf(address) }))
    known = [...new Map(found.map(({ address }) => [nameOf(address), address])).values()]
    const kept = new Set(known.map(nameOf))
    for (const address of known) linkTo(address)
    for (const [name, link] of links) {
      if (kept.has(name)) continue
      links.delete(name)
      link.close()
    }
  }

  function linkFor(key: string): Link {
    const slot = slotOf(key)
    const range = ranges.find(({ first, last }) => first <= slot && slot <= last)
    const link = range && links.get(range.node)
    if (link === undefined) throw new SharedFailure('away', `no node is known for slot ${slot}`)
    return link
  }

  async function ask(key: string, command: readonly (string | Buffer)[]): Promise<Reply> {
    let link = linkFor(key)
    let isAsking = false
    for (let redirections = 0; ; redirections += 1) {
      try {
        if (!isAsking) return await link.ask(command)
        const [, reply] = await Promise.all([link.ask(['ASKING']), link.ask(command)])
        return reply
      } catch (error) {
        const to = error instanceof SharedFailure ? redirection(error) : undefined
        if (to === undefined || redirections === mostRedirections) throw error
        isAsking = to.isAsking
        // It says nothing of the host where it is its own.
        const elsewhere = to.host === '' ? linkFor(key) : linkTo({ host: to.host, port: to.port })
        if (!isAsking) void look(elsewhere.isReady ? elsewhere : link, { host: to.host, port: to.port })
        link = elsewhere
      }
    }
  }

  for (const seed of seeds) linkTo(seed)
  cancelTimer = clock.after(lookEveryMs, tick)
  return {
    get isReady() {
      return isReady()
    },
    ask,
    addresses: () => known,
    close() {
      isClosed = true
      cancelTimer()
      for (const link of links.values()) link.close()
    },
  }
}

const nameOf = ({ host, port }: Address): string => `${host}:${port}`

function redirection({
  message,
}: SharedFailure): { isAsking: boolean; host: string; port: number } | undefined {
  const [, word, host = '', port] = /\b(MOVED|ASK) \d+ (\S*):(\d+)$/.exec(message) ?? []
  return word === undefined ? undefined : { isAsking: word === 'ASK', host, port: Number(port) }
}

/** What CLUSTER SLOTS says of the masters: first slot, last slot, [host, port, …], replicas… */
function slotsIn(reply: Reply, at: Address): { first: number; last: number; address: Address }[] {
  if (!Array.isArray(reply)) return []
  return reply.flatMap((range) => {
    if (!Array.isArray(range)) return []
    const [first, last, master] = range
    if (typeof first !== 'number' || typeof last !== 'number' || !Array.isArray(master)) return []
    const [host, port] = master
    if (typeof port !== 'number') return []
    const said = Buffer.isBuffer(host) ? host.toString() : ''
    if (said === '?') return []
    return [{ first, last, address: { host: said === '' ? at.host : said, port } }]
  })
}

/**
 * A gateway of real rooms on a real socket, of which everything that can be seen is kept; who asks, the clock, chance and
 * Graph are the test's. Two of them can be compared.
 */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { createAccess } from '../../src/access/index.ts'
import { createRecordFormat } from '../../src/audit/record.ts'
import { createTrail } from '../../src/audit/trail.ts'
import { createCache, createMemoryStore, createTimeline, type Scope } from '../../src/cache/index.ts'
import type { Journey } from '../../src/http/conduct.ts'
import {
  createConnections,
  createJourney,
  createPeerOf,
  createPublicServer,
  createShedding,
} from '../../src/http/index.ts'
import { sessionKeys } from '../../src/session/index.ts'
import { createFlood, createLog, type Metrics } from '../../src/telemetry/index.ts'
import { createScriptedSink } from '../audit/scripted-sink.ts'
import { windows } from '../cache/answer.ts'
import type { WireAnswer } from '../security/wire.ts'
import { selectable } from '../session/spellings.ts'
import { type Script, scriptedCallers, scriptedGraph, type Tell } from './script.ts'
import { type Asking, startTalk } from './talk.ts'

/** What could be seen since it was last looked at; without ids and durations. */
export interface Seen {
  readonly answers: readonly WireAnswer[]
  /** Lines of the trail. */
  readonly records: readonly unknown[]
  /** Lines of the log. */
  readonly logs: readonly unknown[]
  /** What metrics and observers were told, and who was asked. */
  readonly told: readonly unknown[]
  /** Of the moment. */
  readonly remembered: number
  readonly waiting: number
}

export interface Roomful extends AsyncDisposable {
  ask(asking: Asking): Promise<void>
  /** Resolves once all that can happen without time passing or the sink taking more has happened. */
  settled(): Promise<void>
  /** The sink takes nothing. */
  stall(): void
  /** The write under way fails, if there is one. */
  fail(): void
  /** The sink takes everything; what has failed, when it is tried again. */
  flow(): void
  purge(scope: Scope): Promise<void>
  /** Requests that went the short way. */
  readonly atOnce: number
  /** How often it took waiting to say whose token it is, or there was none to say it of. */
  readonly strange: number
  /** How each exchange came out that was to be recorded since it was last asked: whether the sink has it or not. */
  outcomes(): string[]
  see(): Seen
}

const patienceMs = 20_000

/** @param altered the journey as it is to be led */
export async function startRoomful(script: Script, altered: (journey: Journey) => Journey): Promise<Roomful> {
  await using building = new AsyncDisposableStack()
  const { clock } = script
  const random = chance(7)
  let told: unknown[] = []
  let logs: unknown[] = []
  const outcomes: string[] = []
  let held = 0
  let atOnce = 0
  let strange = 0
  let isStalled = false
  let linesSeen = 0

  const tell: Tell = (...what) => void told.push(what)
  const log = createLog('trace', { write: (line: string) => void logs.push(withoutIds(line)) })
  const flood = createFlood(log, clock)
  const sink = createScriptedSink()
  sink.flow()
  const madeTrail = createTrail({
    sink,
    format: createRecordFormat({ version: '0.0.0', tenantId: 'tenant', hostName: 'host' }),
    delivery: 'before-response',
    maxPendingBytes: 24 * 1024,
    stallAfterMs: 2_000,
    clock,
    observer: {
      failing: (why) => tell('failing', why),
      blocked: (why) => tell('blocked', why),
      flowing: (missed) => tell('flowing', missed),
      missed: (count) => tell('missed', count),
      head() {},
    },
  })
  const trail = over(madeTrail, {
    hand(record, waiter) {
      held += 1
      outcomes.push(record.refusal?.code ?? record.outcome ?? 'none')
      madeTrail.hand(record, {
        taken() {
          held -= 1
          waiter.taken()
        },
        notTaken(error) {
          held -= 1
          waiter.notTaken(error)
        },
      })
    },
  })

  const cache = createCache({
    store: createMemoryStore(2 ** 20),
    windows: { ...windows, freshForMs: 20_000, staleWhileRevalidateMs: 20_000 },
    clock,
    timeline: createTimeline(clock),
    random,
    keysOf: (resource) => sessionKeys(resource, selectable),
    observer: {
      refreshed: (isSuccess) => tell('refreshed', isSuccess),
      failedBehind: ({ code }) => tell('failed behind', code),
    },
  })
  building.defer(() => cache.close())
  const madeCallers = scriptedCallers(script, tell)
  building.defer(() => madeCallers.close())
  const callers = over(madeCallers, {
    identify(authorization) {
      strange += 1
      const caller = madeCallers.identify(authorization)
      if (!(caller instanceof Promise)) strange -= 1
      return caller
    },
  })

  const connections = createConnections({ most: 1000, clock, maxAgeMs: 120_000, random })
  const peerOf = createPeerOf([{ address: '127.0.0.1', prefix: 32 }])
  const onFault = (error: unknown): void => tell('fault', error)
  const metrics: Pick<Metrics, 'answered' | 'refused'> = {
    answered: (status, outcome) => tell('answered', status, outcome),
    refused: (code) => tell('refused', code),
  }
  const journey = altered(
    createJourney({
      callers,
      selectable,
      access: createAccess(script.rules, clock.monotonic),
      cache,
      graph: scriptedGraph(script, tell),
      links: {
        graphOrigin: 'https://graph.example',
        publicUrl: undefined,
        isSecure: false,
        maxStreamedBytes: 2 ** 20,
      },
      trail,
      clock,
      log,
      flood,
      peerOf,
      metrics: metrics as Metrics,
      onFault,
    }),
  )
  const { server } = createPublicServer({
    journey: over(journey, {
      leadAtOnce(...led) {
        const isLed = journey.leadAtOnce(...led)
        if (isLed) atOnce += 1
        return isLed
      },
    }),
    tls: undefined,
    connections,
    shedding: createShedding({ trail, clock, log, flood, peerOf, leaving: connections.leaving }),
    onUnparsable: (code) => tell('unparsable', code),
    onFault,
  })
  building.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const talk = building.use(startTalk((server.address() as AddressInfo).port))

  const made = building.move()
  return {
    ask: (asking) => talk.ask(asking),
    async settled() {
      const givesUpAt = Date.now() + patienceMs
      const isSettled = (): boolean =>
        talk.open === (isStalled ? held : 0) &&
        connections.waiting === talk.open &&
        cache.inTheAir === 0 &&
        (isStalled || trail.pendingBytes === 0)
      while (!isSettled()) {
        if (Date.now() > givesUpAt) throw new Error(`${talk.open} answers never came, ${held} are held`)
        await turn()
      }
      // What nobody waits for: keys that are fetched, reviews that are renewed, a batch that begins.
      for (let n = 0; n < 3; n += 1) await turn()
    },
    stall() {
      isStalled = true
      sink.hold()
    },
    fail: () => sink.fail('ENOSPC'),
    flow() {
      isStalled = false
      sink.flow()
    },
    purge: (scope) => cache.purge(scope),
    get atOnce() {
      return atOnce
    },
    get strange() {
      return strange
    },
    outcomes: () => outcomes.splice(0),
    see() {
      const lines = sink.taken.split('\n').slice(0, -1)
      const records = lines.slice(linesSeen).map(withoutIds)
      linesSeen = lines.length
      const was = { answers: talk.answers().map(plain), records, logs, told }
      logs = []
      told = []
      const { remembered } = callers
      return { ...was, remembered, waiting: connections.waiting }
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}

/** The same object but for some of its methods; what it says of itself still changes with it. */
function over<T extends object>(room: T, methods: Partial<T>): T {
  return Object.assign(Object.create(room), methods)
}

/** The same numbers each time (an LCG). */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

const ownId = /\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b/g

/** A line of the log or of the trail. The log's time is the machine's, the trail's is the test's. */
function withoutIds(line: string): unknown {
  const said = JSON.parse(line.replaceAll(ownId, 'an id'))
  const { time, src_endpoint: peer } = said
  return {
    ...said,
    duration: undefined,
    time: typeof time === 'number' ? time : undefined,
    // The port, where it is that of the connection itself.
    src_endpoint: peer?.ip === '127.0.0.1' ? { ...peer, port: undefined } : peer,
  }
}

function plain({ status, headers, body }: WireAnswer): WireAnswer {
  const text = JSON.stringify({ status, headers: { ...headers, date: undefined }, body }).replaceAll(
    ownId,
    'an id',
  )
  return JSON.parse(text.replace(/\\"date\\":\\"[^"]*\\"/, ''))
}

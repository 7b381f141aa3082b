import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { type Caller, type Callers, createReviews, type Reviews } from '../../src/callers/index.ts'
import { GatewayError } from '../../src/errors.ts'
import type { FakeClock } from '../world/fake-clock.ts'
import { type Counted, counted, forge } from './counted.ts'
import { createForge, type Forge } from './forge.ts'

/** An API server that says the same of every token until it is told to say something else. */
interface ApiServer {
  says: 'accepted' | 'refused' | 'unavailable'
  readonly asked: number
  readonly reviewing: (clock: FakeClock) => Reviews
}

function apiServer(): ApiServer {
  let asked = 0
  const server: ApiServer = {
    says: 'accepted',
    get asked() {
      return asked
    },
    reviewing: (clock) =>
      createReviews({
        async review() {
          asked += 1
          if (server.says === 'unavailable') throw new Error('down')
          return server.says === 'refused' ? 'it is gone' : undefined
        },
        whenUnavailable: 'reject',
        clock,
        observer: { reviewed() {}, changed() {} },
        close() {},
      }),
  }
  return server
}

const next = createForge('ed25519')
const published = { old: [forge], both: [next, forge], new: [next] }

const anyStep = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      what: fc.constant('shows' as const),
      token: fc.constantFrom(0, 0, 0, 1, 2, 3),
      spelling: fc.constantFrom(
        ...Array.from({ length: 6 }, () => 'Bearer T'),
        'bearer T',
        'Bearer  T',
        'Bearer T ',
        'Basic T',
        'T',
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('passes' as const),
      ms: fc.constantFrom(1, 1_999, 2_000, 7_999, 8_000, 9_999, 10_000, 44_999, 59_999, 60_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('is set by' as const),
      ms: fc.constantFrom(-50_000, 10_000, 45_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('publishes' as const),
      keys: fc.constantFrom<keyof typeof published>('old', 'both', 'new'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('says' as const),
      of: fc.constantFrom<ApiServer['says']>('accepted', 'accepted', 'refused', 'unavailable'),
    }),
  },
)

/** What is at hand for this header, held to what `identify` says then. */
async function lookedAt({ callers, begun }: { callers: Callers; begun: () => unknown }, header: string) {
  const before = begun()
  const found = callers.atHand(header)
  assert.equal(callers.atHand(header), found)
  await turn()
  assert.deepEqual(begun(), before, 'something was begun')

  let named: Caller | Promise<Caller> | undefined
  try {
    named = callers.identify(header)
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error))
  }
  const isAtOnce = named !== undefined && !(named instanceof Promise)
  const beginsNothing = isDeepStrictEqual(begun(), before)
  if (found !== undefined) assert.equal(named, found)
  if (found !== undefined) assert.ok(beginsNothing, 'identify had something to begin')
  // While the API server does not answer nobody is asked about again, but looked at more closely.
  const isPlain = /^Bearer [^ ]+$/.test(header) && callers.problems.length === 0
  if (isPlain && isAtOnce && beginsNothing) assert.equal(found, named)

  await Promise.resolve(named).catch((error: unknown) => assert.ok(error instanceof GatewayError))
  await turn()
  return found
}

type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

test('at hand is whom identify names without waiting and without beginning anything, and nobody else', async () => {
  let had = 0
  let hadNot = 0
  const play = async (steps: readonly Step[], isReviewed: boolean): Promise<void> => {
    const server = apiServer()
    const world = counted(isReviewed ? server.reviewing : undefined)
    const { callers, clock } = world
    const tokens = [
      world.token(),
      world.token({ sub: 'another' }),
      world.token({ exp: clock.now() / 1000 + 45 }),
      world.token({}, next),
    ]
    const begun = (): unknown => [world.verifications, world.fetches, server.asked, callers.remembered]
    for (const step of steps) {
      if (step.what === 'passes') clock.advance(step.ms)
      else if (step.what === 'is set by') clock.set(step.ms)
      else if (step.what === 'publishes') world.publish(...published[step.keys])
      else if (step.what === 'says') server.says = step.of
      else if (await lookedAt({ callers, begun }, step.spelling.replace('T', tokens[step.token] ?? '')))
        had += 1
      else hadNot += 1
    }
  }
  await fc.assert(fc.asyncProperty(fc.array(anyStep, { maxLength: 40, size: 'max' }), fc.boolean(), play), {
    numRuns: 200,
  })
  assert.ok(had > 100 && hadNot > 100, `${had} were at hand, ${hadNot} were not`)
})

describe('nobody is at hand', () => {
  /** Whose token has been verified just now. */
  async function verified(claims?: object, signs?: Forge): Promise<Counted & { header: string }> {
    const world = counted()
    const header = `Bearer ${world.token(claims, signs)}`
    assert.equal(world.callers.atHand(header), undefined)
    const named = await world.callers.identify(header)
    assert.equal(world.callers.atHand(header), named)
    return Object.assign(Object.create(world), { header })
  }

  test('once the token has been believed for a minute, whatever the time of day is said to be', async () => {
    const { callers, clock, header } = await verified()
    clock.advance(59_999)
    clock.set(-3_600_000)
    assert.ok(callers.atHand(header))
    clock.advance(1)
    assert.equal(callers.atHand(header), undefined)
  })

  test('from the token’s exp on, be it that the clock is set', async () => {
    const now = counted().clock.now()
    const { callers, clock, header } = await verified({ exp: now / 1000 + 10 })
    clock.advance(9_999)
    assert.ok(callers.atHand(header))
    clock.set(1)
    assert.equal(callers.atHand(header), undefined)
    clock.set(-1)
    assert.ok(callers.atHand(header), 'nothing has been forgotten for looking')
    clock.advance(1)
    assert.equal(callers.atHand(header), undefined)
  })

  test('when the issuer’s keys have changed, though the old one be among them', async () => {
    const world = await verified()
    const { callers, header } = world
    world.publish(next, forge)
    assert.equal(callers.atHand(header), undefined)
  })

  test('for a header that is written in another way, or is no header at all, and nothing is thrown', async () => {
    const { callers, header, verifications } = await verified()
    const token = header.slice('Bearer '.length)
    for (const other of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Bearer  ',
      token,
      ` ${header}`,
      `${header} `,
      `${header}=`,
      `${header}, ${header}`,
      `bearer ${token}`,
      `BEARER ${token}`,
      `Bearer  ${token}`,
      `Bearer\t${token}`,
      `Basic ${token}`,
      header.slice(0, -1),
      'Bearer __proto__',
      'Bearer constructor',
      'Bearer \ud800',
      `Bearer ${'x'.repeat(1_000_000)}`,
    ]) {
      assert.equal(callers.atHand(other), undefined, String(other).slice(0, 40))
    }
    assert.deepEqual([verifications, callers.remembered], [1, 1])
  })
})

test('of verified tokens 32 Mi characters are remembered in all, and the one not used for longest goes first', async () => {
  const world = counted()
  const { callers } = world
  const mebi = 2 ** 20
  const header = (sub: string): string => `Bearer ${world.token({ sub, padding: 'x'.repeat(0.75 * mebi) })}`
  const used = header('used')
  const most = Math.floor((32 * mebi) / (used.length - 'Bearer '.length))
  assert.equal(most, 31)
  const idle = header('idle')
  await callers.identify(idle)
  await callers.identify(used)
  for (let n = 0; n < most - 1; n += 1) {
    await callers.identify(header(`other-${n}`))
    assert.ok(callers.atHand(used))
  }
  assert.equal(callers.remembered, most)
  assert.equal(callers.atHand(idle), undefined)
})

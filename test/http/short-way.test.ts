import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createFakeClock, type FakeClock } from '../world/fake-clock.ts'
import { type Roomful, type Seen, startRoomful } from './roomful.ts'
import type { Script } from './script.ts'
import {
  type Ask,
  bytesOf,
  isCanonical,
  published,
  rules,
  startsAt,
  type Step,
  steps,
} from './short-way-steps.ts'

/** Two gateways with one script, of which one leads every request through all of the journey. */
interface Ways extends AsyncDisposable {
  readonly script: Script
  readonly short: Roomful
  readonly long: Roomful
  /** Of the last answer to each target that had one. */
  readonly etags: Map<string, string>
  isStalled: boolean
}

async function startWays(clock: FakeClock): Promise<Ways> {
  await using building = new AsyncDisposableStack()
  const script: Script = {
    clock,
    rules,
    keys: published.old,
    clusterKeys: published.cluster,
    review: 'accepted',
    graph: 'found',
    edition: 1,
  }
  const short = building.use(await startRoomful(script, (journey) => journey))
  const long = building.use(
    await startRoomful(script, (journey) => ({ ...journey, leadAtOnce: () => false })),
  )
  await Promise.all([short.settled(), long.settled()])
  const made = building.move()
  return {
    script,
    short,
    long,
    etags: new Map(),
    isStalled: false,
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}

/** What happens to both of them, but for requests. */
async function happen(step: Exclude<Step, Ask>, ways: Ways): Promise<void> {
  const { script } = ways
  const both = [ways.short, ways.long]
  if (step.what === 'pass') script.clock.advance(step.ms)
  else if (step.what === 'set the clock') script.clock.set(step.ms)
  else if (step.what === 'publish') script.keys = published[step.keys]
  else if (step.what === 'review') script.review = step.says
  else if (step.what === 'purge') await Promise.all(both.map((roomful) => roomful.purge(step.of)))
  else if (step.what === 'graph') {
    script.graph = step.says
    if (step.isNew) script.edition += 1
  } else if (step.what === 'stall') {
    ways.isStalled = true
    for (const roomful of both) roomful.stall()
  } else if (step.what === 'fail') for (const roomful of both) roomful.fail()
  else {
    ways.isStalled = false
    for (const roomful of both) roomful.flow()
    // What has failed is tried again.
    script.clock.advance(250)
  }
}

/** Why a request may not go the short way, as it went the long one. */
function reasons(ask: Ask, isStrange: boolean, outcomes: readonly string[]): string[] {
  return [
    ...(ask.method === 'GET' ? [] : [ask.method]),
    ...(ask.lines.some((line) => /^cache-control/i.test(line)) ? ['Cache-Control'] : []),
    ...(isCanonical(ask.target) ? [] : ['another target']),
    ...(ask.shows === 'in another spelling' ? ['another scheme'] : []),
    ...(isStrange ? ['a token that is not at hand'] : []),
    ...(outcomes.length === 0 ? ['not to be recorded'] : []),
    ...outcomes.filter((outcome) => outcome !== 'hit' && outcome !== 'tooManyRequests'),
  ]
}

/** Each of them comes often enough to be there in every run of this test. */
const known = [
  'HEAD',
  'POST',
  'Cache-Control',
  'another target',
  'another scheme',
  'a token that is not at hand',
  'not to be recorded',
  'miss',
  'stale',
  'expired',
  'accessDenied',
  'unauthenticated',
  'invalidRequest',
]

/** How often, over all runs. */
interface Tally {
  atOnce: number
  /** Had nothing against the short way. */
  mayBe: number
  readonly mayNot: Map<string, number>
}

async function answered(ask: Ask, ways: Ways, tally: Tally): Promise<void> {
  const { short, long, etags, isStalled } = ways
  const both = [short, long]
  const bytes = bytesOf(ask, etags.get(ask.target) ?? '"none"')
  // While the sink takes nothing there may be room for one record and not for two, and who is told so depends on the turn.
  const asking = { bytes, isHead: ask.method === 'HEAD', times: isStalled ? 1 : ask.times }
  const before = { atOnce: short.atOnce, strange: long.strange }
  await Promise.all(both.map((roomful) => roomful.ask(asking)))
  await Promise.all(both.map((roomful) => roomful.settled()))

  const atOnce = short.atOnce - before.atOnce
  const outcomes = long.outcomes()
  assert.deepEqual(short.outcomes().toSorted(), outcomes.toSorted())
  const against = reasons(ask, long.strange > before.strange, outcomes)
  tally.atOnce += atOnce
  if (against.length === 0) tally.mayBe += asking.times
  for (const why of against) tally.mayNot.set(why, (tally.mayNot.get(why) ?? 0) + 1)
  if (against.length > 0) assert.equal(atOnce, 0, `went the short way: ${against.join(', ')}`)
}

/** Of several that come together the long way is sooner done with a refusal than with a hit, and so with its record. */
function inNoOrder(seen: Seen): Seen {
  const sorted = (list: readonly unknown[]): unknown[] =>
    list.map((one) => JSON.stringify(one).replace(/"sequence":\d+/, '"sequence":0')).toSorted()
  return { ...seen, records: sorted(seen.records), told: sorted(seen.told) }
}

function compare({ short, long, etags }: Ways, step: Step): void {
  const isOfSeveral = step.what === 'ask' && step.times > 1
  const [one, other] = [short.see(), long.see()].map((seen) => (isOfSeveral ? inNoOrder(seen) : seen))
  assert.ok(one !== undefined && other !== undefined)
  assert.deepEqual(one, other)
  if (step.what !== 'ask') return
  for (const { headers } of other.answers) {
    if (headers['etag'] !== undefined) etags.set(step.target, headers['etag'])
  }
}

test('the short way leads where the long one does: answers, records, log, counts and limits are the same', async (t) => {
  const tally: Tally = { atOnce: 0, mayBe: 0, mayNot: new Map() }
  // Durations stand in records: were they measured, those of one way could be longer, and there would be room for fewer.
  let clock = createFakeClock(startsAt)
  t.mock.method(performance, 'now', () => clock.monotonic())
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      clock = createFakeClock(startsAt)
      await using ways = await startWays(clock)
      for (const step of all) {
        if (step.what === 'ask') await answered(step, ways, tally)
        else await happen(step, ways)
        await Promise.all([ways.short.settled(), ways.long.settled()])
        compare(ways, step)
      }
    }),
    { numRuns: 100 },
  )
  // Else the two would be alike for want of a short way, or of what may not go it.
  const { atOnce, mayBe, mayNot } = tally
  assert.ok(atOnce > 100 && atOnce > mayBe * 0.7, `${atOnce} of ${mayBe} went the short way`)
  for (const why of known) assert.ok(mayNot.has(why), `nothing was kept from the short way for: ${why}`)
})

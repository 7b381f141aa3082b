/**
 * Where the time of a hit goes: V8's samples of a gateway that answers nothing else, by the room (or the module of Node, or the
 * library) in which they were taken. It runs from its sources, so that each sample has its file.
 *
 *     make bench BENCH=profile
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Figures, reportAlone } from './report.ts'
import { portOf, sessionPath, startBenchWorld } from './world.ts'
import { ensureWrk, requestsPerSecond, startPinned } from './wrk.ts'

const connections = 64

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
  }[]
  readonly samples: readonly number[]
  /** Microseconds. */
  readonly timeDeltas: readonly number[]
}

export async function measure(isFull: boolean): Promise<Figures> {
  ensureWrk()
  const rows = new Map<string, number[]>()
  for (let round = 0; round < (isFull ? 9 : 5); round += 1) {
    const shares = await profile(isFull ? 20 : 10)
    for (const [where, share] of shares) rows.set(where, [...(rows.get(where) ?? []), share])
  }
  const sorted = [...rows].toSorted(([, one], [, other]) => Math.max(...other) - Math.max(...one))
  return {
    name: 'profile',
    goals: [],
    tables: [{ title: 'Where the time of a hit goes', unit: '%', rows: Object.fromEntries(sorted) }],
  }
}

/** @returns place → percent of the time in which anything was done */
async function profile(seconds: number): Promise<Map<string, number>> {
  await using world = await startBenchWorld()
  const folder = join(world.folder, 'profile')
  await mkdir(folder)
  const config = await world.configure('profile', { audit: { chain: false } })
  const profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500']
  {
    await using gateway = await startPinned([...profiling, 'src/main.ts', 'serve', '-c', config], portOf)
    const url = `${gateway.url}${sessionPath}`
    await requestsPerSecond({ url, headers: world.headers, seconds, connections })
  }
  const [file = ''] = readdirSync(folder)
  return sharesOf(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile)
}

/** Of the second half alone: before it the program starts, and is compiled. */
function sharesOf({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const placeOf = new Map(nodes.map(({ id, callFrame }) => [id, placeIn(callFrame)]))
  const half = timeDeltas.reduce((sum, delta) => sum + delta, 0) / 2
  const spent = new Map<string, number>()
  let passed = 0
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0
    const place = placeOf.get(id)
    passed += delta
    if (passed > half && place !== undefined) spent.set(place, (spent.get(place) ?? 0) + delta)
  }
  const all = [...spent.values()].reduce((sum, time) => sum + time, 0)
  const shares = new Map<string, number>()
  for (const [place, time] of spent) {
    // What is hardly there is not the same in every round.
    const name = time / all < 0.005 ? 'everything else' : place
    shares.set(name, (shares.get(name) ?? 0) + (100 * time) / all)
  }
  return shares
}

/** @returns undefined where nothing was done */
function placeIn({ functionName, url }: Profile['nodes'][number]['callFrame']): string | undefined {
  if (functionName === '(idle)') return undefined
  if (functionName === '(garbage collector)') return 'collecting garbage'
  if (/^write\w*String$|^writev$/.test(functionName) && url === '') return 'system: write to sockets and pipe'
  if (functionName === '(program)') return 'system: the rest (parser, read, poll)'
  const [, room] = /\/src\/(\w+)\//.exec(url) ?? []
  if (room !== undefined) return `src/${room}`
  const [, library] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? []
  if (library !== undefined) return library
  if (url.startsWith('node:_http')) return 'node: http'
  if (url.startsWith('node:')) return 'node: streams, sockets, timers'
  return url === '' ? 'V8: expressions, clocks, numbers' : 'everything else'
}

if (import.meta.main) await reportAlone(measure)

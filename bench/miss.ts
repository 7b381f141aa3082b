/**
 * What a miss adds: a session that the gateway has to fetch, against the same kind of question put to the emulator directly. One
 * question at a time, so that nothing is measured but the way. The gateway has core 0; who asks, and the emulator, core 1.
 *
 *     make bench BENCH=miss
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { Client } from 'undici'
import { percentile } from './load/one-by-one.ts'
import { type Figures, type Goal, median, reportAlone } from './report.ts'
import { type Place, start } from './peers/start.ts'
import { startBenchWorld } from './world.ts'

interface Plan {
  readonly rounds: number
  /** Of each of the two, in a round. */
  readonly questions: number
  readonly warmUps: number
}

const quick: Plan = { rounds: 7, questions: 500, warmUps: 3_000 }
const full: Plan = { rounds: 15, questions: 2_000, warmUps: 10_000 }

export async function measure(isFull: boolean): Promise<Figures> {
  const plan = isFull ? full : quick
  execFileSync('make', ['build'], { stdio: 'inherit' })
  execFileSync('taskset', ['-cp', '1', String(process.pid)], { stdio: 'ignore' })
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await startBenchWorld())
  const { emulator, headers } = world
  const { port } = stack.use(await start(async (place) => [await command(place)]))
  const gateway = stack.adopt(new Client(`http://127.0.0.1:${port}`), (client) => client.destroy())
  const graph = stack.adopt(new Client(emulator.url, { connect: { ca: emulator.caPem } }), (client) =>
    client.destroy(),
  )
  const own = { authorization: `Bearer ${await appToken()}`, accept: 'application/json' }

  async function command(place: Place): Promise<string[]> {
    const server = {
      listen: `127.0.0.1:${place.port}`,
      management: { listen: '127.0.0.1:0' },
      tls: 'off',
      drain: { delay: '0s' },
    }
    return [process.execPath, 'dist/main.js', 'serve', '-c', await world.configure('miss', { server })]
  }

  /** Graph takes it from the body's form; the gateway takes its own from Entra in the same way. */
  async function appToken(): Promise<string> {
    const { tenantId, clientId, clientSecret } = emulator.entra
    const { statusCode, body } = await graph.request({
      method: 'POST',
      path: `/${tenantId}/oauth2/v2.0/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
        scope: 'https://graph.microsoft.com/.default',
      }).toString(),
    })
    const said = (await body.json()) as { access_token?: string }
    if (statusCode !== 200 || said.access_token === undefined) throw new Error(JSON.stringify(said))
    return said.access_token
  }

  /** @returns the path of a session that nobody has asked for */
  function newSession(): { readonly id: string; readonly path: string } {
    const id = randomUUID()
    const at = '2026-11-24T10:00:00.0000000Z'
    const displayName = 'x'.repeat(13)
    emulator.graph.put('default', { id, createdDateTime: at, lastModifiedDateTime: at, displayName })
    return { id, path: `/beta/security/securityCopilot/workspaces/default/sessions/${id}` }
  }

  /** @returns milliseconds */
  async function ask(client: Client, isMiss: boolean): Promise<number> {
    const { id, path } = newSession()
    const begunAt = performance.now()
    const answer = await client.request({ method: 'GET', path, headers: isMiss ? headers : own })
    const body = await answer.body.text()
    const tookMs = performance.now() - begunAt
    const said = String(answer.headers['cache-status'] ?? '')
    if (answer.statusCode !== 200 || !body.includes(id) || said.includes('fwd=uri-miss') !== isMiss) {
      throw new Error(`not as expected: ${answer.statusCode} ${said} ${body}`)
    }
    return tookMs
  }

  const directly: Percentiles = { p50: [], p99: [] }
  const missed: Percentiles = { p50: [], p99: [] }
  for (let n = 0; n < plan.warmUps; n += 1) {
    await ask(graph, false)
    await ask(gateway, true)
  }
  for (let round = 0; round < plan.rounds; round += 1) {
    const took = { directly: [] as number[], missed: [] as number[] }
    // In turns: what else the machine does is the same for both.
    for (let n = 0; n < plan.questions; n += 1) {
      took.directly.push(await ask(graph, false))
      took.missed.push(await ask(gateway, true))
    }
    note(directly, took.directly)
    note(missed, took.missed)
  }

  return {
    name: 'miss',
    goals: [added('p50', 0.3, directly, missed), added('p99', 1, directly, missed)],
    tables: [
      {
        title: 'One question at a time',
        unit: 'ms',
        rows: {
          'the emulator, undici: half within': directly.p50,
          'a miss: half within': missed.p50,
          'the emulator, undici: 99 of 100 within': directly.p99,
          'a miss: 99 of 100 within': missed.p99,
        },
      },
    ],
  }
}

interface Percentiles {
  readonly p50: number[]
  readonly p99: number[]
}

function note({ p50, p99 }: Percentiles, took: readonly number[]): void {
  p50.push(percentile(took, 0.5))
  p99.push(percentile(took, 0.99))
}

function added(which: keyof Percentiles, atMost: number, directly: Percentiles, missed: Percentiles): Goal {
  const runs = missed[which].map((ms, round) => ms - (directly[which][round] ?? Number.NaN))
  return { what: `time that a miss adds, ${which}`, measured: median(runs), runs, unit: 'ms', atMost }
}

if (import.meta.main) await reportAlone(measure)

/** Raw requests to a gateway, its raw answers taken apart, and what every refusal must look like. */

import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { sendRaw } from '../world/raw.ts'
import { sessionPath, startWorld, type World, type WorldOptions } from '../world/world.ts'

export interface WireAnswer {
  readonly status: number
  /** Names in lower case; a header that came twice is joined by commas. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** latin1 */
  readonly body: string
}

/** @param isHead the answers' lengths are those of bodies that do not come */
export function readAnswers(text: string, isHead = false): WireAnswer[] {
  const found: WireAnswer[] = []
  for (let rest = text; rest !== '';) {
    const headEnd = rest.indexOf('\r\n\r\n')
    const head = /^HTTP\/1\.1 (\d{3}) [^\r\n]+\r\n/.exec(rest)
    assert.ok(headEnd !== -1 && head !== null, `not an answer: ${JSON.stringify(rest.slice(0, 200))}`)
    const headers: Record<string, string> = {}
    for (const line of rest.slice(head[0].length, headEnd).split('\r\n')) {
      const [, name = '', value = ''] = /^([^:\s]+): *(.*)$/.exec(line) ?? []
      const key = name.toLowerCase()
      headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`
    }
    rest = rest.slice(headEnd + 4)
    let body = ''
    if (headers['transfer-encoding'] === 'chunked' && !isHead) [body, rest] = readChunks(rest)
    else {
      const length = isHead ? 0 : Number(headers['content-length'] ?? 0)
      body = rest.slice(0, length)
      assert.equal(body.length, length, 'the body is cut')
      rest = rest.slice(length)
    }
    found.push({ status: Number(head[1]), headers, body })
  }
  return found
}

/** RFC 9112 §7.1, and what stands behind it. */
function readChunks(text: string): [body: string, rest: string] {
  let body = ''
  for (let rest = text; ;) {
    const size = /^([0-9a-f]+)\r\n/.exec(rest)
    assert.ok(size !== null, `not a chunk: ${JSON.stringify(rest.slice(0, 100))}`)
    const start = size[0].length
    const end = start + Number.parseInt(size[1] ?? '', 16)
    assert.equal(rest.slice(end, end + 2), '\r\n', 'the chunk is cut')
    body += rest.slice(start, end)
    rest = rest.slice(end + 2)
    if (end === start) return [body, rest]
  }
}

/** One world for a file's tests; give it to them as a function, for it exists only once they run. */
export function sharedWorld(options: WorldOptions = {}): () => World {
  let world: World | undefined
  before(async () => {
    world = await startWorld(options)
  })
  after(() => world?.[Symbol.asyncDispose]())
  return () => {
    assert.ok(world !== undefined)
    return world
  }
}

export const withoutTls = { config: { server: { tls: 'off' } } } as const satisfies WorldOptions

/** Where `sendRaw` connects. */
export function wireTo(world: World): { port: number; ca?: string } {
  return world.url.startsWith('https:') ? { port: world.port, ca: world.ca } : { port: world.port }
}

const tokens = new WeakMap<World, string>()

/** Head of a request that would be answered 200: add lines to it, and end it. */
export async function goodHead(world: World, target = sessionPath, method = 'GET'): Promise<string> {
  const token = await (tokens.get(world) ?? world.workloadToken('triage'))
  tokens.set(world, token)
  return `${method} ${target} HTTP/1.1\r\nHost: gateway.example\r\nAuthorization: Bearer ${token}\r\n`
}

/** Sends, reads until the gateway closes, and takes the answers apart. */
export async function untilClosed(world: World, bytes: string | readonly string[]): Promise<WireAnswer[]> {
  const { text, isClosed } = await sendRaw(bytes, wireTo(world))
  assert.ok(isClosed)
  const first = typeof bytes === 'string' ? bytes : (bytes[0] ?? '')
  return readAnswers(text, first.startsWith('HEAD '))
}

/** No token, no key and no error of the program's own in what a stranger may read. */
export function assertTellsNothing(text: string): void {
  assert.doesNotMatch(text, /eyJ[\w-]{10}|\bat .*:\d+:\d+|node:|node_modules|express|undici/i)
}

/** What every answer carries, and what none does. */
export function assertPlainHeaders(headers: WireAnswer['headers']): void {
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal(headers['server'], undefined)
  assert.equal(headers['x-powered-by'], undefined)
  assert.match(String(headers['request-id']), uuid)
  assert.ok(!Number.isNaN(Date.parse(String(headers['date']))))
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Graph's envelope with this status, our ids in it, and nothing that may be kept. */
export function assertRefusal(answer: WireAnswer | undefined, status: number, code?: string): void {
  assert.ok(answer !== undefined, 'there is no answer')
  assert.equal(answer.status, status)
  const { headers, body } = answer
  assertPlainHeaders(headers)
  assert.equal(headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(headers['cache-control'], 'no-store')
  assert.match(String(headers['proxy-status']), /^session-gateway; error=[a-z_]+$/)
  if (status === 405) assert.equal(headers['allow'], 'GET, HEAD')
  assertTellsNothing(body)
  if (body === '') return
  const { error, ...others } = JSON.parse(body)
  assert.deepEqual(others, {})
  assert.deepEqual(Object.keys(error), ['code', 'message', 'innerError'])
  assert.deepEqual(Object.keys(error.innerError), ['date', 'request-id', 'client-request-id'])
  assert.match(error.code, /^[a-z][A-Za-z]+$/)
  if (code !== undefined) assert.equal(error.code, code)
  assert.match(error.message, /\.$/)
  assert.match(error.innerError.date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/)
  assert.equal(error.innerError['request-id'], headers['request-id'])
  assert.equal(error.innerError['client-request-id'], headers['client-request-id'] ?? headers['request-id'])
}

/** What reached Graph and Entra while `act` ran, and until nothing was under way any more. */
export async function upstreamCalls(world: World, act: () => Promise<unknown>): Promise<number> {
  const { graph, entra } = world.emulator
  const callsBefore = graph.calls + entra.requests.length
  await act()
  await untilQuiet(world)
  return graph.calls + entra.requests.length - callsBefore
}

/** Polls the gauges: an answer can be out while something hidden behind its request still travels. */
export async function untilQuiet(world: World): Promise<void> {
  const quiet = /^session_gateway_requests_in_flight 0$[^]*^session_gateway_graph_trips_in_flight 0$/m
  await until('quiet', async () => quiet.test((await world.manage('/metrics')).body))
}

const patienceMs = 20_000

/** Asks again and again, real answers over real sockets, until it is so; what never comes is an error. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const givesUpAt = performance.now() + patienceMs
  while (!(await isSo())) {
    if (performance.now() > givesUpAt) throw new Error(`it never came: ${what}`)
  }
}

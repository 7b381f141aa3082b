import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { createChain } from '../src/audit/chain.ts'
import { createRecordFormat } from '../src/audit/record.ts'
import { errorCodes } from './error-codes.ts'
import { createMetrics } from '../src/telemetry/index.ts'

const read = (path: string): string => readFileSync(path, 'utf8')

/** What stands in backticks in the first column of a page's tables. */
function firstColumn(page: string): Set<string> {
  const rows = page.split('\n').flatMap((line) => /^\| (`[^|]*) \|/.exec(line)?.[1] ?? [])
  return new Set(rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)))
}

/** Every path in an object, lists passed through: `actor.user.uid`. */
function pathsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => pathsOf(item, path))
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, item]) => pathsOf(item, path === '' ? key : `${path}.${key}`))
}

test('the page on audit records names every field, and no other', () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const chain = createChain(privateKey)
  const format = createRecordFormat({ version: '1', tenantId: 't', hostName: 'h' })
  const repeated = { count: 2, from: 1, until: 2 }
  const link = { chainUid: 'u', sequence: 1, fingerprint: 'f' }
  const lines = [
    chain.seal(
      format.event({ name: 'chain.open', time: 1, uid: 'u', detail: { previous: link, cutBytes: 1 } }, 1),
      true,
    ),
    chain.seal(format.event({ name: 'requests.refused', time: 1, uid: 'u', repeated }, 1)),
    ...[{}, { ip: '127.0.0.1', port: 1 }, { ip: '192.0.2.1', proxies: ['127.0.0.1'] }].map((peer) =>
      chain.seal(
        format.request(
          {
            action: 'read',
            time: 0,
            durationMs: 1,
            requestId: 'a',
            clientRequestId: 'b',
            method: 'GET',
            peer,
            caller: {
              issuer: 'cluster',
              subject: 's',
              tokenId: 't',
              workload: { namespace: 'n', serviceAccount: 'a', pod: 'p', podUid: 'u' },
            },
            asked: { workspaceId: 'default', sessionId: 's', select: null },
            rule: 'r',
            status: 200,
            refusal: { code: 'c', reason: 'r' },
            fate: 'withheld',
            outcome: 'hit',
            graphFailure: 'f',
            trip: { clientRequestId: 'c', requestId: 'r' },
            repeated,
          },
          1,
        ),
      ),
    ),
    chain.seal(
      format.request({ action: 'read', time: 0, durationMs: 1, requestId: 'a', peer: {}, status: 401 }, 1),
    ),
    chain.seal(
      format.request(
        {
          action: 'read',
          time: 0,
          durationMs: 1,
          requestId: 'a',
          peer: {},
          asked: {
            operation: 'prompt.list',
            workspaceId: 'default',
            resources: [{ type: 'session', uid: 's' }],
            select: null,
            isFiltered: true,
            top: 1,
            isNextPage: true,
          },
          status: 200,
          fate: 'cut',
        },
        1,
      ),
    ),
  ]
  const inRecords = new Set(lines.flatMap((line) => pathsOf(JSON.parse(line))))
  assert.deepEqual([...firstColumn(read('docs/reference/audit.md'))].toSorted(), [...inRecords].toSorted())
})

test('the page on operations names every metric, and no other', async () => {
  const zero = (): number => 0
  const metrics = createMetrics({
    inFlight: zero,
    tokensRemembered: zero,
    connections: zero,
    shed: zero,
    connectionsRefused: zero,
    connectionsCut: zero,
    cacheEntries: zero,
    cacheBytes: zero,
    cacheEvictions: zero,
    tripsInTheAir: zero,
    graphCallsInFlight: zero,
    graphWaiting: zero,
    gateShutSeconds: zero,
    auditPendingBytes: zero,
    auditRecords: zero,
    auditBlocked: zero,
    sharedUp: zero,
    ready: zero,
  })
  const { text } = await metrics.expose()
  const exposed = [...text.matchAll(/^# TYPE session_gateway_(\S+)/gm)].map(([, name = '']) => name)
  const page = read('docs/reference/operations.md')
  const table = page.slice(page.indexOf('| metric ('), page.indexOf('Besides, the usual metrics'))
  const named = [...firstColumn(table)].filter((name) => !name.startsWith('session_gateway_'))
  assert.deepEqual(named.toSorted(), exposed.toSorted())
})

test('the page on the HTTP contract names every error code with its status, and no other', () => {
  const inCode = errorCodes()
  const page = read('docs/reference/http.md')
  const onPage = [...page.matchAll(/^\| (\d{3})\s+\| `(\w+)`/gm)].map(
    ([, status, code]) => `${status} ${code}`,
  )
  assert.deepEqual(onPage.toSorted(), [...inCode].toSorted())
})

test('no page links to a file that is not there', () => {
  const pages = [...globSync('*.md'), ...globSync('docs/**/*.md'), ...globSync('helm/*.md')]
  assert.ok(pages.length > 10)
  for (const page of pages) {
    for (const [, link = ''] of read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      assert.ok(existsSync(join(dirname(page), link)), `${page} links to ${link}`)
    }
  }
})

test('the threat model names code and tests that are there', () => {
  const page = read('SECURITY.md')
  const table = page.slice(page.indexOf('| attack'), page.indexOf('## What is not defended'))
  const named = [...table.matchAll(/`((?:test|src|supply-chain)\/[^`]*)`/g)].map(([, path = '']) => path)
  assert.ok(named.length > 20)
  assert.deepEqual(
    named.filter((path) => globSync(path).length === 0),
    [],
  )
  const rooms = [...table.matchAll(/`([a-z]+\/[a-z-]*)`/g)].map(([, path = '']) => path)
  assert.deepEqual(
    rooms.filter((path) => globSync([`src/${path}`, `src/${path}.ts`, path]).length === 0),
    [],
  )
})

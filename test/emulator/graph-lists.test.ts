import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { emulatorAndClient, sessionPath } from './client.ts'
import type { Client, Reply } from './client.ts'

const workspaces = '/beta/security/securityCopilot/workspaces'
const sessions = `${workspaces}/soc/sessions`
const instant = '2025-09-17T01:03:14.07343Z'

function putSessions(client: Client, names: readonly (string | null)[]): void {
  for (const [at, displayName] of names.entries()) {
    const id = `s${at}`
    client.emulator.graph.put('soc', {
      id,
      createdDateTime: instant,
      lastModifiedDateTime: instant,
      displayName,
    })
  }
}

/** Every page, the first one at that path and the rest where each says. */
async function walk(client: Client, path: string): Promise<readonly Reply[]> {
  const pages: Reply[] = []
  let next: string | undefined = client.emulator.url + path
  while (next !== undefined) {
    assert.ok(next.startsWith(`${client.emulator.url}/beta/`), next)
    const page = await client.graph(next.slice(client.emulator.url.length))
    assert.equal(page.status, 200, page.body)
    pages.push(page)
    next = page.json['@odata.nextLink']
  }
  return pages
}

const idsOf = (page: Reply) => page.json.value.map(({ id }: { id: string }) => id)

test('a list longer than a page is linked from page to page, at the host that was asked', async () => {
  await using client = await emulatorAndClient()
  putSessions(client, ['a', 'b', 'c', 'd', 'e'])
  client.emulator.graph.pageSize = 2
  const pages = await walk(client, sessions)
  assert.deepEqual(pages.map(idsOf), [['s0', 's1'], ['s2', 's3'], ['s4']])
  const [first] = pages
  assert.deepEqual(Object.keys(first?.json), ['@odata.context', '@odata.nextLink', 'value'])
  assert.match(
    first?.json['@odata.nextLink'],
    /\/beta\/security\/securityCopilot\/workspaces\('soc'\)\/sessions\?\$skiptoken=[\w-]+$/,
  )
})

test('a link goes on with the options it came from', async () => {
  await using client = await emulatorAndClient()
  putSessions(client, ['x 1', 'y', 'x 2', 'x 3'])
  const path = `${sessions}?top=1&COUNT=true&$filter=contains(displayName,'x ')&$select=displayName,id`
  const pages = await walk(client, path)
  assert.deepEqual(pages.map(idsOf), [['s0'], ['s2'], ['s3']])
  for (const { json } of pages) {
    assert.equal(json['@odata.count'], 3)
    assert.match(json['@odata.context'], /sessions\(displayName,id\)$/)
    assert.deepEqual(Object.keys(json.value[0]), ['id', 'displayName'])
  }
})

test('pages together are the list, whatever their size and whatever $top asks', async () => {
  await using client = await emulatorAndClient()
  putSessions(
    client,
    Array.from({ length: 12 }, () => null),
  )
  const size = fc.integer({ min: 1, max: 14 })
  await fc.assert(
    fc.asyncProperty(size, fc.option(size), async (pageSize, top) => {
      client.emulator.graph.pageSize = pageSize
      const pages = await walk(client, top === null ? sessions : `${sessions}?$top=${top}`)
      assert.deepEqual(
        pages.flatMap(idsOf),
        Array.from({ length: 12 }, (_, at) => `s${at}`),
      )
      assert.equal(pages.length, Math.ceil(12 / Math.min(pageSize, top ?? pageSize)))
    }),
    { numRuns: 30 },
  )
})

test('$top=0 is an empty page that leads nowhere, and still counts', async () => {
  await using client = await emulatorAndClient()
  putSessions(client, ['a'])
  const { json } = await client.graph(`${sessions}?$top=0&$count=true`)
  assert.deepEqual([json['@odata.count'], json['@odata.nextLink'], json.value], [1, undefined, []])
})

test('a link may be told to lead to another host, and to come last', async () => {
  await using client = await emulatorAndClient()
  putSessions(client, ['a', 'b'])
  const { graph } = client.emulator
  graph.nextLinkOrigin = 'https://evil.example'
  graph.isNextLinkLast = true
  const { json } = await client.graph(`${sessions}?$top=1`)
  assert.match(json['@odata.nextLink'], /^https:\/\/evil\.example\/beta\/security\//)
  assert.deepEqual(Object.keys(json), ['@odata.context', 'value', '@odata.nextLink'])
})

test('a skip token is of use with its own list and its own options only', async () => {
  await using client = await emulatorAndClient()
  putSessions(client, ['a', 'b', 'c'])
  const { json } = await client.graph(`${sessions}?$top=1`)
  const skiptoken = new URL(json['@odata.nextLink']).searchParams.get('$skiptoken') ?? ''
  assert.equal((await client.graph(`${sessions}?$top=1&skiptoken=${skiptoken}`)).status, 200)
  const refused = [
    `${sessions}?$skiptoken=${skiptoken}`,
    `${sessions}?$top=2&$skiptoken=${skiptoken}`,
    `${sessions}?$top=1&$select=id&$skiptoken=${skiptoken}`,
    `${sessions}?$top=1&$filter=id eq 's1'&$skiptoken=${skiptoken}`,
    `${sessions}?$top=1&$count=true&$skiptoken=${skiptoken}`,
    `${workspaces}/default/sessions?$top=1&$skiptoken=${skiptoken}`,
    `${workspaces}/soc/plugins?$top=1&$skiptoken=${skiptoken}`,
    `${sessions}?$top=1&$skiptoken=${skiptoken}!`,
    `${sessions}?$top=1&$skiptoken=${skiptoken.slice(0, -4)}`,
    `${sessions}?$top=1&$skiptoken=x`,
    `${sessions}?$top=1&$skiptoken=`,
  ]
  for (const path of refused) {
    const { status, json: answer } = await client.graph(path)
    assert.deepEqual([status, answer.error?.message], [400, 'The specified skip token is not valid.'], path)
  }
  assert.equal((await client.graph(`${sessionPath}?$skiptoken=${skiptoken}`)).status, 400)
})

test('a filter finds the name it was given, quotes and all', async () => {
  await using client = await emulatorAndClient()
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), async (name) => {
      putSessions(client, [name, `${name}'`, null])
      const quoted = encodeURIComponent(name.replaceAll("'", "''"))
      const equal = await client.graph(`${sessions}?$filter=displayName%20eq%20%27${quoted}%27`)
      assert.deepEqual(idsOf(equal), ['s0'])
      const containing = await client.graph(`${sessions}?$filter=contains(displayName,%27${quoted}%27%27%27)`)
      assert.deepEqual(idsOf(containing), name.includes(`${name}'`) ? ['s0', 's1'] : ['s1'])
    }),
    { numRuns: 40 },
  )
})

const plugins = `${workspaces}/default/plugins`
const filters = [
  ["name+eq+'Entra'", ['Entra']],
  ["NAME EQ 'Entra'", ['Entra']],
  ["name eq 'entra'", []],
  ["contains( name , 'e' ) and isEnabled eq true", ['SentinelKQL']],
  ['isEnabled eq false', []],
  ["displayName eq 'Microsoft Entra' and contains(name,'E') and isEnabled eq TRUE", ['Entra']],
  ['displayName eq null', []],
] as const
for (const [filter, names] of filters) {
  test(`$filter=${filter} finds ${names.length === 0 ? 'nothing' : names.join(', ')}`, async () => {
    await using client = await emulatorAndClient()
    const { json } = await client.graph(`${plugins}?$filter=${filter}`)
    assert.deepEqual(
      json.value.map(({ name }: { name: string }) => name),
      names,
    )
  })
}

const refusedFilters = [
  ['', "Invalid filter clause: Syntax error at position 0 in ''."],
  ["name eq 'a' or name eq 'b'", 'Syntax error at position 0'],
  ["name eq 'a' and", 'Syntax error at position 0'],
  ["name eq 'a' and  and", 'Syntax error at position 17'],
  ["name eq 'a", 'Syntax error'],
  ["name eq 'a''", 'Syntax error'],
  ["name ne 'a'", 'Syntax error'],
  ["startswith(name,'a')", 'Syntax error'],
  [
    "contains(displayName,'a')",
    "Unsupported or invalid query filter clause specified for property 'displayName'",
  ],
  ["category eq 'other'", "for property 'category' of resource 'plugin'."],
  ["owner eq 'x'", "Could not find a property named 'owner' on type"],
  ["isEnabled eq 'true'", "Found operand types 'Edm.Boolean' and 'Edm.String' for operator kind 'Equal'."],
  ['name eq true', "Found operand types 'Edm.String' and 'Edm.Boolean' for operator kind 'Equal'."],
] as const
for (const [filter, message] of refusedFilters) {
  test(`$filter=${filter} is a bad request`, async () => {
    await using client = await emulatorAndClient()
    const { status, json } = await client.graph(`${plugins}?$filter=${filter}`)
    assert.deepEqual([status, json.error.code], [400, 'BadRequest'])
    assert.ok(json.error.message.includes(message), json.error.message)
  })
}

for (const option of ['$top=-1', '$top=1.5', '$top=', '$top=many', '$count=1', '$count=', '$top=1&top=1']) {
  test(`?${option} is a bad request`, async () => {
    await using client = await emulatorAndClient()
    const { status, json } = await client.graph(`${plugins}?${option}`)
    assert.deepEqual([status, json.error.code], [400, 'BadRequest'])
  })
}

test('a megabyte is one chunked answer, compressed for who accepts that', async () => {
  await using client = await emulatorAndClient()
  putSessions(
    client,
    Array.from({ length: 3_000 }, (_, at) => `${at}`.padEnd(220, ' .')),
  )
  client.emulator.graph.pageSize = 3_000
  const { json, body, headers } = await client.graph(sessions)
  assert.ok(body.length > 1_000_000, `${body.length}`)
  assert.deepEqual([json.value.length, headers['transfer-encoding']], [3_000, 'chunked'])
  const compressed = await client.graph(sessions, { headers: { 'accept-encoding': 'gzip' } })
  assert.equal(compressed.headers['content-encoding'], 'gzip')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emulatorAndClient, sessionId, sessionPath } from './client.ts'

const workspaces = '/beta/security/securityCopilot/workspaces'
const workspace = `${workspaces}/default`
const promptId = '76a9b8c6-6656-4ef4-a4c7-7ed07fb93e01'
const evaluationId = '5bde1164-29a3-4dfb-84b0-b6c0cf0e23b7'
const prompt = `${sessionPath}/prompts/${promptId}`
const context = 'https://graph.microsoft.com/beta/$metadata#security/securityCopilot/workspaces'
const inSession = `${context}('default')/sessions('${sessionId}')`

interface Read {
  readonly what: string
  readonly path: string
  readonly context: string
  /** Of the entity, or of the list's first member. */
  readonly key: Readonly<Record<string, string>>
  readonly options: readonly string[]
}

const documentedPrompt = {
  id: promptId,
  type: 'prompt',
  createdDateTime: '2025-10-22T20:12:13.759634Z',
  lastModifiedDateTime: '2025-10-22T20:12:57.8775792Z',
  skillName: null,
  content: 'who am I',
  inputs: { keyValuePairs: [] },
  skillInputDescriptors: [],
}

const all = ['$count=true', '$filter=1', '$select=1', '$top=1']
const alone = ['$select=1']
const reads: readonly Read[] = [
  {
    what: 'workspaces',
    path: workspaces,
    context,
    key: { id: 'default' },
    options: all.filter((option) => option !== '$top=1'),
  },
  {
    what: 'plugins',
    path: `${workspace}/plugins`,
    context: `${context}('default')/plugins`,
    key: { name: 'Entra' },
    options: all,
  },
  {
    what: 'sessions',
    path: `${workspace}/sessions`,
    context: `${context}('default')/sessions`,
    key: { id: sessionId },
    options: all,
  },
  {
    what: 'one session',
    path: sessionPath,
    context: `${context}('default')/sessions/$entity`,
    key: { id: sessionId },
    options: alone,
  },
  {
    what: 'prompts',
    path: `${sessionPath}/prompts`,
    context: `${inSession}/prompts`,
    key: { id: promptId },
    options: all,
  },
  {
    what: 'one prompt',
    path: prompt,
    context: `${inSession}/prompts/$entity`,
    key: { id: promptId },
    options: alone,
  },
  {
    what: 'evaluations',
    path: `${prompt}/evaluations`,
    context: `${inSession}/prompts('${promptId}')/evaluations`,
    key: { id: evaluationId },
    options: all,
  },
  {
    what: 'one evaluation',
    path: `${prompt}/evaluations/${evaluationId}`,
    context: `${inSession}/prompts('${promptId}')/evaluations/$entity`,
    key: { id: evaluationId },
    options: alone,
  },
]

/** The same place with every key in parentheses and every name in capitals. */
function shouted(path: string): string {
  const [, , security = '', copilot = '', ...rest] = path.split('/')
  const names = rest.flatMap((name, at) => {
    if (at % 2 === 1) return []
    const key = rest[at + 1]
    return [key === undefined ? name.toUpperCase() : `${name.toUpperCase()}('${key}')`]
  })
  return ['/beta', security.toUpperCase(), copilot.toUpperCase(), ...names].join('/')
}

for (const read of reads) {
  const [[keyName, keyValue] = ['', '']] = Object.entries(read.key)
  const selecting = read.options.map((option) => (option === '$select=1' ? `$select=${keyName}` : option))
  const options = selecting.map((option) =>
    option === '$filter=1' ? `$filter=${keyName} eq '${keyValue}'` : option,
  )

  test(`${read.what}: read in either spelling, in the context that Graph names`, async () => {
    await using client = await emulatorAndClient()
    const [plain, loud] = [await client.graph(read.path), await client.graph(shouted(read.path))]
    assert.deepEqual([plain.status, loud.body], [200, plain.body])
    assert.equal(plain.json['@odata.context'], read.context)
    const entity = plain.json.value?.[0] ?? plain.json
    assert.equal(entity[keyName], keyValue)
  })

  test(`${read.what}: ${options.join(', ')} and no other option`, async () => {
    await using client = await emulatorAndClient()
    for (const option of options) {
      assert.equal((await client.graph(`${read.path}?${option}`)).status, 200, option)
      assert.equal((await client.graph(`${read.path}?${option.slice(1)}`)).status, 200, option.slice(1))
    }
    assert.equal((await client.graph(`${read.path}?${options.join('&')}`)).status, 200)
    const names = [
      '$count',
      '$filter',
      '$select',
      '$top',
      '$expand',
      '$orderby',
      '$skip',
      '$search',
      'whatif',
    ]
    for (const name of names.filter((known) => !options.some((option) => option.startsWith(known)))) {
      const { status, json } = await client.graph(`${read.path}?${name}=1`)
      assert.equal(status, 400, name)
      assert.ok(json.error.message.endsWith(`Query option '${name}' is not allowed.`), json.error.message)
    }
  })

  test(`${read.what}: nobody writes there, and nobody reads without the role`, async () => {
    await using client = await emulatorAndClient()
    for (const method of ['POST', 'PATCH', 'DELETE'] as const) {
      const { status, headers } = await client.graph(read.path, { method })
      assert.deepEqual([status, headers['allow']], [405, 'GET'])
    }
    client.emulator.entra.roles = []
    assert.equal((await client.graph(read.path)).status, 403)
  })
}

test('a prompt and an evaluation are answered as documented, in that order', async () => {
  await using client = await emulatorAndClient()
  const { '@odata.context': _, ...seen } = (await client.graph(prompt)).json
  assert.equal(JSON.stringify(seen), JSON.stringify(documentedPrompt))
  const evaluations = await client.graph(`${prompt}/evaluations`)
  assert.deepEqual(
    evaluations.json.value.map((evaluation: { completedDateTime: string }) => evaluation.completedDateTime),
    ['2025-10-22T22:01:11.2594216Z', '0001-01-01T00:00:00Z'],
  )
  assert.deepEqual(Object.keys(evaluations.json.value[0]), [
    'id',
    'createdDateTime',
    'runStartDateTime',
    'completedDateTime',
    'lastModifiedDateTime',
    'state',
    'executionCount',
    'isCancelled',
    'result',
  ])
})

test('a list may end in a slash, one member may not', async () => {
  await using client = await emulatorAndClient()
  assert.equal((await client.graph(`${prompt}/evaluations/`)).json.value.length, 2)
  assert.equal((await client.graph(`${prompt}/`)).status, 400)
})

test('what lies in nothing is not found, what is empty is an empty list', async () => {
  await using client = await emulatorAndClient()
  const absent = [
    `${workspaces}/none/sessions`,
    `${workspaces}/none/plugins`,
    `${workspace}/sessions/none/prompts`,
    `${sessionPath}/prompts/none`,
    `${sessionPath}/prompts/none/evaluations`,
    `${prompt}/evaluations/none`,
    `${workspaces}/17aafe23-ab95-3b37-9546-56dec5ac0218/sessions/${sessionId}/prompts`,
  ]
  for (const path of absent) {
    const { status, json } = await client.graph(path)
    assert.deepEqual([status, json.error?.code], [404, 'ResourceNotFound'], path)
  }
  const empty = await client.graph(`${workspace}/sessions/2f5b8a1e-9c34-4d27-8e60-71d3b0a4c915/prompts`)
  assert.deepEqual([empty.status, empty.json.value], [200, []])
})

test('a prompt may say anything, and stays one string', async () => {
  await using client = await emulatorAndClient()
  const { json, body } = await client.graph(`${sessionPath}/prompts`)
  const [, odd] = json.value
  assert.match(odd.content, /🕵️:\r\n\t\{"@odata\.nextLink":"https:\/\/evil\.example\/","value":\[\]\}\n/)
  assert.ok(body.includes(String.raw`{\"@odata.nextLink\":\"https://evil.example/\"`))
  assert.equal('@odata.nextLink' in json, false)
})

test('sessions, plugins, prompts and evaluations can be put, and stay where they are when the session changes', async () => {
  await using client = await emulatorAndClient()
  const { graph } = client.emulator
  const session = { id: 's', createdDateTime: 'x', lastModifiedDateTime: 'y', displayName: null }
  graph.put('new', session)
  graph.putPrompt('new', 's', { ...documentedPrompt, type: 'skill', content: 'more' })
  graph.putPlugin('new', (await client.graph(`${workspace}/plugins`)).json.value[0])
  const [evaluation] = (await client.graph(`${prompt}/evaluations`)).json.value
  graph.putEvaluation('new', 's', promptId, { ...evaluation, executionCount: 7 })
  graph.put('new', { ...session, displayName: 'changed' })
  assert.equal((await client.graph(`${workspaces}/new/sessions`)).json.value[0].displayName, 'changed')
  assert.equal((await client.graph(`${workspaces}/new/sessions/s/prompts`)).json.value[0].content, 'more')
  assert.equal((await client.graph(`${workspaces}/new/plugins`)).json.value[0].name, 'Entra')
  const path = `${workspaces}/new/sessions/s/prompts/${promptId}/evaluations/${evaluationId}`
  assert.equal((await client.graph(path)).json.executionCount, 7)
  assert.deepEqual((await client.graph(workspaces)).json.value.at(-1), { id: 'new', displayName: null })
  graph.remove('new', 's')
  assert.equal((await client.graph(path)).status, 404)
  assert.throws(() => graph.putEvaluation('new', 's', promptId, evaluation), {
    message: `there is no new / s / ${promptId} to put it in`,
  })
})

test('tips name an example of the same kind', async () => {
  await using client = await emulatorAndClient()
  const headers = { prefer: 'ms-graph-dev-mode' }
  const tips = async (path: string) => (await client.graph(path, { headers })).json['@microsoft.graph.tips']
  const expected = [
    [sessionPath, "workspaces('<key>')/sessions('<guid>')?$select=createdDateTime,displayName"],
    [`${workspace}/plugins`, "workspaces('<key>')/plugins?$select=authorization,catalogScope"],
    [prompt, "workspaces('<key>')/sessions('<guid>')/prompts('<guid>')?$select=content,createdDateTime"],
  ] as const
  for (const [path, example] of expected) {
    const tip = await tips(path)
    assert.ok(tip.endsWith(`. For example: GET security/securityCopilot/${example}`), tip)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readNames } from '../../src/config/schema-callers.ts'
import { resources } from '../../src/session/index.ts'
import { config, problems, valid } from './written.ts'

const withRule = (lines: string): string => `${valid}    ${lines}\n`
const anyWorkspace = valid.replace('workspaces: [default]', 'workspaces: ["*"]')
const plain = valid.replace(/tls: \{[^}]*\}/, 'tls: off')

test('a rule can name each read that is documented, and no other', async () => {
  assert.deepEqual([...readNames].toSorted(), Object.keys(resources).toSorted())
  const { access } = await config([`${anyWorkspace}    reads: [${readNames.join(', ')}]\n`])
  assert.deepEqual(access[0]?.reads, readNames)
  const [problem = ''] = await problems([withRule('reads: [session, seesions]')])
  assert.match(problem, /^access\.triage\.reads\[1\]: /)
  assert.match((await problems([withRule('reads: []')])).join(), /^access\.triage\.reads: /)
})

test('a rule with select grants one session at a time, or is refused', async () => {
  assert.deepEqual(await problems([withRule('reads: [session]\n    select: [id]')]), [])
  for (const read of readNames.filter((name) => name !== 'session' && name !== 'workspaces')) {
    assert.deepEqual(await problems([withRule(`reads: [session, ${read}]\n    select: [id]`)]), [
      `access.triage.reads: goes round select: ${read} would show what select leaves out. Make it a rule of its own`,
    ])
  }
})

test('the list of workspaces is for rules of every workspace', async () => {
  assert.deepEqual(await problems([`${anyWorkspace}    reads: [workspaces]\n`]), [])
  assert.deepEqual(await problems([withRule('reads: [workspaces]')]), [
    'access.triage.reads: the list of workspaces names all of them: it needs workspaces: ["*"]',
  ])
})

test('a rule with admin reads nothing', async () => {
  const admin = valid.replace('workspaces: [default]', 'admin: [purge]')
  assert.match(
    (await problems([`${admin}    reads: [session]\n`])).join(),
    /^access\.triage\.reads: is about reading/,
  )
})

test('where TLS ends in front, links to next pages need server.publicUrl', async () => {
  const missing = [
    'server.publicUrl: is needed: a rule grants lists, whose links to next pages begin with it, and with server.tls: off nobody else knows',
  ]
  const lists = readNames.filter((name) => resources[name].isList && name !== 'workspaces')
  for (const read of lists) assert.deepEqual(await problems([`${plain}    reads: [${read}]\n`]), missing)
  const known = plain.replace('server: {', 'server: { publicUrl: "https://sessions.example",')
  const onLoopback = plain.replace('server: {', 'server: { listen: "127.0.0.1:8080",')
  for (const good of [known, onLoopback, valid]) {
    assert.deepEqual(await problems([`${good}    reads: [sessions]\n`]), [])
  }
  for (const read of ['session', 'prompt', 'evaluation']) {
    assert.deepEqual(await problems([`${plain}    reads: [${read}]\n`]), [])
  }
})

test('server.publicUrl is an https origin', async () => {
  for (const url of ['http://sessions.example', 'https://sessions.example/api', 'sessions.example']) {
    const written = valid.replace('server: {', `server: { publicUrl: "${url}",`)
    assert.match((await problems([written])).join(), /^server\.publicUrl: .*an https origin/)
  }
})

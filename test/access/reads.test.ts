import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sessionPath, startWorld, type World, workspacePath } from '../world/world.ts'

const root = workspacePath.replace('/default', '')
const sessions = `${workspacePath}/sessions`
const prompts = `${sessionPath}/prompts`

describe('whose rules do not name a read', () => {
  let world: World
  before(async () => {
    world = await startWorld({
      config: { access: { triage: { reads: ['sessions'], workspaces: ['default'] } } },
    })
  })
  after(() => world[Symbol.asyncDispose]())

  for (const [who, path, status, message] of [
    ['triage', sessions, 200, undefined],
    ['triage', sessionPath, 403, /has "session" among its reads/],
    ['triage', prompts, 403, /has "prompts" among its reads/],
    ['triage', `${root}/other/sessions`, 403, /no access rule lets it read this workspace/],
    ['triage', root, 403, /no access rule lets it read this workspace/],
    ['wallboard', sessions, 403, /has "sessions" among its reads/],
    ['wallboard', `${sessionPath}?$select=id`, 200, undefined],
    ['wallboard', `${sessions}?$select=id`, 403, /has "sessions" among its reads/],
    ['ops', sessions, 403, /no access rule/],
    ['intern', sessions, 403, /no access rule/],
  ] as const) {
    test(`${who} gets ${status} for ${path}`, async () => {
      const calls = world.emulator.graph.calls
      const reply = await world.ask(path, { token: await world.workloadToken(who) })
      assert.equal(reply.status, status)
      if (message === undefined) return
      assert.match(reply.json.error.message, message)
      assert.equal(world.emulator.graph.calls, calls)
    })
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parsePurgeRequest, parseReadRequest, sessionKey, sessionKeys } from '../../src/session/index.ts'

const sessionId = 'ecdfb9b3-58f5-457f-a18c-4a477890b252'
const guid = '17aafe23-ab95-3b37-9546-56dec5ac0218'

test('what is purged is everything, a workspace, or a session of it, by the ids of reads', () => {
  const cases: readonly (readonly [target: string, workspaceId: string | null, sessionId: string | null])[] =
    [
      ['/cache', null, null],
      ['/CACHE', null, null],
      ['/cache/workspaces/default', 'default', null],
      ['/cache/Workspaces/Own-Name', 'Own-Name', null],
      [`/cache/workspaces/${guid.toUpperCase()}`, guid, null],
      [`/cache/workspaces/default/sessions/${sessionId.toUpperCase()}`, 'default', sessionId],
      [`/cache/workspaces/d%65fault/Sessions/${sessionId}`, 'default', sessionId],
    ]
  for (const [target, workspaceId, session] of cases) {
    assert.deepEqual(parsePurgeRequest(target), { workspaceId, sessionId: session }, target)
  }
})

test('anything else purges nothing', () => {
  for (const target of [
    '',
    '/',
    'cache',
    '/caches',
    '/cache/',
    '//cache',
    '/cache/workspaces',
    '/cache/workspaces/',
    '/cache/workspaces//sessions',
    '/cache/default',
    '/cache/workspaces/default/',
    '/cache/workspaces/default/sessions',
    '/cache/workspaces/default/sessions/',
    `/cache/workspaces/default/${sessionId}`,
    `/cache/workspaces/default/sessions/${sessionId}/`,
    `/cache/workspaces/default/sessions/${sessionId}/prompts`,
    '/cache/workspaces/default/sessions/x',
    `/cache/workspaces//sessions/${sessionId}`,
    '/cache/workspaces/a%2fb',
    '/cache/workspaces/..',
    '/cache/workspaces/*',
    '/cache?',
    '/cache?workspace=default',
    '/cache#x',
    'https://x/cache',
  ]) {
    assert.throws(() => parsePurgeRequest(target), /./, target)
  }
  assert.throws(() => parsePurgeRequest('/cache?all=true'), { status: 400, message: /no query/ })
  assert.throws(() => parsePurgeRequest('/cache/default'), { status: 404, message: /\/cache\/workspaces\// })
})

test('the keys of a session are those that questions about it have, all of them, each once', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,5}$/), {
    minLength: 1,
    maxLength: 8,
    selector: (name) => name.toLowerCase(),
  })
  fc.assert(
    fc.property(names, fc.infiniteStream(fc.boolean()), (selectable, coins) => {
      const keys = sessionKeys(`default/${sessionId}`, selectable)
      assert.deepEqual([keys.length, new Set(keys).size], [2 ** selectable.length, 2 ** selectable.length])
      const path = `/beta/security/securityCopilot/workspaces/default/sessions/${sessionId}`
      const chosen = selectable.toReversed().filter(() => coins.next().value)
      const query = chosen.length === 0 ? '' : `?$select=${chosen.join(',')}`
      const request = parseReadRequest(path + query, selectable)
      assert.ok(request.read === 'session' && keys.includes(sessionKey(request)))
      for (const key of keys) assert.ok(key.startsWith('default/'))
    }),
  )
})

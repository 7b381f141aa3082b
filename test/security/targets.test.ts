import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answers, sendRaw } from '../world/raw.ts'
import { sessionId, sessionPath, workspacePath } from '../world/world.ts'
import {
  assertRefusal,
  goodHead,
  readAnswers,
  sharedWorld,
  upstreamCalls,
  type WireAnswer,
  wireTo,
  withoutTls,
} from './wire.ts'

const root = '/beta/security/securityCopilot'

const refused: readonly (readonly [what: string, target: string, status: 400 | 404])[] = [
  ['an encoded slash', `${workspacePath}/sessions%2F${sessionId}`, 400],
  ['an encoded slash in upper case, in quotes', `${root}/workspaces('a%2Fb')/sessions/${sessionId}`, 400],
  ['a dot segment', `${root}/./workspaces/default/sessions/${sessionId}`, 400],
  ['two dots', `${root}/workspaces/other/../default/sessions/${sessionId}`, 400],
  ['two dots at the start', `/..${sessionPath}`, 400],
  ['two dots at the end', `${sessionPath}/..`, 400],
  ['encoded dots', `${root}/workspaces/other/%2e%2E/default/sessions/${sessionId}`, 400],
  ['half encoded dots', `${root}/workspaces/other/.%2e/default/sessions/${sessionId}`, 400],
  ['an encoded dot segment', `${root}/%2e/workspaces/default/sessions/${sessionId}`, 400],
  ['dots with a matrix parameter', `${root}/workspaces/..;/sessions/${sessionId}`, 400],
  ['a backslash', `${root}\\workspaces\\default\\sessions\\${sessionId}`, 400],
  ['a backslash in the query', `${sessionPath}?$select=id\\`, 400],
  ['an encoded backslash', `${workspacePath}%5Csessions/${sessionId}`, 400],
  ['a NUL', `${sessionPath}\0`, 400],
  ['an encoded NUL', `${sessionPath}%00`, 400],
  ['double encoding', `${workspacePath}/sessions%252F${sessionId}`, 400],
  ['a doubly encoded letter', `${root}/workspaces/%2564efault/sessions/${sessionId}`, 400],
  ['the absolute form with our host', `http://gateway.example${sessionPath}`, 400],
  ['the absolute form over https', `https://gateway.example${sessionPath}`, 400],
  ['the absolute form with another host', `https://evil.example${sessionPath}`, 400],
  ['an absolute form that is cut', 'http://[', 400],
  ['a user in the target', `@evil.example${sessionPath}`, 400],
  ['the authority form', 'gateway.example:443', 400],
  ['an asterisk', '*', 400],
  ['a fragment', `${sessionPath}#x`, 400],
  ['a fragment before the query', `${sessionPath}#?$select=id`, 400],
  ['two slashes at the start', `/${sessionPath}`, 400],
  ['two slashes and a host', `//evil.example${sessionPath}`, 400],
  ['two slashes inside', `${workspacePath}//sessions/${sessionId}`, 400],
  ['a query without a path', '?$select=id', 400],
  ['no target at all', '', 400],
  ['a space in the target', `${sessionPath}?$select=id, displayName`, 400],
  ['a tab in the target', `${sessionPath}?$select=id,\tdisplayName`, 400],
  ['a CR in the target', `${sessionPath}\rX: y`, 400],
  ['a byte of 0x80', `${sessionPath}\x80`, 400],
  ['UTF-8 that is not encoded', `${root}/workspaces/d\xc3\xa9faut/sessions/${sessionId}`, 400],
  ['DEL', `${sessionPath}\x7f`, 400],
  ['a percent sign alone', `${sessionPath}%`, 400],
  ['a percent-encoding that is none', `${root}/workspaces/%zz/sessions/${sessionId}`, 400],
  ['a percent-encoding that is none, outside the API', '/%zz', 400],
  ['a percent-encoding that is none, in the query', `${sessionPath}?$select=%zz`, 400],
  ['bytes that are not UTF-8', `${root}/workspaces/%ff/sessions/${sessionId}`, 400],
  ['an overlong slash', `${root}/workspaces/a%c0%afb/sessions/${sessionId}`, 400],
  ['bytes that are not UTF-8, in the query', `${sessionPath}?$select=id%ff`, 400],
  ['more than 2,048 characters', `${sessionPath}?$select=`.padEnd(2_049, 'i'), 400],
  ['more than 8,000 characters', '/'.padEnd(8_001, 'a'), 400],
  ['another option', `${sessionPath}?$expand=prompts`, 400],
  ['a trailing slash', `${sessionPath}/`, 404],
  ['an encoded question mark', `${sessionPath}%3F$select=id`, 400],
  ['the root', '/', 404],
  ['a metrics path', '/metrics', 404],
  ['another API of Graph', `/beta/users/${sessionId}`, 404],
  ['evaluations of a session', `${sessionPath}/evaluations`, 404],
  ['a workspace alone', workspacePath, 404],
  ['v1.0', sessionPath.replace('beta', 'v1.0'), 404],
  ['v1.0 with an encoded dot', sessionPath.replace('beta', 'v1%2E0'), 404],
]

for (const [tls, options] of [
  ['over TLS', {}],
  ['without TLS', withoutTls],
] as const) {
  describe(`${tls}, a target with a second meaning never reaches Graph:`, () => {
    const world = sharedWorld(options)

    async function ask(target: string, method = 'GET'): Promise<WireAnswer | undefined> {
      const head = await goodHead(world(), target, method)
      const { text } = await sendRaw(`${head}\r\n`, { ...wireTo(world()), until: answers(1) })
      return readAnswers(text)[0]
    }

    for (const [what, target, status] of refused) {
      test(`${what} is ${status}`, async () => {
        const calls = await upstreamCalls(world(), async () => assertRefusal(await ask(target), status))
        assert.equal(calls, 0)
      })
    }

    test('v1.0 is told where the API is', async () => {
      const answer = await ask(sessionPath.replace('beta', 'v1.0'))
      assert.match(
        JSON.parse(answer?.body ?? '').error.message,
        /the API is in \/beta, and not in \/v1\.0\.$/,
      )
    })

    test('a target of exactly 2,048 characters is answered', async () => {
      // `,id` has three characters, and encoding a letter adds two: so any length can be met.
      const shortest = `${sessionPath}?$select=id`
      const encoded = [0, 2, 1][(2_048 - shortest.length) % 3] ?? 0
      const start = shortest.replace('/beta', ['/beta', '/%62eta', '/%62%65ta'][encoded] ?? '')
      const target = start + ',id'.repeat((2_048 - start.length) / 3)
      assert.equal(target.length, 2_048)
      assert.equal((await ask(target))?.status, 200)
      assertRefusal(await ask(`${target}x`), 400)
    })

    test('letters that need no encoding mean the same with it', async () => {
      await world().ask()
      const calls = await upstreamCalls(world(), async () => {
        const encoded = sessionPath.replace(/[a-z]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)
        const answer = await ask(encoded)
        assert.equal(answer?.status, 200)
        assert.match(String(answer?.headers['cache-status']), /; hit;/)
      })
      assert.equal(calls, 0)
    })
  })
}

describe('what is wrong with a target', () => {
  const world = sharedWorld()

  test('is told before anybody is asked who is calling', async () => {
    for (const path of [`${sessionPath}%00`, '/v1.0/me', '/elsewhere']) {
      const { status } = await world().ask(path, { token: null })
      assert.ok(status === 400 || status === 404, `${path}: ${status}`)
    }
  })

  test('is told of sessions to those only who say who they are', async () => {
    for (const path of [sessionPath, `${sessionPath}/prompts`, `${sessionPath}?$expand=x`]) {
      assert.equal((await world().ask(path, { token: null })).status, 401, path)
    }
  })
})

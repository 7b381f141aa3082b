import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { GatewayError } from '../../src/errors.ts'
import {
  assertSaneTarget,
  graphTarget,
  parseReadRequest,
  sessionKey,
  type SessionRequest,
} from '../../src/session/index.ts'
import { anyText, selectable, sessionRequest, spelling } from './spellings.ts'

function parse(target: string): SessionRequest {
  const request = parseReadRequest(target, selectable)
  assert.ok(request.read === 'session')
  return request
}

test('every spelling of a question is the same request, with the same key and the same target at Graph', () => {
  const cases = sessionRequest.chain((request) => fc.tuple(fc.constant(request), spelling(request)))
  fc.assert(
    fc.property(cases, ([request, target]) => {
      assertSaneTarget(target)
      const parsed = parse(target)
      assert.deepEqual(parsed, request)
      assert.equal(sessionKey(parsed), sessionKey(request))
      assert.equal(graphTarget(parsed), graphTarget(request))
    }),
    { numRuns: 2_000 },
  )
})

test('two questions that differ in workspace, session or properties never share a key or a target', () => {
  // Often alike in all but one of the three, which is where keys collide.
  const pair = fc
    .tuple(sessionRequest, sessionRequest, fc.subarray(['workspaceId', 'sessionId', 'select'] as const))
    .map(([one, other, same]): [SessionRequest, SessionRequest] => [
      one,
      { ...other, ...Object.fromEntries(same.map((part) => [part, one[part]])) },
    ])
  fc.assert(
    fc.property(pair, ([one, other]) => {
      const isSame = isDeepStrictEqual(one, other)
      assert.equal(sessionKey(one) === sessionKey(other), isSame)
      assert.equal(graphTarget(one) === graphTarget(other), isSame)
    }),
    { numRuns: 2_000 },
  )
})

test('all sixteen choices of properties have keys of their own, and "everything" is none of them', () => {
  const asked = { workspaceId: 'default', sessionId: 'ecdfb9b3-58f5-457f-a18c-4a477890b252' }
  const choices = [
    null,
    ...Array.from({ length: 15 }, (_, bits) => selectable.filter((_name, at) => (bits + 1) & (1 << at))),
  ]
  const keys = choices.map((select) => sessionKey({ ...asked, select: select?.toSorted() ?? null }))
  assert.equal(new Set(keys).size, 16)
})

test('any text is either refused with 400 or 404, or means one thing that Graph’s target says again', () => {
  let understood = 0
  fc.assert(
    fc.property(anyText, (target) => {
      let parsed: SessionRequest
      try {
        parsed = parse(target)
      } catch (error) {
        assert.ok(error instanceof GatewayError, String(error))
        assert.ok(error.status === 400 || error.status === 404)
        return
      }
      understood += 1
      const canonical = graphTarget(parsed)
      assert.match(
        canonical,
        /^\/beta\/security\/securityCopilot\/workspaces\/[\w-]{1,64}\/sessions\/[0-9a-f-]{36}(\?\$select=[A-Za-z,]+)?$/,
      )
      assert.doesNotThrow(() => assertSaneTarget(canonical))
      assert.deepEqual(parse(canonical), parsed)
      assert.equal(graphTarget(parse(canonical)), canonical)
    }),
    { numRuns: 5_000 },
  )
  assert.ok(understood > 100, `only ${understood} were understood: the generator proves nothing`)
})

test('any text passes the check of its form or is refused with 400, and what passes is plain', () => {
  fc.assert(
    fc.property(anyText, (target) => {
      try {
        assertSaneTarget(target)
      } catch (error) {
        assert.ok(error instanceof GatewayError, String(error))
        assert.equal(error.status, 400)
        return
      }
      assert.match(target, /^\/(?!\/)[!-~]*$/)
      assert.doesNotMatch(target, /[\\#]/)
      const segments = (target.split('?', 1)[0] ?? '').split('/').slice(1)
      for (const segment of segments) assert.doesNotMatch(segment, /^(\.|%2e){1,2}$|%(2f|5c|00|25)/i)
    }),
    { numRuns: 5_000 },
  )
})

test('a target of a megabyte that is almost right is refused, whatever it repeats', () => {
  const path =
    "/beta/security/securityCopilot/workspaces('default')/sessions('ecdfb9b3-58f5-457f-a18c-4a477890b252')"
  for (const repeated of [
    '/',
    "('",
    "')",
    "'",
    '%2',
    '%41',
    'a',
    '?',
    '&',
    '=',
    ',',
    '$select=',
    'id,',
    'workspaces(',
  ]) {
    const run = repeated.repeat(1_000_000 / repeated.length)
    // Were any of it quadratic, the test runner's deadline would pass first.
    for (const target of [
      path + run,
      `${path}?$select=${run}`,
      `/beta/security/securityCopilot/workspaces('${run}`,
    ]) {
      assert.throws(() => parse(target), GatewayError, `${target.slice(0, 120)}…`)
      assert.throws(() => assertSaneTarget(target), GatewayError)
    }
  }
})

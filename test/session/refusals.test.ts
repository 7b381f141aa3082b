import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertSaneTarget,
  InvalidRequest,
  parseReadRequest,
  UnknownResource,
} from '../../src/session/index.ts'
import { selectable } from './spellings.ts'

const id = 'ecdfb9b3-58f5-457f-a18c-4a477890b252'
const root = '/beta/security/securityCopilot'
const session = `${root}/workspaces/default/sessions/${id}`

const names =
  '$select takes a comma-separated list of these names, without spaces: id, createdDateTime, lastModifiedDateTime, displayName.'
const onlySelect = 'The only query option of this resource is $select.'
const once = '$select may be given once.'
const workspaceForm =
  'The workspace id must be "default", a GUID, or up to 64 letters, digits, "-" and "_" that begin with a letter or digit.'
const sessionForm = 'The session id must be a GUID, as in ecdfb9b3-58f5-457f-a18c-4a477890b252.'
const encoding = 'The request target has a percent-encoding that is not valid UTF-8.'

const invalid: readonly (readonly [what: string, target: string, message: string])[] = [
  ['an unknown name', `${session}?$select=ownerId`, names],
  ['an unknown name among known ones', `${session}?$select=id,ownerId,displayName`, names],
  ['a name that every object has', `${session}?$select=constructor`, names],
  ['an empty name between commas', `${session}?$select=id,,displayName`, names],
  ['an empty name at the end', `${session}?$select=id,`, names],
  ['an empty name at the start', `${session}?$select=,id`, names],
  ['$select without a name', `${session}?$select=`, names],
  ['$select without even an equals sign', `${session}?$select`, names],
  ['a wildcard', `${session}?$select=*`, names],
  ['an encoded space after the comma', `${session}?$select=id,%20displayName`, names],
  ['an encoded tab', `${session}?$select=id%09`, names],
  ['a plus sign for a space', `${session}?$select=id,+displayName`, names],
  ['a second equals sign', `${session}?$select=id=id`, names],
  ['a doubly encoded comma', `${session}?$select=id%252CdisplayName`, names],
  ['a name followed by NUL', `${session}?$select=id%00`, names],
  ['$select twice', `${session}?$select=id&$select=id`, once],
  ['$select and select', `${session}?$select=id&select=displayName`, once],
  ['$select and %24SELECT', `${session}?$select=id&%24SELECT=id`, once],
  ['$filter', `${session}?$filter=displayName%20eq%20'x'`, onlySelect],
  ['$expand', `${session}?$expand=prompts`, onlySelect],
  ['$expand behind a good $select', `${session}?$select=id&$expand=prompts`, onlySelect],
  ['an option nobody knows', `${session}?cache=no`, onlySelect],
  ['a doubly encoded $select', `${session}?%2524select=id`, onlySelect],
  ['an option without a name', `${session}?=id`, onlySelect],
  ['a trailing &', `${session}?$select=id&`, onlySelect],
  ['a leading &', `${session}?&$select=id`, onlySelect],
  ['& alone', `${session}?&`, onlySelect],
  ['a second question mark', `${session}??$select=id`, onlySelect],
  ['a space in the option', `${session}?%20$select=id`, onlySelect],
  ['a session id that is no GUID', `${root}/workspaces/default/sessions/42`, sessionForm],
  ['a GUID in braces', `${root}/workspaces/default/sessions/%7B${id}%7D`, sessionForm],
  ['a GUID and a newline', `${session}%0A`, sessionForm],
  ['a GUID and a matrix parameter', `${session};v=1`, sessionForm],
  ['a workspace that begins with a hyphen', `${root}/workspaces/-x/sessions/${id}`, workspaceForm],
  ['a workspace of 65 letters', `${root}/workspaces/${'a'.repeat(65)}/sessions/${id}`, workspaceForm],
  ['a workspace in another script', `${root}/workspaces/d%C3%A9faut/sessions/${id}`, workspaceForm],
  ['a workspace of two dots in quotes', `${root}/workspaces('..')/sessions/${id}`, workspaceForm],
  ['a slash hidden in quotes', `${root}/workspaces('a%2Fb')/sessions/${id}`, workspaceForm],
  ['a cut percent-encoding', `${session}%4`, encoding],
  ['an overlong encoding of a slash', `${root}/workspaces/a%C0%AFb/sessions/${id}`, encoding],
  ['an encoded surrogate', `${session}?$select=%ED%A0%80`, encoding],
]

for (const [what, target, message] of invalid) {
  test(`${what} is 400, and the answer says what is allowed`, () => {
    assert.throws(
      () => parseReadRequest(target, selectable),
      (error) => {
        assert.ok(error instanceof InvalidRequest, String(error))
        assert.deepEqual([error.status, error.code, error.message], [400, 'invalidRequest', message])
        return true
      },
    )
  })
}

const unknown: readonly (readonly [what: string, target: string])[] = [
  ['a Kelvin sign for a k', `${root}/wor%E2%84%AAspaces/default/sessions/${id}`],
  ['a trailing slash', `${session}/`],
  ['a trailing slash behind parentheses', `${root}/workspaces('default')/sessions('${id}')/`],
  ['an extra segment', `${session}/plugins`],
  ['the evaluations of a session', `${session}/evaluations`],
  ['the list of sessions, with a trailing slash', `${root}/workspaces/default/sessions/`],
  ['empty keys', `${root}/workspaces('')/sessions('')`],
  ['a key without quotes', `${root}/workspaces(default)/sessions/${id}`],
  ['a named key', `${root}/workspaces(id='default')/sessions/${id}`],
  ['a quote left open', `${root}/workspaces('default)/sessions/${id}`],
  ['both key forms at once', `${root}/workspaces('default')/default/sessions/${id}`],
  ['sessions before workspaces', `${root}/sessions/${id}/workspaces/default`],
  ['a workspace alone', `${root}/workspaces/default`],
  ['the root', '/'],
  ['another API', `/beta/users/${id}`],
  ['$count', `${root}/workspaces/default/sessions/$count/`],
]

for (const [what, target] of unknown) {
  test(`${what} is 404, and the answer says what there is`, () => {
    assert.throws(
      () => parseReadRequest(target, selectable),
      (error) => {
        assert.ok(error instanceof UnknownResource, String(error))
        assert.deepEqual([error.status, error.code], [404, 'unknownPath'])
        assert.match(
          error.message,
          /GET \/beta\/security\/securityCopilot\/workspaces\/\{workspaceId\}\/sessions\/\{sessionId\}/,
        )
        return true
      },
    )
  })
}

test('the names in a refusal are the ones this gateway was configured with', () => {
  assert.throws(() => parseReadRequest(`${session}?$select=displayName`, ['id', 'ownerId']), {
    message: '$select takes a comma-separated list of these names, without spaces: id, ownerId.',
  })
})

test('a target of 2,048 characters is read, one more is 400', () => {
  const target = `${session}?$select=`.padEnd(2048, 'id,')
  assert.doesNotThrow(() => assertSaneTarget(target))
  assert.throws(() => assertSaneTarget(`${target}x`), {
    status: 400,
    message: 'The request target is longer than 2048 characters.',
  })
})

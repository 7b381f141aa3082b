import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AccessDenied, type CallerPattern, createAccess, type Rule } from '../../src/access/index.ts'
import type { Reader, Wanted } from '../../src/access/access.ts'

const triage: Reader = {
  issuer: 'cluster',
  subject: 'system:serviceaccount:soc:triage',
  workload: { namespace: 'soc', serviceAccount: 'triage' },
}
const app: Reader = { issuer: 'entra', subject: '6f0c2d9e' }
const isTriage: CallerPattern = { issuer: 'cluster', namespace: 'soc', serviceAccount: 'triage' }
const isApp: CallerPattern = { issuer: 'entra', subject: '6f0c2d9e' }
const everything: Wanted = { read: 'session', workspaceId: 'default', select: null }
const guid = '17aafe23-ab95-3b37-9546-56dec5ac0218'

function rule(name: string, changes: Partial<Rule> = {}): Rule {
  return { name, callers: [isTriage, isApp], workspaces: ['default'], ...changes }
}

/** The rule that permits, or `undefined`. */
function decided(rules: readonly Rule[], reader: Reader, wanted: Wanted = everything): string | undefined {
  try {
    return createAccess(rules, () => 0).decide(reader, wanted).rule
  } catch (error) {
    assert(error instanceof AccessDenied)
    return undefined
  }
}

function denial(rules: readonly Rule[], reader: Reader, wanted: Wanted = everything): AccessDenied {
  try {
    createAccess(rules, () => 0).decide(reader, wanted)
  } catch (error) {
    assert(error instanceof AccessDenied)
    return error
  }
  return assert.fail('it is permitted')
}

test('without rules nobody may read anything', () => {
  assert.equal(decided([], triage), undefined)
  assert.equal(decided([], app, { read: 'session', workspaceId: 'default', select: ['id'] }), undefined)
})

test('a rule permits each of the callers it lists, and nobody else', () => {
  const rules = [rule('both')]
  assert.equal(decided(rules, triage), 'both')
  assert.equal(decided(rules, app), 'both')
  assert.equal(decided(rules, { issuer: 'entra', subject: 'else' }), undefined)
  assert.equal(decided([rule('nobody', { callers: [] })], triage), undefined)
})

test('the first rule that permits the request decides, and is named', () => {
  const rules = [
    rule('elsewhere', { workspaces: [guid] }),
    rule('narrow', { select: ['id'] }),
    rule('wide'),
    rule('wider', { workspaces: ['*'] }),
  ]
  assert.equal(decided(rules, triage), 'wide')
  assert.equal(decided(rules, triage, { read: 'session', workspaceId: 'default', select: ['id'] }), 'narrow')
  assert.equal(decided(rules.toReversed(), triage), 'wider')
  assert.equal(decided(rules, triage, { read: 'session', workspaceId: 'lab', select: null }), 'wider')
})

test('two rules that permit a part each do not add up', () => {
  const byProperty = [rule('names', { select: ['displayName'] }), rule('ids', { select: ['id'] })]
  assert.equal(
    decided(byProperty, triage, { read: 'session', workspaceId: 'default', select: ['displayName', 'id'] }),
    undefined,
  )
  const byWorkspace = [
    rule('here', { select: ['id'] }),
    rule('there', { workspaces: [guid], select: ['displayName'] }),
  ]
  assert.equal(
    decided(byWorkspace, triage, { read: 'session', workspaceId: guid, select: ['id'] }),
    undefined,
  )
  const byCaller = [
    rule('app', { callers: [isApp] }),
    rule('mine', { callers: [isTriage], workspaces: [guid] }),
  ]
  assert.equal(decided(byCaller, triage), undefined)
})

test('default and the GUID of a workspace are two workspaces, and "*" is both', () => {
  for (const [workspaces, permitted] of [
    [['default'], ['default']],
    [[guid], [guid]],
    [
      ['default', guid],
      ['default', guid],
    ],
    [['*'], ['default', guid, 'lab']],
    [
      ['lab', '*'],
      ['default', guid, 'lab'],
    ],
    [[], []],
  ] as const) {
    for (const workspaceId of ['default', guid, 'lab']) {
      const name = decided([rule('r', { workspaces })], triage, {
        read: 'session',
        workspaceId,
        select: null,
      })
      assert.equal(name !== undefined, (permitted as readonly string[]).includes(workspaceId), workspaceId)
    }
  }
})

test('workspaces are matched exactly: no case, no prefix, no pattern', () => {
  for (const workspaceId of ['Default', 'defaul', 'defaults', guid.toUpperCase(), '']) {
    const rules = [rule('r', { workspaces: ['default', 'd*', guid] })]
    assert.equal(
      decided(rules, triage, { read: 'session', workspaceId, select: null }),
      undefined,
      workspaceId,
    )
  }
})

test('a rule with select permits its subsets, and never a request that names none', () => {
  const rules = [rule('wallboard', { select: ['displayName', 'id'] })]
  for (const [select, is] of [
    [['id'], true],
    [['displayName'], true],
    [['displayName', 'id'], true],
    [['createdDateTime'], false],
    [['createdDateTime', 'id'], false],
    [['Id'], false],
    [null, false],
  ] as const) {
    assert.equal(
      decided(rules, triage, { read: 'session', workspaceId: 'default', select }) !== undefined,
      is,
      String(select),
    )
  }
})

test('the same subject of another issuer is somebody else', () => {
  const rules = [rule('app', { callers: [isApp] })]
  assert.equal(decided(rules, app), 'app')
  assert.equal(decided(rules, { ...app, issuer: 'cluster' }), undefined)
  assert.equal(decided(rules, { ...app, issuer: 'entra2' }), undefined)
})

test('a namespace and a service account may be patterns, each inside its own name', () => {
  const workload = (namespace: string, serviceAccount: string): Reader => ({
    issuer: 'cluster',
    subject: `system:serviceaccount:${namespace}:${serviceAccount}`,
    workload: { namespace, serviceAccount },
  })
  for (const [namespace, serviceAccount, reader, is] of [
    ['soc', '*', workload('soc', 'anyone'), true],
    ['soc', '*', workload('soc-2', 'anyone'), false],
    ['soc-*', 'triage', workload('soc-2', 'triage'), true],
    ['soc-*', 'triage', workload('soc', 'triage'), false],
    ['*', 'triage', workload('team', 'triage'), true],
    ['*', 'triage', workload('team', 'ops'), false],
    ['*', '*', workload('a', 'b'), true],
    ['*', '*', app, false],
    ['*', '*', { issuer: 'cluster', subject: 'system:serviceaccount:soc:triage' }, false],
  ] as const) {
    const callers = [{ issuer: 'cluster', namespace, serviceAccount }]
    assert.equal(
      decided([rule('r', { callers })], reader) !== undefined,
      is,
      `${namespace}/${serviceAccount}`,
    )
  }
})

test('a caller is matched by one entry of the list as a whole', () => {
  const callers = [
    { issuer: 'cluster', namespace: 'soc', serviceAccount: 'ops' },
    { issuer: 'cluster', namespace: 'platform', serviceAccount: 'triage' },
    { issuer: 'entra', subject: triage.subject },
  ]
  assert.equal(decided([rule('r', { callers })], triage), undefined)
})

test('whoever lacks only properties is told which there are to ask for', () => {
  const rules = [
    rule('names', { select: ['displayName', 'id'] }),
    rule('times', { select: ['createdDateTime'] }),
    rule('elsewhere', { workspaces: [guid], select: ['lastModifiedDateTime'] }),
  ]
  for (const select of [null, ['lastModifiedDateTime'], ['createdDateTime', 'id']]) {
    const { message, reason } = denial(rules, triage, { read: 'session', workspaceId: 'default', select })
    assert.equal(
      message,
      'You may read these properties only; name them: $select=displayName,id or $select=createdDateTime.',
    )
    assert.equal(reason, 'the rules of this caller for this workspace grant less: names, times')
  }
})

test('a denial tells nobody what others may read, nor whether a workspace has rules at all', () => {
  const secret = rule('night-shift', { callers: [isApp], workspaces: ['lab'], select: ['id'] })
  const mine = rule('mine', { callers: [isTriage], workspaces: [guid] })
  const stranger = denial([secret, mine], { issuer: 'entra', subject: 'else' })
  for (const [rules, wanted] of [
    [[secret, mine], { read: 'session', workspaceId: 'lab', select: null }],
    [[secret, mine], { read: 'session', workspaceId: 'lab', select: ['displayName'] }],
    [[secret, mine], { read: 'session', workspaceId: 'no such workspace', select: null }],
    [[mine], { read: 'session', workspaceId: 'lab', select: null }],
    [[], { read: 'session', workspaceId: 'lab', select: null }],
  ] as const) {
    const denied = denial(rules, triage, wanted)
    assert.equal(denied.message, stranger.message)
    assert.doesNotMatch(`${denied.message} ${denied.reason}`, /night-shift|lab/)
  }
  assert.equal(stranger.reason, 'no rule speaks of this caller')
  assert.equal(denial([mine], triage).reason, 'no rule of this caller names this workspace')
  // Nor do the properties of another caller's rule appear beside one's own.
  const own = rule('own', { callers: [isTriage], workspaces: ['lab'], select: ['displayName'] })
  const told = denial([secret, own], triage, { read: 'session', workspaceId: 'lab', select: null })
  assert.equal(told.message, 'You may read these properties only; name them: $select=displayName.')
  assert.doesNotMatch(told.reason ?? '', /night-shift/)
})

describe('a purge', () => {
  const ops = rule('ops', { workspaces: undefined, admin: ['purge'] })
  const both = rule('both', { workspaces: ['default', guid], admin: ['purge'] })

  function purger(rules: readonly Rule[], workspaceId: string | null, reader = triage): string | undefined {
    try {
      return createAccess(rules, () => 0).decidePurge(reader, workspaceId).rule
    } catch (error) {
      assert(error instanceof AccessDenied)
      assert.match(error.message, /admin: \[purge\]/)
      return undefined
    }
  }

  test('needs a rule with admin: reading rules permit none', () => {
    for (const workspaces of [['default'], ['*']])
      for (const id of ['default', null]) assert.equal(purger([rule('reads', { workspaces })], id), undefined)
    assert.equal(purger([], 'default'), undefined)
  })

  test('is permitted everywhere by a rule without workspaces, which permits no read', () => {
    for (const id of ['default', guid, 'other', null]) assert.equal(purger([ops], id), 'ops')
    assert.equal(decided([ops], triage), undefined)
    assert.equal(
      decided([ops], triage, { read: 'session', workspaceId: 'default', select: ['id'] }),
      undefined,
    )
  })

  test('stays in the workspaces of its rule, of which everything is none', () => {
    for (const id of ['default', guid]) assert.equal(purger([both], id), 'both')
    for (const id of ['other', null]) assert.equal(purger([both], id), undefined)
    assert.equal(purger([rule('all', { workspaces: ['*'], admin: ['purge'] })], null), 'all')
    // A rule is for reading or for purging: bounding a purger must not make it a reader.
    assert.equal(decided([both], triage), undefined)
    assert.equal(decided([both, rule('reads')], triage), 'reads')
    assert.doesNotMatch(denial([both], triage).message, /\$select/)
  })

  test('is for the callers of the rule alone, and the first rule that permits it decides', () => {
    const stranger: Reader = { issuer: 'cluster', subject: 'system:serviceaccount:x:y' }
    assert.equal(purger([ops], null, stranger), undefined)
    assert.equal(purger([rule('reads'), both, ops], 'default'), 'both')
    assert.equal(purger([rule('reads'), both, ops], null), 'ops')
  })
})

test('whether the cache may be bypassed is said by the rule that permits the request, and by no other', () => {
  const may = (rules: readonly Rule[]): boolean =>
    createAccess(rules, () => 0).decide(triage, everything).mayBypassCache
  const bypassing = rule('bypassing', { mayBypassCache: true })
  assert.equal(may([rule('plain'), bypassing]), false)
  assert.equal(may([bypassing, rule('plain')]), true)
  assert.equal(may([rule('other', { workspaces: [guid], mayBypassCache: true }), rule('plain')]), false)
})

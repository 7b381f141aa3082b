import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownTarget } from '../../src/session/index.ts'

const graph = 'https://graph.example'
const path = '/beta/security/securityCopilot/workspaces/default/sessions'

test('a link of Graph’s is our own request for the same page', () => {
  for (const [link, target] of [
    [`${path}?$skiptoken=X%274%27`, `${path}?$skiptoken=X%274%27`],
    [`${path.replace('/default', "('default')")}?$top=5&$skip=5`, `${path}?$top=5&$skip=5`],
    [
      `${path}?$filter=contains(displayName,%27a%27)&$skiptoken=b`,
      `${path}?$filter=contains(displayName,'a')&$skiptoken=b`,
    ],
  ] as const) {
    assert.equal(ownTarget(graph + link, graph), target)
  }
})

for (const [what, link] of [
  ['to another host', `https://evil.example${path}`],
  ['to a host that begins alike', `${graph}.evil.example${path}`],
  ['with a user', `https://graph.example@evil.example${path}`],
  ['with a port', `${graph}:8443${path}`],
  ['in other case', `HTTPS://GRAPH.EXAMPLE${path}`],
  ['over http', `http://graph.example${path}`],
  ['without a host', path],
  ['to a host without a scheme', `//graph.example${path}`],
  ['with a backslash', `${graph}\\@evil.example${path}`],
  ['to nothing that is served', `${graph}/beta/users`],
  ['to v1.0', `${graph}${path.replace('beta', 'v1.0')}`],
  ['with an option that is not taken', `${graph}${path}?$expand=prompts`],
  ['with dot segments', `${graph}${path}/../../../../../me`],
  ['with a fragment', `${graph}${path}#x`],
  [
    'of more characters than we take',
    `${graph}${path}?$skiptoken=${'x'.repeat(1_536)}&$filter=${'a'.repeat(600)}`,
  ],
  ['that is too long in our spelling only', `${graph}${path}?$filter=name+eq+'${'"'.repeat(700)}'`],
] as const) {
  test(`a link ${what} leads nowhere`, () => {
    assert.equal(ownTarget(link, graph), undefined)
  })
}

test('a long filter with commas and colons stays as long as it is', () => {
  const filter = `contains(displayName,'${'a,b:c '.repeat(150)}')`
  const own = ownTarget(`${graph}${path}?$filter=${filter.replaceAll(' ', '+')}`, graph)
  assert.equal(own, `${path}?$filter=${filter.replaceAll(' ', '%20')}`)
})

import { writeFile } from 'node:fs/promises'
import type { Fault } from '../../../src/emulator/index.ts'
import { neededRole } from '../../../src/token/index.ts'
import { findsOnly } from './broken.ts'
import { issuersOf, startPatient } from './patient.ts'

const patient = await startPatient()
const { emulator, inFolder } = patient
const usual = issuersOf(patient)

const identity = (changes: object): object => ({
  tenantId: emulator.entra.tenantId,
  clientId: emulator.entra.clientId,
  authorityHost: emulator.url,
  credential: { type: 'secret', file: inFolder('client.secret') },
  ...changes,
})
const issuers = (changes: object): object => ({ ...usual, ...changes })
const status = (code: number, more: object = {}): Fault => ({ kind: 'status', status: code, ...more })
const withoutToken = ['failed token', 'skipped roles', 'skipped graph']
const noSuchName = 'no-such-host.invalid'

findsOnly(patient, [
  {
    what: 'an issuer whose name has no address',
    config: {
      issuers: issuers({ oidc: { type: 'oidc', issuer: `https://${noSuchName}`, audience: 'a' } }),
    },
    troubles: [`failed dns ${noSuchName}`, 'skipped issuer oidc'],
    said: /no address \((ENOTFOUND|EAI_AGAIN)\)\n.*name server/,
  },
  {
    what: 'a cluster outside of which this runs',
    config: { issuers: issuers({ cluster: { type: 'kubernetes', audience: 'a' } }) },
    troubles: ['failed dns kubernetes.default.svc', 'skipped issuer cluster'],
    said: /outside a cluster this name means nothing/,
  },
  {
    what: 'an issuer that calls itself otherwise',
    config: {
      issuers: issuers({ oidc: { type: 'oidc', issuer: `${emulator.issuer.url}/`, audience: 'a' } }),
    },
    troubles: ['failed issuer oidc'],
    said: /write issuers\.\*\.issuer exactly so/,
  },
  {
    what: 'an API server that refuses the pod',
    prepare: () => writeFile(inFolder('wrong.token'), 'no.such.token'),
    config: {
      issuers: issuers({ cluster: { ...usual.cluster, tokenFile: inFolder('wrong.token') } }),
    },
    troubles: ['failed issuer cluster'],
    said: /answered 401\n.*system:service-account-issuer-discovery/,
  },
  {
    what: 'an issuer without keys',
    faults: [['issuer', { kind: 'body', status: 200, headers: {}, body: '{"keys":[]}' }]],
    config: {
      issuers: issuers({ oidc: { ...usual.oidc, jwksUri: `${emulator.issuer.url}/jwks` } }),
    },
    troubles: ['failed issuer oidc'],
    said: /no usable signature key/,
  },
  {
    what: 'a credential that Entra refuses',
    faults: [['token', { kind: 'entraError', aadsts: 7000222 }]],
    troubles: withoutToken,
    said: /Entra answered 401 .*7000222.*\nthe client secret has expired: make a new one/,
  },
  {
    what: 'a credential that is not there',
    config: { identity: identity({ credential: { type: 'federated', tokenFile: inFolder('none') } }) },
    troubles: withoutToken,
    said: /the file of identity\.credential cannot be read: .*none \(ENOENT\)/,
  },
  {
    what: 'an Entra that resets connections',
    faults: [['token', { kind: 'reset' }]],
    troubles: withoutToken,
    said: /Entra could not be reached: .*\n.*nothing works without this token/,
  },
  {
    what: 'an application without the role',
    roles: [],
    troubles: ['failed roles', 'warning graph'],
    said: /the token has no roles\n.*az rest --method POST .*appRoleAssignments/,
  },
  {
    what: 'an application that may do more',
    roles: [neededRole, 'Mail.Read'],
    troubles: ['warning roles'],
    said: /more than the gateway needs: Mail\.Read\..*--method DELETE/,
  },
  {
    what: 'a Graph that does not take the token',
    faults: [
      ['graph', status(401)],
      ['graph', status(401)],
    ],
    troubles: ['failed graph'],
    said: /Graph answered 401 .*\n.*must be of one cloud/,
  },
  {
    what: 'a Graph that refuses the application',
    faults: [['graph', status(403, { code: 'Forbidden', message: 'a policy' })]],
    troubles: ['failed graph'],
    said: /Graph answered 403 Forbidden a policy .*request-id.*\n.*though its token has the role/,
  },
  {
    what: 'a Graph that has no Security Copilot',
    faults: [['graph', status(404)]],
    troubles: ['failed graph'],
    said: /answered 404 \(request-id .*\n.*global cloud only/,
  },
  {
    what: 'a Graph that throttles',
    faults: [['graph', status(429, { retryAfter: '17' })]],
    troubles: ['warning graph'],
    said: /Graph answered 429.*\n.*now for 17 s/,
  },
  {
    what: 'a Graph that fails',
    faults: [
      ['graph', status(500)],
      ['graph', status(502)],
    ],
    troubles: ['failed graph'],
    said: /Graph answered 50[02].*\n.*answers from its cache meanwhile/,
  },
  {
    what: 'something that is not Graph',
    faults: [['graph', { kind: 'html' }]],
    troubles: ['failed graph'],
    said: /\n.*captive portal/,
  },
])

/**
 * Who asks, and what each may: said here a second time, apart from the gateway's configuration and its rules.
 *
 * @module
 */

import type { Emulator } from '../../src/emulator/index.ts'
import { type Property, type Select, workspaces } from './sessions.ts'

export const audience = 'session-gateway.soak'

export interface Identity {
  readonly name: string
  /** In records. */
  readonly subject: string
  readonly may: (workspaceId: string, select: Select) => boolean
  readonly mayBypassCache?: boolean
  readonly mayPurge?: boolean
  /** Renewed when the issuers' keys rotate. */
  token: string
}

const workload = (name: string): { namespace: string; serviceAccount: string } => ({
  namespace: 'soc',
  serviceAccount: name,
})
const subjectOf = (name: string): string => `system:serviceaccount:soc:${name}`

const wallboardSees: readonly Property[] = ['id', 'displayName']
const everything = (): boolean => true
const nothing = (): boolean => false

export const access = {
  triage: {
    callers: [
      { issuer: 'cluster', ...workload('triage') },
      { issuer: 'oidc', subject: 'reader' },
    ],
    workspaces: [...workspaces],
  },
  wallboard: {
    callers: [{ issuer: 'cluster', ...workload('wallboard') }],
    workspaces: [workspaces[0]],
    select: [...wallboardSees],
  },
  demanding: { callers: [{ issuer: 'oidc', subject: 'demanding' }], workspaces: ['*'], mayBypassCache: true },
  limited: { callers: [{ issuer: 'oidc', subject: 'limited' }], workspaces: ['*'], rate: '2/s' },
  operators: { callers: [{ issuer: 'cluster', ...workload('ops') }], admin: ['purge'] },
}

export function identities(): Identity[] {
  const cluster = (name: string, may: Identity['may'], more = {}): Identity => ({
    name: `cluster ${name}`,
    subject: subjectOf(name),
    may,
    token: '',
    ...more,
  })
  const oidc = (name: string, may: Identity['may'], more = {}): Identity => ({
    name: `oidc ${name}`,
    subject: name,
    may,
    token: '',
    ...more,
  })
  return [
    cluster('triage', everything),
    oidc('reader', everything),
    cluster(
      'wallboard',
      (workspaceId, select) =>
        workspaceId === workspaces[0] &&
        select !== null &&
        select.every((name) => wallboardSees.includes(name)),
    ),
    oidc('demanding', everything, { mayBypassCache: true }),
    oidc('limited', everything),
    cluster('intern', nothing),
    oidc('stranger', nothing),
    cluster('ops', nothing, { mayPurge: true }),
  ]
}

export async function renewTokens(all: readonly Identity[], emulator: Emulator): Promise<void> {
  await Promise.all(
    all.map(async (identity) => {
      const [issuer, name = ''] = identity.name.split(' ')
      identity.token =
        issuer === 'cluster'
          ? await emulator.issuer.serviceAccountToken({ ...workload(name), audience, expiresInSeconds: 7200 })
          : await emulator.issuer.token({ sub: name, aud: audience }, { expiresInSeconds: 7200 })
    }),
  )
}

/** Tokens that must not hold. */
export async function badTokens(emulator: Emulator): Promise<string[]> {
  const { issuer } = emulator
  const good = await issuer.token({ sub: 'reader', aud: audience })
  const [header = '', payload = '', signature = ''] = good.split('.')
  const part = (content: object): string => Buffer.from(JSON.stringify(content)).toString('base64url')
  return [
    await issuer.token({ sub: 'reader', aud: audience }, { expiresInSeconds: -600 }),
    await issuer.token({ sub: 'reader', aud: 'somebody-else' }),
    await issuer.token({ sub: 'reader', aud: audience, iss: 'https://nobody.example' }),
    await issuer.token({ sub: 'reader', aud: audience }, { header: { kid: '../../etc/passwd' } }),
    `${header}.${part({ sub: 'reader', aud: audience, iss: issuer.url, exp: 4_000_000_000 })}.${signature}`,
    `${part({ alg: 'none' })}.${payload}.`,
    `${header}.${payload}.${signature.slice(0, -8)}AAAAAAAA`,
    'eyJ.not.a-token',
    'x'.repeat(4000),
  ]
}

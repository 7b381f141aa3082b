import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { sharedWorld } from '../../security/wire.ts'
import { audience, sessionId, sessionPath, workspacePath } from '../../world/world.ts'
import { type Ended, run } from '../program.ts'

const cluster = (serviceAccount: string): object => ({ issuer: 'cluster', namespace: 'soc', serviceAccount })

function unsigned(token: string): string {
  return `${token.slice(0, token.lastIndexOf('.'))}.${Buffer.alloc(256).toString('base64url')}`
}

describe('session-gateway explain', { concurrency: 2 }, () => {
  const world = sharedWorld({
    without: ['access'],
    config: {
      access: {
        lab: { callers: [cluster('triage')], workspaces: ['lab'], reads: ['session', 'prompts'] },
        titles: { callers: [cluster('triage')], workspaces: ['default'], select: ['displayName'] },
        triage: { callers: [cluster('triage')], workspaces: ['default'], rate: '50/s' },
        later: { callers: [cluster('*')], workspaces: ['*'], rate: '7/m' },
        wallboard: { callers: [cluster('wallboard')], workspaces: ['default'], select: ['id'] },
        operators: { callers: [cluster('ops')], admin: ['purge'] },
      },
    },
  })

  async function explain(token: string | null, path: string, ...args: string[]): Promise<Ended> {
    const { folder } = world()
    const config = ['-c', join(folder, 'usual.yaml'), join(folder, 'changes.yaml')]
    const tokenFile = join(folder, `${crypto.randomUUID()}.token`)
    if (token !== null) await writeFile(tokenFile, `${token}\n`)
    const withToken = token === null ? [] : ['--token-file', tokenFile]
    const ended = await run(['explain', path, ...config, ...withToken, ...args])
    assert.ok(token === null || !`${ended.stdout}${ended.stderr}`.includes(token.slice(0, 20)))
    assert.equal(ended.stderr, '')
    return ended
  }

  const triage = (): Promise<string> => world().workloadToken('triage')

  test('says who asks for what, what each rule says to it, and which one permits it', async () => {
    const { code, stdout } = await explain(await triage(), `${sessionPath}?select=displayName,id`)
    assert.equal(code, 0)
    const [caller = '', asked = '', ...rest] = stdout.trimEnd().split('\n')
    assert.match(
      caller,
      /^caller {4}issuer cluster, subject system:serviceaccount:soc:triage, workload soc\/triage, .*exp 20\d\d-[\dT:.-]+Z$/,
    )
    assert.equal(
      asked,
      `asked     session, of Graph at ${sessionPath}?$select=displayName,id; kept under the key default/${sessionId}?displayName,id`,
    )
    assert.deepEqual(rest, [
      'rule      no   lab: its workspaces are lab, and neither "default" nor "*" is among them',
      'rule      no   titles: it grants the properties displayName, and id is asked for',
      'rule      YES  triage: permits it; 50/s for each caller and replica, beyond which it is 429',
      'rule      -    later: would permit it as well, and stands further down',
      'rule      no   wallboard: none of its callers is this one',
      'rule      no   operators: it has admin, and so grants no reads',
      'decision  permitted by the rule triage',
      'cache     give --url to ask a running gateway whether it has an answer',
    ])
  })

  const decisions: readonly [who: string, path: string, code: number, said: RegExp][] = [
    [
      'triage',
      `${workspacePath}/sessions('${sessionId.toUpperCase()}')`,
      0,
      /key default\/ecdfb9b3.*\n(.*\n)*decision {2}permitted by the rule triage/,
    ],
    [
      'triage',
      `${sessionPath}?$select=displayName`,
      0,
      /YES {2}titles: permits it; as often as the caller likes/,
    ],
    [
      'triage',
      `${workspacePath}/sessions`,
      1,
      /no {3}triage: its reads are session, and sessions is not among them\n/,
    ],
    [
      'triage',
      '/beta/security/securityCopilot/workspaces',
      1,
      /no {3}lab: the list of workspaces takes workspaces: \["\*"\]; its reads are/,
    ],
    [
      'triage',
      '/beta/security/securityCopilot/workspaces/lab/sessions/ecdfb9b3-58f5-457f-a18c-4a477890b252/prompts',
      0,
      /asked {5}prompts, .*passed on, never kept\n(.*\n)*cache {5}nothing of such a read is kept/,
    ],
    ['wallboard', sessionPath, 0, /decision {2}permitted by the rule later/],
    [
      'wallboard',
      `${workspacePath}/plugins`,
      1,
      /wallboard: its reads are session, and plugins is not among them\n/,
    ],
    ['triage', '/v1.0/security', 1, /asked {5}refused with 404 unknownPath: /],
    ['triage', `${sessionPath}/`, 1, /asked {5}refused with 404 unknownPath: /],
    [
      'triage',
      `${workspacePath}/sessions/x`,
      1,
      /asked {5}refused with 400 invalidRequest: The session id must be a GUID/,
    ],
    ['triage', `${sessionPath}/../x`, 1, /asked {5}refused with 400 invalidRequest: .*dot segment/],
  ]
  for (const [who, path, code, said] of decisions) {
    test(`${who} asking for ${path} is ${code === 0 ? 'permitted' : 'refused'}, and why`, async () => {
      const ended = await explain(await world().workloadToken(who), path)
      assert.match(ended.stdout, said)
      assert.equal(ended.code, code)
    })
  }

  test('a denial is in the words of the log', async () => {
    const { code, stdout } = await explain(await triage(), `${workspacePath}/sessions`)
    assert.equal(code, 1)
    assert.match(
      stdout,
      /decision {2}refused with 403 accessDenied: the rules of this caller for this workspace do not grant the read sessions: titles, triage, later\n$/,
    )
  })

  describe('a caller who is refused', () => {
    const stranger = (changes: Record<string, unknown>): Promise<string> =>
      world().emulator.issuer.token({ sub: 'reader', aud: audience, ...changes })
    const hourAgo = (): number => Math.floor(Date.now() / 1000) - 3600
    const table: readonly [what: string, token: () => Promise<string> | string | null, said: RegExp][] = [
      [
        'whose token has expired',
        () => stranger({ iat: hourAgo() - 10, nbf: hourAgo() - 10, exp: hourAgo() }),
        /401 unauthenticated: issuer oidc: it expired at 20/,
      ],
      [
        'whose token is for somebody else',
        () => stranger({ aud: 'elsewhere' }),
        /401 .*issuer oidc: its aud is "elsewhere", and issuers\.oidc\.audience is "session-gateway\.test"/,
      ],
      [
        'of an unknown issuer',
        () => stranger({ iss: 'https://issuer.invalid' }),
        /401 .*no issuer is configured for iss "https:\/\/issuer\.invalid"/,
      ],
      [
        'whose token nobody has signed',
        async () => unsigned(await stranger({})),
        /401 unauthenticated: issuer oidc: signature verification failed/,
      ],
      ['whose token is none', () => 'no-token', /401 unauthenticated: the token is not a JWT/],
      ['without a token', () => null, /401 unauthenticated: there is no Authorization header/],
    ]
    for (const [what, token, said] of table) {
      test(`${what} is told why, as the log has it, and who would be believed`, async () => {
        const { code, stdout } = await explain(await token(), sessionPath)
        assert.equal(code, 1)
        assert.match(stdout, new RegExp(`^caller {4}refused with ${said.source}`))
        assert.match(
          stdout,
          /^issuers {3}believed are cluster \(.*, audience session-gateway\.test\); oidc \(https:/m,
        )
        assert.match(stdout, /^asked {5}session/m)
        assert.doesNotMatch(stdout, /^(rule|decision)/m)
      })
    }
  })
})

/**
 * The story the demo tells. Each step says what it expects, and the demo fails when it comes differently.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { type Line, verify } from '../../audit/index.ts'
import { complain, say } from '../terminal.ts'
import type { Stage } from './stage.ts'
import { type Reply, visit } from './visitor.ts'

const session =
  '/beta/security/securityCopilot/workspaces/default/sessions/ecdfb9b3-58f5-457f-a18c-4a477890b252'

interface Step {
  readonly title: string
  readonly as?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly expects: (reply: Reply) => Readonly<Record<string, boolean>>
}

/** @returns whether every step did what it says */
export async function tellTheStory(stage: Stage): Promise<boolean> {
  const { emulator, gatewayUrl } = stage
  const audience = 'session-gateway.demo'
  const tokens = new Map<string, string>()
  for (const serviceAccount of ['triage', 'wallboard', 'intern']) {
    const token = await emulator.issuer.serviceAccountToken({ namespace: 'soc', serviceAccount, audience })
    tokens.set(serviceAccount, token)
    await writeFile(stage.tokenFile(serviceAccount), token, { mode: 0o600 })
  }

  let etag = ''
  const steps: readonly Step[] = [
    {
      title: 'A first read: nobody has asked for this session yet, so the gateway asks Graph',
      as: 'triage',
      expects(reply) {
        etag = reply.headers.etag ?? ''
        return { 'status 200': reply.status === 200, fetched: has(reply, 'cache-status', 'fwd=uri-miss') }
      },
    },
    {
      title: 'The same again: answered from the cache',
      as: 'triage',
      expects: (reply) => ({
        'status 200': reply.status === 200,
        'a hit': has(reply, 'cache-status', '; hit;'),
      }),
    },
    {
      title: 'Another caller, who may see two properties only: $select is a question of its own',
      as: 'wallboard',
      query: '?$select=displayName,id',
      expects: (reply) => ({
        'status 200': reply.status === 200,
        'no more than asked': !reply.body.includes('createdDateTime'),
      }),
    },
    {
      title: 'The same in another spelling: the same entry',
      as: 'wallboard',
      query: '?select=ID,displayname',
      expects: (reply) => ({ 'a hit': has(reply, 'cache-status', '; hit;') }),
    },
    {
      title: 'Asked with the ETag of the first read: nothing has changed, no body is sent',
      as: 'triage',
      headers: { 'if-none-match': 'LATER' },
      expects: (reply) => ({ 'status 304': reply.status === 304, 'no body': reply.body === '' }),
    },
    {
      title: 'That other caller asks for everything: denied, though the answer is in the cache',
      as: 'wallboard',
      expects: (reply) => ({ 'status 403': reply.status === 403 }),
    },
    {
      title: 'A caller whom no rule names: denied',
      as: 'intern',
      expects: (reply) => ({ 'status 403': reply.status === 403 }),
    },
    {
      title: 'Nobody in particular: not let in',
      expects: (reply) => ({ 'status 401': reply.status === 401 }),
    },
  ]

  let isTrue = true
  for (const [index, step] of steps.entries()) {
    const token = step.as === undefined ? undefined : tokens.get(step.as)
    const reply = await visit({
      url: `${gatewayUrl}${session}${step.query ?? ''}`,
      ca: emulator.caPem,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(step.headers?.['if-none-match'] === undefined ? {} : { 'if-none-match': etag }),
      },
    })
    say(`\n${index + 1}. ${step.title}`)
    say(
      `   ${step.as === undefined ? 'no token' : `system:serviceaccount:soc:${step.as}`}  GET …/ecdfb9b3…${step.query ?? ''}`,
    )
    tell(reply)
    for (const [promise, isKept] of Object.entries(step.expects(reply))) {
      if (isKept) continue
      isTrue = false
      complain(`   NOT SO: ${promise}`)
    }
  }
  return (await summarise(stage, steps.length)) && isTrue
}

function tell({ status, headers, body }: Reply): void {
  const told = ['cache-status', 'age', 'etag', 'proxy-status', 'www-authenticate'].flatMap((name) =>
    headers[name] === undefined ? [] : [`${name}: ${String(headers[name])}`],
  )
  say(`   → ${[status, ...told].join('   ')}`)
  if (body !== '') say(`     ${body.length > 300 ? `${body.slice(0, 300)}…` : body}`)
}

function has(reply: Reply, header: string, part: string): boolean {
  return String(reply.headers[header] ?? '').includes(part)
}

async function summarise(stage: Stage, requests: number): Promise<boolean> {
  const { emulator } = stage
  const recorded = (): Recorded[] =>
    stage.records.map(asRecorded).filter(({ operation }) => !operation.startsWith('audit.'))
  // Refusals of nobody in particular are gathered for a second.
  for (let tries = 0; recorded().length < requests && tries < 300; tries += 1) await pause(10)

  say('\nWhat the gateway recorded, as OCSF events (docs/reference/audit.md):')
  for (const { status, cache, who, why } of recorded()) {
    say(`   ${status}  ${cache.padEnd(5)}  ${who}${why === undefined ? '' : `: ${why}`}`)
  }
  say('\nOne of them whole:')
  say(`   ${stage.records.find((line) => asRecorded(line).status === '200') ?? ''}`)
  const { problems, chains } = await verify(asLines(stage.records), {
    isUnordered: false,
    keys: [],
    heads: [],
  })
  const isIntact = problems.length === 0 && chains.length === 1
  if (isIntact)
    say('\nTheir chain is intact: none has been altered, left out or moved (session-gateway audit verify).')
  say(
    `\n${requests} requests; Graph was called ${emulator.graph.calls} times, ` +
      `with ${emulator.entra.exchanges} token exchange; ${recorded().length} audit records.`,
  )
  const isTrue =
    emulator.graph.calls === 2 && emulator.entra.exchanges === 1 && recorded().length === requests && isIntact
  if (!isTrue) complain(`NOT SO: 2 calls, 1 exchange and ${requests} records in a chain were promised`)
  return isTrue
}

interface Recorded {
  readonly operation: string
  readonly status: string
  readonly cache: string
  readonly who: string
  readonly why: string | undefined
}

function asRecorded(line: string): Recorded {
  const { api, status_code, status_detail, unmapped, actor } = JSON.parse(line)
  return {
    operation: api.operation,
    status: status_code,
    cache: unmapped.cache,
    who: actor.user?.uid ?? actor.user?.name,
    why: status_detail,
  }
}

async function* asLines(records: readonly string[]): AsyncGenerator<Line> {
  for (const [index, text] of records.entries()) {
    yield { where: `record:${index + 1}`, text, isFirst: index === 0, isUnended: false }
  }
}

/** What to type next. */
export function inviteToTry({ gatewayUrl, managementUrl, caFile, tokenFile }: Stage): void {
  say(`
Now you: in another terminal,

   curl -i --cacert ${caFile} \\
     -H "Authorization: Bearer $(cat ${tokenFile('triage')})" \\
     '${gatewayUrl}${session}'

and what the operator sees:

   curl ${managementUrl}/readyz
   curl -s ${managementUrl}/metrics | grep session_gateway_

Ctrl-C ends the demo.`)
}

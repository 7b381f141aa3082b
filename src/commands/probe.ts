/**
 * One gateway as its callers see it, for `helm test`: nothing is needed but its addresses and a token of any caller.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { parseJsonObject } from '../json.ts'
import { failed, ok, skipped, type Told } from './doctor/line.ts'
import {
  ask,
  mistakeInServerName,
  mistakeInUrl,
  readText,
  readToken,
  reasonOf,
  replicasAt,
  type Reply,
  type Sending,
} from './replicas.ts'
import { complain, quoted, say } from './terminal.ts'

export interface ProbeOptions {
  readonly url: string
  readonly managementUrl: string
  /** `-`: standard input. None: what needs one is left out. */
  readonly tokenFile?: string
  /** Certificates (PEM) to trust instead of the system's: of an authority, or the server's own. */
  readonly caFile?: string
  /** The name that the certificate must have, where that is not the one of the URL. */
  readonly serverName?: string
  /** Certificates to trust on the management port, whose certificate then has the name of its URL. */
  readonly managementCaFile?: string
  /** How long it may take until every replica is ready, in milliseconds. */
  readonly wait: number
}

/** What is wrong with the arguments, if anything. */
export function mistakeIn({ url, managementUrl, serverName }: ProbeOptions): string | undefined {
  return (
    mistakeInUrl(url) ?? mistakeInUrl(managementUrl, '--management-url') ?? mistakeInServerName(serverName)
  )
}

/** @returns the exit code: 0 only if nothing failed; 2 when a file cannot be read */
export async function probe(options: ProbeOptions): Promise<number> {
  let token: string | undefined
  let ca: string | undefined
  let managementCa: string | undefined
  try {
    token = await readToken(options.tokenFile)
    ca = await readText(options.caFile)
    managementCa = await readText(options.managementCaFile)
  } catch (error) {
    complain(`error: ${quoted(reasonOf(error))}`)
    return 2
  }
  const trust = { ca, serverName: options.serverName }
  const managementTrust = managementCa === undefined ? trust : { ca: managementCa }
  let hasFailed = false
  function tell(step: string, { verdict, found, remedy }: Told): void {
    hasFailed ||= verdict === 'failed'
    const whatToDo = remedy === undefined ? '' : `. What to do: ${remedy}`
    const line = `${step}: ${found}${whatToDo}`
    // Whoever answers may repeat what was sent, and not every token looks like one.
    const shown = token === undefined ? line : line.replaceAll(token, '[redacted]')
    say(`${verdict.padEnd(widest)}  ${quoted(shown)}`)
  }

  const ready = await untilReady(new URL('/readyz', options.managementUrl), managementTrust, options.wait)
  tell('ready', ready)
  if (ready.verdict === 'failed') {
    for (const step of ['without a token', 'with a token']) tell(step, skipped('it needs one that is ready'))
    return 1
  }
  // Of a session that there is not: whoever may read sessions is told so by Graph.
  const read = new URL(`${workspace}/sessions/${randomUUID()}`, options.url)
  tell('without a token', judgeAnonymous(await heard(read, { ...trust, method: 'GET', headers: {} })))
  if (token === undefined) tell('with a token', skipped('it needs --token-file'))
  else {
    const headers = { authorization: `Bearer ${token}` }
    tell('with a token', judgeIdentified(await heard(read, { ...trust, method: 'GET', headers }), token))
  }
  return hasFailed ? 1 : 0
}

const widest = 'skipped'.length
const workspace = '/beta/security/securityCopilot/workspaces/default'
const betweenTriesMs = 500
/** Characters of an answer's body. */
const mostShown = 1_000

type Trust = Pick<Sending, 'ca' | 'serverName'>

/** All of them, and those that come meanwhile: addresses are looked up anew each time. */
async function untilReady(url: URL, trust: Trust, waitMs: number): Promise<Told> {
  const endsAt = performance.now() + waitMs
  for (;;) {
    const told = await areReady(url, trust)
    const leftMs = endsAt - performance.now()
    if (told.verdict === 'ok' || leftMs <= 0) return told
    await pause(Math.min(betweenTriesMs, leftMs))
  }
}

async function areReady(url: URL, trust: Trust): Promise<Told> {
  try {
    const replicas = await replicasAt(url)
    const asked = replicas.map(async (replica): Promise<Told & { readonly address: string }> => {
      const { address } = replica
      try {
        const reply = await ask(url, replica, { ...trust, method: 'GET', headers: {} })
        if (reply.status === 200) return { address, ...ok('200') }
        const remedy =
          reply.status === 503
            ? 'its log says why; run `doctor` in it: until one token from Entra and the keys of one issuer are there, it is not ready'
            : 'is --management-url the gateway’s port for management?'
        return { address, ...failed(`${reply.status} ${reply.body.slice(0, mostShown).trim()}`, remedy) }
      } catch (error) {
        return { address, ...unreached(error) }
      }
    })
    const each = await Promise.all(asked)
    const bad = each.filter(({ verdict }) => verdict === 'failed')
    const [worst] = bad
    if (worst === undefined) return ok(each.map(({ address }) => address).join(', '))
    return failed(
      `${bad.length} of ${each.length}: ${bad.map(({ address, found }) => `${address}: ${found}`).join('; ')}`,
      worst.remedy,
    )
  } catch (error) {
    return unreached(error)
  }
}

/** The answer of the first address behind a name; that of a Service has only one. */
async function heard(url: URL, sending: Sending): Promise<Reply | Told> {
  try {
    const [replica] = await replicasAt(url)
    if (replica === undefined) return failed(`${url.hostname} has no address`)
    return await ask(url, replica, sending)
  } catch (error) {
    return unreached(error)
  }
}

function judgeAnonymous(reply: Reply | Told): Told {
  if ('verdict' in reply) return reply
  if (reply.status === 401) return ok('401, as it should be')
  return failed(
    `${describe(reply)}, and not 401`,
    reply.status < 500
      ? 'no issuer may be of type anonymous here; or --url is not the gateway’s port for callers'
      : remedyFor5xx,
  )
}

function judgeIdentified(reply: Reply | Told, token: string): Told {
  if ('verdict' in reply) return reply
  switch (reply.status) {
    case 403:
      return ok(`403: the caller is known, and no rule permits it to read in default (${ofToken(token)})`)
    case 200:
    case 404:
    case 410:
      return ok(`${reply.status}: the caller is known, a rule permits it, and Graph has answered`)
    case 429:
      return ok('429: the caller is known, and its rate is used up just now')
    case 401:
      return failed(
        `${describe(reply)}; the token says ${ofToken(token)}`,
        'compare aud with issuers.<name>.audience, iss with the issuer, exp with the clock; the gateway’s log has the reason under ' +
          'this request-id, and `explain --token-file` tells it at once',
      )
    default:
      return failed(
        describe(reply),
        reply.status >= 500 ? remedyFor5xx : 'is --url the gateway’s port for callers?',
      )
  }
}

const remedyFor5xx =
  'the gateway’s log has the reason under this request-id; `doctor`, run in its pod, tries all that it needs'

function describe({ status, body, requestId }: Reply): string {
  const error = parseJsonObject(Buffer.from(body))?.['error']
  const said = error === undefined ? '' : ` ${JSON.stringify(error)}`
  return `${status}${said} (request-id ${requestId})`
}

/** What a token says of itself, unverified: to compare. */
function ofToken(token: string): string {
  const claims = parseJsonObject(Buffer.from(token.split('.')[1] ?? '', 'base64url'))
  if (claims === undefined) return 'nothing: it is not a JWT'
  const { iss, aud, sub, exp } = claims
  const told = Object.entries({ iss, aud, sub }).map(
    ([claim, value]) => `${claim} ${JSON.stringify(value) ?? 'none'}`,
  )
  return `${told.join(', ')}, exp ${new Date(Number(exp) * 1000).toJSON() ?? 'none'}`
}

function unreached(error: unknown): Told {
  return failed(reasonOf(error), remedyOf(error))
}

function remedyOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return 'give the name that is in the certificate: --server-name, in the chart tests.serverName'
  }
  if (/CERT|SIGNATURE|ISSUER/.test(code))
    return 'the certificate is not one that --ca-file, or the system, trusts'
  if (/SSL|EPROTO|HPE_|ECONNRESET/.test(code))
    return 'is it https there, and http here, or the other way round?'
  if (/ENOTFOUND|EAI_AGAIN/.test(code))
    return 'the name has no address: is the Service there, with this name, in this namespace?'
  if (code === 'ECONNREFUSED')
    return 'nobody listens there: compare the port with server.listen and server.management.listen'
  return 'nothing came back: a NetworkPolicy, a firewall or a proxy may stand between'
}

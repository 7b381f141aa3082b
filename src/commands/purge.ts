/**
 * Asks every replica behind one address to purge: a name with several addresses is several replicas, and each has a
 * cache of its own.
 *
 * @module
 */

import { lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import { complain, say } from './terminal.ts'

export interface PurgeOptions {
  readonly url: string
  readonly all?: boolean
  readonly workspace?: string
  readonly session?: string
  readonly tokenFile?: string
  /** Certificate authorities (PEM) to trust instead of the system's. */
  readonly caFile?: string
}

interface Replica {
  readonly address: string
  readonly family: number
}

interface Reply {
  readonly status: number
  readonly requestId: string
  readonly body: string
}

const deadlineMs = 10_000

/** @returns the exit code: 0 only if every replica has purged; 1 names those that have not */
export async function purge(options: PurgeOptions): Promise<number> {
  try {
    const outcomes = await purgeReplicas(options)
    for (const { address, isPurged, said } of outcomes) {
      if (isPurged) say(`${address}  ${said}`)
      else complain(`${address}  not purged: ${said}`)
    }
    return exitCodeOf(outcomes)
  } catch (error) {
    complain(reasonOf(error))
    return 1
  }
}

/** What is wrong with the arguments, if anything. */
export function mistakeIn({ url, all = false, workspace, session }: PurgeOptions): string | undefined {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    return '--url takes an http or https URL'
  if (all === (workspace !== undefined)) return 'say what: --all, or --workspace <id>'
  if (all && session !== undefined) return '--session goes with --workspace'
  return undefined
}

export interface Outcome {
  readonly address: string
  readonly isPurged: boolean
  readonly said: string
}

/** One replica that still gives out what should be gone is one too many. */
export function exitCodeOf(outcomes: readonly Outcome[]): number {
  return outcomes.length > 0 && outcomes.every(({ isPurged }) => isPurged) ? 0 : 1
}

export type Resolve = (hostname: string) => Promise<readonly Replica[]>

/** @throws a file cannot be read, or the name has no address */
export async function purgeReplicas(
  options: PurgeOptions,
  resolve: Resolve = addressesOf,
): Promise<Outcome[]> {
  const base = new URL(options.url)
  const [replicas, token, ca] = await Promise.all([
    resolve(base.hostname.replace(/^\[|\]$/g, '')),
    readText(options.tokenFile),
    readText(options.caFile),
  ])
  const url = new URL(pathOf(options), base)
  const headers = token === undefined ? {} : { authorization: `Bearer ${token.trim()}` }
  return Promise.all(
    replicas.map(async (replica) => {
      const { address } = replica
      try {
        const { status, requestId, body } = await ask(url, replica, { headers, ca })
        const isPurged = status === 200
        return { address, isPurged, said: `${isPurged ? '' : `${status} `}${body} (request-id ${requestId})` }
      } catch (error) {
        return { address, isPurged: false, said: reasonOf(error) }
      }
    }),
  )
}

function pathOf({ workspace, session }: PurgeOptions): string {
  if (workspace === undefined) return '/cache'
  const path = `/cache/workspaces/${encodeURIComponent(workspace)}`
  return session === undefined ? path : `${path}/sessions/${encodeURIComponent(session)}`
}

async function addressesOf(hostname: string): Promise<Replica[]> {
  const found = await lookup(hostname, { all: true })
  // It has two addresses, and they are one replica.
  return hostname === 'localhost' ? found.slice(0, 1) : found
}

interface Sending {
  readonly headers: Readonly<Record<string, string>>
  readonly ca: string | undefined
}

function ask(url: URL, { address, family }: Replica, { headers, ca }: Sending): Promise<Reply> {
  // The name stays in the URL, for the certificate and `Host`; the connection goes to this one address.
  const toReplica: LookupFunction = (_hostname, { all }, found) => {
    if (all === true) found(null, [{ address, family }])
    else found(null, address, family)
  }
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const sent = request(
    url,
    {
      method: 'DELETE',
      headers,
      lookup: toReplica,
      agent: false,
      signal: AbortSignal.timeout(deadlineMs),
      ...(ca === undefined ? {} : { ca }),
    },
    (response) => void readReply(response).then(resolve, reject),
  )
  sent.on('error', reject)
  sent.end()
  return promise
}

async function readReply(response: IncomingMessage): Promise<Reply> {
  response.setEncoding('utf8')
  let body = ''
  for await (const text of response) body += String(text)
  return {
    status: response.statusCode ?? 0,
    requestId: String(response.headers['request-id'] ?? 'none'),
    body,
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || String(error) : String(error)
}

async function readText(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : readFile(file, 'utf8')
}

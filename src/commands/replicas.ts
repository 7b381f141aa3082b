/**
 * Every replica behind one address: a name with several addresses is several replicas, and each has a cache of its own.
 *
 * @module
 */

import { lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { text as readAll } from 'node:stream/consumers'

export interface Replica {
  readonly address: string
  readonly family: number
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly requestId: string
  readonly body: string
}

export interface Sending {
  readonly method: 'GET' | 'HEAD' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  /** Certificates (PEM) to trust instead of the system's: of an authority, or the server's own. */
  readonly ca: string | undefined
  /** The name that the certificate must have, where that is not the one of the URL. */
  readonly serverName?: string | undefined
}

export type Resolve = (hostname: string) => Promise<readonly Replica[]>

const deadlineMs = 10_000
/** In characters. No answer of a gateway's management is as long; what somebody else sends may never end. */
const longestBody = 1024 * 1024

/** What is wrong with an option that takes a URL, if anything. */
export function mistakeInUrl(url: string, option = '--url'): string | undefined {
  const isOne = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
  return isOne ? undefined : `${option} takes an http or https URL`
}

/** What is wrong with an option `--server-name`, if anything. */
export function mistakeInServerName(name: string | undefined): string | undefined {
  if (name === undefined || (name !== '' && isIP(name) === 0)) return undefined
  return '--server-name takes the DNS name in the certificate'
}

/** @throws the name has no address */
export async function replicasAt(
  { hostname }: URL,
  resolve: Resolve = addressesOf,
): Promise<readonly Replica[]> {
  return resolve(hostname.replace(/^\[|\]$/g, ''))
}

async function addressesOf(hostname: string): Promise<Replica[]> {
  const found = await lookup(hostname, { all: true })
  // It has two addresses, and they are one replica.
  return hostname === 'localhost' ? found.slice(0, 1) : found
}

/** @throws it cannot be reached, or does not answer in time */
export async function ask(url: URL, replica: Replica, sending: Sending): Promise<Reply> {
  const deadline = AbortSignal.timeout(deadlineMs)
  try {
    return await exchange(url, replica, sending, deadline)
  } catch (error) {
    if (deadline.aborted) throw new Error(`no whole answer within ${deadlineMs / 1000} s`, { cause: error })
    throw error
  }
}

function exchange(
  url: URL,
  { address, family }: Replica,
  { method, headers, ca, serverName }: Sending,
  signal: AbortSignal,
): Promise<Reply> {
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
      method,
      headers,
      lookup: toReplica,
      agent: false,
      signal,
      ...(ca === undefined ? {} : { ca, allowPartialTrustChain: true }),
      ...(serverName === undefined ? {} : { servername: serverName }),
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
  for await (const text of response) {
    body += String(text)
    // Leaving the loop destroys the connection.
    if (body.length > longestBody) throw new Error('the answer is longer than 1 MiB')
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    requestId: String(response.headers['request-id'] ?? 'none'),
    body,
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || String(error) : String(error)
}

/** @throws it cannot be read */
export async function readText(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : readFile(file, 'utf8')
}

/**
 * @param file `-`: standard input
 * @throws it cannot be read, or there is nothing in it: `kubectl exec` without `-i` has an empty standard input
 */
export async function readToken(file: string | undefined): Promise<string | undefined> {
  const text = file === '-' ? await readAll(process.stdin) : await readText(file)
  const token = text?.trim()
  if (token === '') throw new Error(`no token in ${file === '-' ? 'standard input' : file}`)
  return token
}

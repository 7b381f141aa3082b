/**
 * Asks every replica behind one address to purge.
 *
 * @module
 */

import { isJsonObject, parseJsonObject } from '../json.ts'
import {
  ask,
  mistakeInServerName,
  mistakeInUrl,
  readText,
  readToken,
  reasonOf,
  replicasAt,
  type Reply,
  type Resolve,
} from './replicas.ts'
import { complain, quoted, say } from './terminal.ts'

export interface PurgeOptions {
  readonly url: string
  readonly all?: boolean
  readonly workspace?: string
  readonly session?: string
  /** `-`: standard input. */
  readonly tokenFile?: string
  /** Certificates (PEM) to trust instead of the system's: of an authority, or the server's own. */
  readonly caFile?: string
  /** The name that the certificate must have, where that is not the one of the URL. */
  readonly serverName?: string
}

/** @returns the exit code: 0 only if every replica has purged, and all know of it; 1 names those that have not */
export async function purge(options: PurgeOptions): Promise<number> {
  try {
    const outcomes = await purgeReplicas(options)
    for (const { address, purged, said } of outcomes) {
      if (purged === 'yes') say(quoted(`${address}  ${said}`))
      else complain(quoted(`${address}  ${shortfalls[purged]}: ${said}`))
    }
    return exitCodeOf(outcomes)
  } catch (error) {
    complain(quoted(reasonOf(error)))
    return 1
  }
}

/** What is wrong with the arguments, if anything. */
export function mistakeIn({
  url,
  all = false,
  workspace,
  session,
  serverName,
}: PurgeOptions): string | undefined {
  const mistake = mistakeInUrl(url) ?? mistakeInServerName(serverName)
  if (mistake !== undefined) return mistake
  if (all === (workspace !== undefined)) return 'say what: --all, or --workspace <id>'
  if (all && session !== undefined) return '--session goes with --workspace'
  return undefined
}

export interface Outcome {
  readonly address: string
  /** `here`: it has, and could not tell those it shares a cache with. */
  readonly purged: 'yes' | 'here' | 'unknown'
  readonly said: string
}

const shortfalls = {
  here: 'purged here; the others could not be told',
  unknown: 'not confirmed',
}

/** One replica that still gives out what should be gone is one too many. */
export function exitCodeOf(outcomes: readonly Outcome[]): number {
  return outcomes.length > 0 && outcomes.every(({ purged }) => purged === 'yes') ? 0 : 1
}

/** @throws a file cannot be read, or the name has no address */
export async function purgeReplicas(options: PurgeOptions, resolve?: Resolve): Promise<Outcome[]> {
  const base = new URL(options.url)
  const [replicas, token, ca] = await Promise.all([
    replicasAt(base, resolve),
    readToken(options.tokenFile),
    readText(options.caFile),
  ])
  const url = new URL(pathOf(options), base)
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return Promise.all(
    replicas.map(async (replica) => {
      const { address } = replica
      try {
        const reply = await ask(url, replica, {
          method: 'DELETE',
          headers,
          ca,
          serverName: options.serverName,
        })
        const purged = judge(reply)
        const status = purged === 'yes' ? '' : `${reply.status} `
        return { address, purged, said: `${status}${reply.body} (request-id ${reply.requestId})` }
      } catch (error) {
        return { address, purged: 'unknown', said: reasonOf(error) }
      }
    }),
  )
}

function judge({ status, body }: Reply): Outcome['purged'] {
  if (status === 200) return 'yes'
  const error = parseJsonObject(Buffer.from(body))?.['error']
  return status === 503 && isJsonObject(error) && error['code'] === 'purgeNotShared' ? 'here' : 'unknown'
}

function pathOf({ workspace, session }: PurgeOptions): string {
  if (workspace === undefined) return '/cache'
  const path = `/cache/workspaces/${encodeURIComponent(workspace)}`
  return session === undefined ? path : `${path}/sessions/${encodeURIComponent(session)}`
}

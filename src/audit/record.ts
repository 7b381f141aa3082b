/**
 * One audit record: who asked what, what was decided and what left.
 *
 * As a line it is an OCSF 1.8.0 API Activity event (class 6003), pinned; what OCSF has no place for stands under
 * `unmapped`. docs/reference/audit.md describes every field. Never in it: a token, a secret, a session's display name.
 *
 * @module
 */

import type { AuditCaller, AuditRecord, Repeated } from './facts.ts'
import { inOnePiece, quote, quoteShort } from './text.ts'

/** What stands in every record of one process. */
export interface Origin {
  readonly version: string
  /** The tenant whose sessions are read. */
  readonly tenantId: string
  readonly hostName: string
}

/** No record is longer, in bytes: collectors split lines at 16 KiB. */
export const longestRecord = 8 * 1024

/** A line up to where its `unmapped` ends: what is put there in addition, and `}}`, are still to come. */
export type OpenLine = string

const classUid = 6003
const activities = { read: [2, 'Read'], purge: [99, 'Purge'] } as const
const operations = { read: 'session.get', purge: 'cache.purge' } as const
/** OCSF has these and no others. */
const methods = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'])

const success = 1
const failure = 2
const severity = { informational: 1, low: 2, high: 4 } as const

/** What becomes of the same objects request after request is made once. */
const callerParts = new WeakMap<AuditCaller, string>()
/** Of a caller who was last permitted to read a session. */
const readerParts = new WeakMap<AuditCaller, { readonly rule: string; readonly part: string }>()
const peerParts = new WeakMap<AuditRecord['peer'], string>()

export interface RecordFormat {
  /** @param sequence the record's number in its process's trail, from 1 */
  readonly request: (record: AuditRecord, sequence: number) => OpenLine
  /** What happens to the trail itself. */
  readonly event: (event: TrailEvent, sequence: number) => OpenLine
}

export interface TrailEvent {
  readonly name: 'chain.open' | 'chain.close' | 'chain.checkpoint' | 'requests.refused' | 'records.lost'
  /** Epoch milliseconds. */
  readonly time: number
  readonly uid: string
  readonly repeated?: Repeated
  readonly detail?: Readonly<Record<string, unknown>>
}

const eventNames = {
  'chain.open': 'Chain opened',
  'chain.close': 'Chain closed',
  'chain.checkpoint': 'Checkpoint',
  'requests.refused': 'Requests refused',
  'records.lost': 'Records lost',
} as const

export function createRecordFormat({ version, tenantId, hostName }: Origin): RecordFormat {
  const metadata = inOnePiece(
    `"metadata":{"version":"1.8.0","product":{"name":"Session Gateway","version":${quote(version)}},` +
      `"log_name":"audit","tenant_uid":${quote(tenantId)},"sequence":`,
  )

  function request(record: AuditRecord, sequence: number): OpenLine {
    const { time, durationMs, requestId, clientRequestId, refusal, repeated, fate } = record
    return (
      `{"level":"info","time":${time}${verdictPart(record)}` +
      (refusal?.reason === undefined ? '' : `"status_detail":${quoteShort(refusal.reason)},`) +
      `"duration":${Math.round(durationMs)}${repeated === undefined ? '' : repeatedPart(repeated)}` +
      `${actorPart(record)}${requestId}"` +
      `${dataPart(record.asked)}${answerPart(record)}${peerPart(record.peer)}${resourcePart(record)}` +
      `${metadata}${sequence}${clientRequestId === undefined ? '' : `,"correlation_uid":"${clientRequestId}"`}` +
      `},"unmapped":{"cache":"${record.outcome ?? 'none'}"${tripPart(record)}${fate === undefined ? '' : `,"${fate}":true`}`
    )
  }

  function event({ name, time, uid, repeated, detail }: TrailEvent, sequence: number): OpenLine {
    const isFault = name === 'requests.refused' || name === 'records.lost'
    return (
      `{"level":"info","time":${time},"class_uid":${classUid},"category_uid":6,"activity_id":99,` +
      `"activity_name":"${eventNames[name]}","type_uid":${classUid * 100 + 99},` +
      `"severity_id":${isFault ? severity.high : severity.informational},` +
      `"status_id":${isFault ? failure : success}${repeated === undefined ? '' : repeatedPart(repeated)}` +
      `,"actor":{"app_name":"session-gateway"},"api":{"operation":"audit.${name}","request":{"uid":"${uid}"}},` +
      `"src_endpoint":{"name":${quote(hostName)}},${metadata}${sequence}},` +
      `"unmapped":{${detail === undefined ? '' : `"trail":${JSON.stringify(detail)}`}`
    )
  }

  return { request, event }
}

const verdictParts = new Map<string, string>()

/** There are few of them. */
function verdictPart({ action, status }: AuditRecord): string {
  const which = action === 'read' && status === 200 ? 'read' : `${action} ${status}`
  const known = verdictParts.get(which)
  if (known !== undefined) return known
  const [activity, activityName] = activities[action]
  const part = inOnePiece(
    `,"class_uid":${classUid},"category_uid":6,"activity_id":${activity},` +
      `"activity_name":"${activityName}","type_uid":${classUid * 100 + activity},` +
      `"severity_id":${status === 401 || status === 403 ? severity.low : severity.informational},` +
      `"status_id":${status < 400 ? success : failure},"status_code":"${status}",`,
  )
  verdictParts.set(which, part)
  return part
}

/** Up to where the request's id follows. */
function actorPart(record: AuditRecord): string {
  const { action, caller, asked, rule } = record
  const isPlain = action === 'read' && asked !== undefined && !('operation' in asked)
  const known = isPlain && caller !== undefined ? readerParts.get(caller) : undefined
  if (known !== undefined && known.rule === rule) return known.part
  const made = `,"actor":{${callerPart(caller)}${authorizationPart(record)}},${operationPart(record)}`
  if (!isPlain || caller === undefined || rule === undefined) return made
  const part = inOnePiece(made)
  readerParts.set(caller, { rule, part })
  return part
}

function callerPart(caller: AuditCaller | undefined): string {
  if (caller === undefined) return '"user":{"name":"unidentified","type_id":0}'
  const known = callerParts.get(caller)
  if (known !== undefined) return known
  const { issuer, subject, tokenId, workload } = caller
  const { namespace, serviceAccount, pod, podUid } = workload ?? {}
  const part =
    `"user":{"uid":${quote(subject)},"type_id":4` +
    (serviceAccount === undefined ? '' : `,"name":${quote(serviceAccount)}`) +
    (namespace === undefined ? '' : `,"domain":${quote(namespace)}`) +
    `},"idp":{"name":${quote(issuer)}}` +
    (tokenId === undefined ? '' : `,"session":{"credential_uid":${quote(tokenId)}}`) +
    (pod === undefined ? '' : `,"app_name":${quote(pod)}`) +
    (podUid === undefined ? '' : `,"app_uid":${quote(podUid)}`)
  callerParts.set(caller, part)
  return part
}

function authorizationPart({ rule, refusal }: AuditRecord): string {
  if (rule !== undefined) {
    return `,"authorizations":[{"decision":"allowed","policy":{"name":${quote(rule)}}}]`
  }
  return refusal?.code === 'accessDenied' ? ',"authorizations":[{"decision":"denied"}]' : ''
}

function operationPart({ action, asked }: AuditRecord): string {
  const operation =
    asked === undefined ? 'unknown' : 'operation' in asked ? asked.operation : operations[action]
  return `"api":{"operation":"${operation}","version":"beta","service":{"name":"Microsoft Graph"},"request":{"uid":"`
}

const plainAnswer =
  '},"response":{"code":200}},"http_request":{"http_method":"GET"},"http_response":{"code":200},'

function answerPart({ method, status, refusal }: AuditRecord): string {
  if (status === 200 && method === 'GET' && refusal === undefined) return plainAnswer
  const error = refusal === undefined ? '' : `,"error":"${refusal.code}"`
  const known =
    method !== undefined && methods.has(method) ? `"http_request":{"http_method":"${method}"},` : ''
  return `},"response":{"code":${status}${error}}},${known}"http_response":{"code":${status}},`
}

const everyProperty = ',"data":{"select":["*"]}'

function dataPart(asked: AuditRecord['asked']): string {
  if (asked?.select === undefined) return ''
  if (asked.select === null && !('operation' in asked)) return everyProperty
  const select = `"select":[${(asked.select ?? ['*']).map((name) => `"${name}"`).join(',')}]`
  if (!('operation' in asked)) return `,"data":{${select}}`
  const { isFiltered, top, isNextPage } = asked
  return (
    `,"data":{${select}${isFiltered ? ',"filtered":true' : ''}` +
    `${top === undefined ? '' : `,"top":${top}`}${isNextPage ? ',"next_page":true' : ''}}`
  )
}

function peerPart(peer: AuditRecord['peer']): string {
  const known = peerParts.get(peer)
  if (known !== undefined) return known
  const { ip, port, proxies } = peer
  const between = proxies === undefined ? '' : `,"intermediate_ips":[${proxies.map(quote).join(',')}]`
  const part =
    ip === undefined
      ? '"src_endpoint":{"name":"unknown"},'
      : inOnePiece(
          `"src_endpoint":{"ip":${quote(ip)}${port === undefined ? '' : `,"port":${port}`}${between}},`,
        )
  peerParts.set(peer, part)
  return part
}

const resourceTypes = {
  read: '"resources":[{"type":"Security Copilot session","uid":"',
  purge: '"resources":[{"type":"Cached session","uid":"',
} as const

function resourcePart({ action, asked }: AuditRecord): string {
  if (asked === undefined) return ''
  if ('operation' in asked) {
    const namespace = asked.workspaceId ?? '*'
    const all = asked.resources.map(
      ({ type, uid }) => `{"type":"Security Copilot ${type}","uid":"${uid}","namespace":"${namespace}"}`,
    )
    return `"resources":[${all.join(',')}],`
  }
  const { workspaceId, sessionId } = asked
  return `${resourceTypes[action]}${sessionId ?? '*'}","namespace":"${workspaceId ?? '*'}"}],`
}

function tripPart({ trip, graphFailure }: AuditRecord): string {
  return (
    (trip === undefined
      ? ''
      : `,"graph":{"client_request_id":"${trip.clientRequestId}"` +
        `${trip.requestId === undefined ? '' : `,"request_id":"${trip.requestId}"`}}`) +
    (graphFailure === undefined ? '' : `,"graph_failure":"${graphFailure}"`)
  )
}

function repeatedPart({ count, from, until }: Repeated): string {
  return `,"count":${count},"start_time":${from},"end_time":${until}`
}

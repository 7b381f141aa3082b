/**
 * The emulator's own path, `/_emulator`, for a developer with curl: counters, faults, tokens.
 *
 * @module
 */

import { parts } from './faults.ts'
import type { Fault, PartName } from './faults.ts'
import type { ServiceAccountTokenOptions } from './service-accounts.ts'
import { json } from './server.ts'
import type { Answer, EmulatedRequest } from './server.ts'

/** What the path can do to the emulator. */
export interface Controls {
  counters(): Record<string, unknown>
  fail(part: PartName, fault: Fault, times: number): void
  reset(): void
  token(claims: Record<string, unknown>): Promise<string>
  serviceAccountToken(options: ServiceAccountTokenOptions): Promise<string>
}

/** What is wrong with what the developer sent (400). */
class BadControl extends Error {}

type Fields = Readonly<Record<string, unknown>>

export async function control(request: EmulatedRequest, controls: Controls): Promise<Answer> {
  try {
    switch (`${request.method} ${request.path}`) {
      case 'GET /_emulator':
        return json(200, controls.counters())
      case 'POST /_emulator/faults':
        return json(200, addFault(fieldsOf(request), controls))
      case 'POST /_emulator/reset':
        controls.reset()
        return json(200, {})
      case 'POST /_emulator/tokens':
        return json(200, { token: await makeToken(fieldsOf(request), controls) })
      default:
        return json(404, { error: `Nothing here. There are: ${known.join(', ')}` })
    }
  } catch (error) {
    if (error instanceof BadControl) return json(400, { error: error.message })
    throw error
  }
}

const known = [
  'GET /_emulator',
  'POST /_emulator/faults',
  'POST /_emulator/reset',
  'POST /_emulator/tokens',
] as const

function addFault(sent: Fields, controls: Controls): Record<string, unknown> {
  refuseUnknown(sent, ['part', 'fault', 'times'], '')
  const part = parts.find((name) => name === sent['part'])
  if (part === undefined) throw new BadControl(`part: one of ${parts.join(', ')}`)
  const fault = fields(sent['fault'], 'fault')
  checkFault(fault)
  const times = sent['times'] === 'Infinity' ? Infinity : (sent['times'] ?? 1)
  if (typeof times !== 'number') throw new BadControl('times: a positive whole number, or "Infinity"')
  try {
    controls.fail(part, fault, times)
  } catch (error) {
    throw new BadControl(error instanceof Error ? error.message : String(error))
  }
  return { part, fault, times: sent['times'] ?? 1 }
}

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isFlag: Check = (value) => typeof value === 'boolean'
const isStatus: Check = (value) => Number.isInteger(value) && Number(value) >= 200 && Number(value) <= 599
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const isHeaders: Check = (value) => isFields(value) && Object.values(value).every(isText)

/** A `?` marks what may be left out. `hold` is missing: a promise does not fit into JSON. */
const faultFields: Readonly<Record<Exclude<Fault['kind'], 'hold'>, Readonly<Record<string, Check>>>> = {
  status: { status: isStatus, 'retryAfter?': isText, 'code?': isText, 'message?': isText },
  entraError: { aadsts: isCount },
  delay: { ms: isCount },
  hang: {},
  truncate: { 'isChunked?': isFlag },
  drip: { everyMs: isCount, 'bytes?': isCount },
  reset: {},
  html: { 'status?': isStatus },
  otherId: {},
  extra: {},
  redirect: { location: isText, 'status?': isStatus },
  body: { status: isStatus, headers: isHeaders, body: isText, 'isChunked?': isFlag },
}

function checkFault(sent: Fields): asserts sent is Fields & Fault {
  const found = Object.entries(faultFields).find(([kind]) => kind === sent['kind'])
  if (found === undefined) {
    throw new BadControl(`fault.kind: one of ${Object.keys(faultFields).join(', ')}`)
  }
  const checks = Object.entries(found[1])
  refuseUnknown(sent, ['kind', ...checks.map(([name]) => name.replace('?', ''))], 'fault.')
  for (const [marked, isRight] of checks) {
    const name = marked.replace('?', '')
    const value = sent[name]
    if (value === undefined && marked.endsWith('?')) continue
    if (!isRight(value)) {
      throw new BadControl(`fault.${name}: ${value === undefined ? 'missing' : 'not usable'}`)
    }
  }
}

function makeToken(sent: Fields, controls: Controls): Promise<string> {
  refuseUnknown(sent, ['claims', 'serviceAccount'], '')
  const claims = fields(sent['claims'] ?? {}, 'claims')
  if (sent['serviceAccount'] === undefined) return controls.token(claims)
  const account = fields(sent['serviceAccount'], 'serviceAccount')
  refuseUnknown(account, ['namespace', 'serviceAccount', 'audience'], 'serviceAccount.')
  return controls.serviceAccountToken({
    namespace: accountText(account, 'namespace'),
    serviceAccount: accountText(account, 'serviceAccount'),
    audience: accountText(account, 'audience'),
    claims,
  })
}

function accountText(account: Fields, name: string): string {
  const value = account[name]
  if (typeof value !== 'string') throw new BadControl(`serviceAccount.${name}: a string`)
  return value
}

function fieldsOf(request: EmulatedRequest): Fields {
  let sent: unknown
  try {
    sent = JSON.parse(request.body.toString() || '{}')
  } catch {
    throw new BadControl('the body is not JSON')
  }
  return fields(sent, 'the body')
}

function fields(value: unknown, where: string): Fields {
  if (!isFields(value)) throw new BadControl(`${where}: a JSON object`)
  return value
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuseUnknown(sent: Fields, allowed: readonly string[], prefix: string): void {
  const unknown = Object.keys(sent).find((name) => !allowed.includes(name))
  if (unknown !== undefined) {
    throw new BadControl(`${prefix}${unknown}: unknown; there are ${allowed.join(', ')}`)
  }
}

/**
 * May this caller read this? Rules only grant; what no rule grants is denied.
 *
 * A request is permitted by one rule alone, the first in order that permits all of it: two rules that each permit a
 * part do not add up. It is decided anew on every request, before the cache is asked.
 *
 * @module
 */

import { AccessDenied, RateExceeded } from './errors.ts'
import { matches } from './pattern.ts'
import { createLimiter, type Limiter, type Rate } from './rate.ts'

/** As the callers room identified them. */
export interface Reader {
  readonly issuer: string
  readonly subject: string
  readonly workload?: { readonly namespace: string; readonly serviceAccount: string }
}

/** As the session room understood it. */
export interface Wanted {
  readonly read: string
  /** `null`: it is in none of them, and every one's name is in it. */
  readonly workspaceId: string | null
  /** `null` asks for every property. */
  readonly select: readonly string[] | null
}

/** Whom a rule speaks of: each field that is given must match. `*` stays inside one segment. */
export interface CallerPattern {
  readonly issuer: string
  readonly subject?: string | undefined
  readonly namespace?: string | undefined
  readonly serviceAccount?: string | undefined
}

export interface Rule {
  readonly name: string
  readonly callers: readonly CallerPattern[]
  /** Exact ids; `*` is every workspace, `default` included. */
  readonly workspaces?: readonly string[] | undefined
  /** What may be read; absent: one session at a time. */
  readonly reads?: readonly string[] | undefined
  /** The only properties of a session that may be asked for; absent: all of them. Of anything else such a rule grants nothing. */
  readonly select?: readonly string[] | undefined
  /** Whether a request may demand a fresh answer of Graph's. */
  readonly mayBypassCache?: boolean | undefined
  /** What these callers may do instead of reading, in `workspaces`; where those are absent, everywhere. */
  readonly admin?: readonly 'purge'[] | undefined
  /** Absent: unlimited. */
  readonly rate?: Rate | undefined
}

export interface Grant {
  /** The name of the rule that permits the request. */
  readonly rule: string
  readonly mayBypassCache: boolean
}

/** A rule that permits a request, which is still to be counted. */
export interface Permit extends Grant {
  /** @throws {RateExceeded} */
  use(reader: Reader): void
}

export interface Access {
  /** @throws {AccessDenied | RateExceeded} */
  decide(reader: Reader, wanted: Wanted): Grant
  /** Counts nothing, and refuses nothing. The same object for the same caller, request after request, makes it cheap. */
  permitted(reader: Reader, wanted: Wanted): Permit | undefined
  /**
   * @param workspaceId `null`: everything, in every workspace
   * @throws {AccessDenied | RateExceeded}
   */
  decidePurge(reader: Reader, workspaceId: string | null): Grant
}

export function createAccess(rules: readonly Rule[], now: () => number): Access {
  const limiters = new Map<string, Limiter>()
  for (const { name, rate } of rules) {
    if (rate !== undefined) limiters.set(name, createLimiter(rate, now))
  }

  const permitOf = new Map<Rule | undefined, Permit>()
  for (const rule of rules) permitOf.set(rule, permitFor(rule))
  const standingOf = new WeakMap<Reader, Standing>()

  function permitFor({ name, mayBypassCache = false }: Rule): Permit {
    const limiter = limiters.get(name)
    return {
      rule: name,
      mayBypassCache,
      use(reader) {
        const waitMs = limiter?.take(`${reader.issuer}\n${reader.subject}`) ?? 0
        if (waitMs > 0) throw new RateExceeded(name, waitMs)
      },
    }
  }

  function permitted(reader: Reader, wanted: Wanted): Permit | undefined {
    let standing = standingOf.get(reader)
    if (standing === undefined) {
      standing = createStanding(rules, reader)
      standingOf.set(reader, standing)
    }
    for (const rule of standing.rulesIn(wanted.workspaceId)) {
      if (hasRead(rule, wanted) && hasProperties(rule, wanted)) return permitOf.get(rule)
    }
    return undefined
  }

  function used(permit: Permit, reader: Reader): Grant {
    permit.use(reader)
    return permit
  }

  return {
    permitted,
    decide(reader, wanted) {
      const permit = permitted(reader, wanted)
      if (permit === undefined) throw denial(rules, reader, wanted)
      return used(permit, reader)
    },
    decidePurge(reader, workspaceId) {
      const permit = permitOf.get(rules.find((rule) => permitsPurge(rule, reader, workspaceId)))
      if (permit === undefined) {
        throw new AccessDenied(noPurgeGranted, 'no rule of this caller has admin: [purge] for this')
      }
      return used(permit, reader)
    },
  }
}

/** One caller's own rules for reading, found once: most rules speak of others. */
interface Standing {
  /** Those for this workspace, in order. */
  rulesIn(workspaceId: string | null): readonly Rule[]
}

function createStanding(rules: readonly Rule[], reader: Reader): Standing {
  const own = rules.filter((rule) => grantsReads(rule) && speaksOf(rule, reader))
  const named = new Set(own.flatMap(({ workspaces = [] }) => workspaces))
  const elsewhere = own.filter((rule) => hasWorkspace(rule, null))
  const inNamed = new Map<string, readonly Rule[]>()
  return {
    rulesIn(workspaceId) {
      if (workspaceId === null) return elsewhere
      const known = inNamed.get(workspaceId)
      if (known !== undefined) return known
      // No caller can make it grow: the names are the operator's.
      if (!named.has(workspaceId)) return elsewhere
      const here = own.filter((rule) => hasWorkspace(rule, workspaceId))
      inNamed.set(workspaceId, here)
      return here
    },
  }
}

/** What a rule may lack to permit a read; `reads`: what it has instead are deeds of `admin`. */
export type Lack = 'reads' | 'caller' | 'workspace' | 'read' | 'properties'

type Condition = (rule: Rule, reader: Reader, wanted: Wanted) => boolean

/** A rule permits what meets all of these. */
const conditions: readonly (readonly [lack: Lack, isMet: Condition])[] = [
  ['reads', grantsReads],
  ['caller', speaksOf],
  ['workspace', (rule, _reader, { workspaceId }) => hasWorkspace(rule, workspaceId)],
  ['read', (rule, _reader, wanted) => hasRead(rule, wanted)],
  ['properties', (rule, _reader, wanted) => hasProperties(rule, wanted)],
]

/** What each rule lacks to permit this, in the rules' order. The first that lacks nothing is the one that decides. */
export function lacksOf(
  rules: readonly Rule[],
  reader: Reader,
  wanted: Wanted,
): { readonly rule: Rule; readonly lacks: readonly Lack[] }[] {
  return rules.map((rule) => ({
    rule,
    lacks: conditions.filter(([, isMet]) => !isMet(rule, reader, wanted)).map(([lack]) => lack),
  }))
}

function grantsReads({ admin }: Rule): boolean {
  return admin === undefined
}

function speaksOf(rule: Rule, reader: Reader): boolean {
  return rule.callers.some(
    ({ issuer, subject, namespace, serviceAccount }) =>
      issuer === reader.issuer &&
      agrees(subject, reader.subject) &&
      agrees(namespace, reader.workload?.namespace) &&
      agrees(serviceAccount, reader.workload?.serviceAccount),
  )
}

function agrees(pattern: string | undefined, text: string | undefined): boolean {
  return pattern === undefined || (text !== undefined && matches(pattern, text))
}

function permitsPurge(rule: Rule, reader: Reader, workspaceId: string | null): boolean {
  const { admin = [], workspaces = ['*'] } = rule
  return (
    admin.includes('purge') &&
    speaksOf(rule, reader) &&
    (workspaces.includes('*') || (workspaceId !== null && workspaces.includes(workspaceId)))
  )
}

function hasWorkspace({ workspaces = [] }: Rule, workspaceId: string | null): boolean {
  return workspaces.includes('*') || (workspaceId !== null && workspaces.includes(workspaceId))
}

const oneSession: readonly string[] = ['session']

/** With `$filter` a list, and with its contents everything else, says more of a session than `select` would. */
function hasRead({ reads = oneSession, select }: Rule, { read }: Wanted): boolean {
  return reads.includes(read) && (select === undefined || read === 'session')
}

function hasProperties({ select: granted }: Rule, { select }: Wanted): boolean {
  return granted === undefined || (select !== null && select.every((name) => granted.includes(name)))
}

/** Tells callers of their own rules what is missing, and everybody else nothing about anybody's. */
function denial(rules: readonly Rule[], reader: Reader, wanted: Wanted): AccessDenied {
  const own = rules.filter((rule) => grantsReads(rule) && speaksOf(rule, reader))
  if (own.length === 0) return new AccessDenied(nothingGranted, 'no rule speaks of this caller')
  const here = own.filter((rule) => hasWorkspace(rule, wanted.workspaceId))
  if (here.length === 0) {
    const where = wanted.workspaceId === null ? 'every workspace ("*")' : 'this workspace'
    return new AccessDenied(nothingGranted, `no rule of this caller names ${where}`)
  }
  const granting = here.filter((rule) => hasRead(rule, wanted))
  const names = here.map(({ name }) => name).join(', ')
  if (granting.length === 0) {
    return new AccessDenied(
      `No access rule of yours has "${wanted.read}" among its reads. Ask the gateway’s operators for it.`,
      `the rules of this caller for this workspace do not grant the read ${wanted.read}: ${names}`,
    )
  }
  const lists = granting.map(({ select }) => (select ?? []).join(','))
  return new AccessDenied(
    `You may read these properties only; name them: $select=${lists.join(' or $select=')}.`,
    `the rules of this caller for this workspace grant less: ${names}`,
  )
}

const nothingGranted =
  'Your identity is known, but no access rule lets it read this workspace. Ask the gateway’s operators for one.'

const noPurgeGranted =
  'Your identity is known, but no access rule lets it purge this. Ask the gateway’s operators for one with admin: [purge].'

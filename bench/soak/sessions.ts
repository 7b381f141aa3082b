/**
 * The sessions that Graph has, and when each version of each was the current one: by that the age of an answer is
 * known, whatever its headers say.
 *
 * @module
 */

import type { Emulator } from '../../src/emulator/index.ts'
import { type Chance, zipf } from './chance.ts'

/** In every name, and so in every log or record that says too much. */
export const canary = 'CANARY-5b1f'

export const properties = ['id', 'createdDateTime', 'lastModifiedDateTime', 'displayName'] as const

export type Property = (typeof properties)[number]

/** `null`: every property. */
export type Select = readonly Property[] | null

interface Spell {
  /** `null`: Graph has no such session. */
  readonly version: number | null
  readonly from: number
  until: number
}

export interface Session {
  readonly workspaceId: string
  readonly id: string
  readonly index: number
  readonly spells: Spell[]
}

export const workspaces = ['default', '17aafe23-ab95-3b37-9546-56dec5ac0218'] as const

export type Reading =
  | { readonly wrong: string }
  /** `version` is undefined where nothing that was asked for tells one version from another. */
  | { readonly version: number | undefined }

export class Sessions {
  readonly all: readonly Session[]
  readonly #emulator: Emulator
  readonly #rank: (chance: Chance) => number

  constructor(emulator: Emulator, count: number, chance: Chance) {
    this.#emulator = emulator
    this.#rank = zipf(count)
    this.all = Array.from({ length: count }, (_, index) => ({
      workspaceId: workspaces[chance.is(0.7) ? 0 : 1],
      id: idOf(index, chance),
      index,
      spells: [],
    }))
    for (const session of this.all) this.#become(session, 1)
  }

  popular(chance: Chance): Session {
    return this.all[this.#rank(chance)] as Session
  }

  /** Renames it, removes it, or puts it back. */
  change(session: Session, chance: Chance): void {
    const newest = Math.max(...session.spells.map(({ version }) => version ?? 0))
    const isThere = session.spells.at(-1)?.version !== null
    this.#become(session, isThere && chance.is(0.15) ? null : newest + 1)
  }

  #become(session: Session, version: number | null): void {
    const now = performance.now()
    const current = session.spells.at(-1)
    if (current !== undefined) current.until = now
    session.spells.push({ version, from: now, until: Infinity })
    const { workspaceId, id } = session
    if (version === null) this.#emulator.graph.remove(workspaceId, id)
    else this.#emulator.graph.put(workspaceId, contentOf(session, version))
  }
}

function idOf(index: number, chance: Chance): string {
  const random = Math.floor(chance.next() * 2 ** 32)
  return `${random.toString(16).padStart(8, '0')}-0000-4000-8000-${index.toString(16).padStart(12, '0')}`
}

function contentOf({ id, index }: Session, version: number): Record<Property, string> {
  return {
    id,
    createdDateTime: new Date(Date.UTC(2020, 0, 1) + index * 1000).toISOString(),
    lastModifiedDateTime: new Date(Date.UTC(2021, 0, 1) + index * 100_000_000 + version).toISOString(),
    displayName: `${canary} ${id} v${version}`,
  }
}

/** The very bytes that Graph serves. */
function bytesOf(session: Session, version: number, select: Select): string {
  const content = contentOf(session, version)
  const projection = select === null ? '' : `(${select.toSorted().join(',')})`
  const root = 'https://graph.microsoft.com/beta/$metadata#security/securityCopilot'
  return JSON.stringify({
    '@odata.context': `${root}/workspaces('${session.workspaceId}')/sessions${projection}/$entity`,
    ...Object.fromEntries(
      properties.filter((name) => select?.includes(name) ?? true).map((n) => [n, content[n]]),
    ),
  })
}

/** Which version these bytes are. */
export function readBody(session: Session, select: Select, body: string): Reading {
  const tells = select === null || select.includes('displayName') || select.includes('lastModifiedDateTime')
  // The emulator's fault `extra`: who asks for every property cannot tell that this one is too many.
  const served = select === null ? body.replace(/,"ownerId":"[0-9a-f-]{36}"\}$/, '}') : body
  const versions = session.spells.flatMap(({ version }) => version ?? [])
  for (const version of versions.toReversed()) {
    if (bytesOf(session, version, select) === served) return { version: tells ? version : undefined }
    if (!tells) break
  }
  return { wrong: body.slice(0, 300) }
}

/** When a version, or the newest absence that had begun by then, ceased to be current; undefined: never was. */
export function endOf(session: Session, version: number | null, by: number): number | undefined {
  return session.spells.findLast((spell) => spell.version === version && spell.from <= by)?.until
}

/**
 * The workspaces and what lies in them, in the order in which it was put there.
 *
 * @module
 */

import type { GraphAddress } from './graph-address.ts'
import type { Entity, Evaluation, Plugin, Prompt, Session, Workspace } from './graph-entities.ts'
import type { CollectionName } from './graph-resources.ts'
import { seeds } from './graph-seeds.ts'

interface Member {
  readonly entity: Entity
  readonly lists: Lists
}

type Lists = Partial<Record<CollectionName, Map<string, Member>>>

type Way = Pick<GraphAddress, 'names' | 'keys'>

/** Every `put` changes what is there already and leaves what lies in it; a TypeError: there is no place for it. */
export class Workspaces {
  readonly #lists: Lists = { workspaces: new Map() }

  constructor() {
    for (const workspace of seeds.workspaces) this.#put('workspaces', [workspace.id], { ...workspace })
    for (const [workspaceId, plugin] of seeds.plugins) this.putPlugin(workspaceId, plugin)
    for (const [workspaceId, session] of seeds.sessions) this.putSession(workspaceId, session)
    for (const [workspaceId, sessionId, prompt] of seeds.prompts) {
      this.putPrompt(workspaceId, sessionId, prompt)
    }
    for (const [workspaceId, sessionId, promptId, evaluation] of seeds.evaluations) {
      this.putEvaluation(workspaceId, sessionId, promptId, evaluation)
    }
  }

  entity({ names, keys }: Way): Entity | undefined {
    const key = keys[names.length - 1]
    return key === undefined ? undefined : this.#members({ names, keys })?.get(key)?.entity
  }

  /** Undefined when there is no such place; empty when nothing is in it. */
  list(way: Way): readonly Entity[] | undefined {
    const members = this.#members(way)
    return members === undefined ? undefined : Array.from(members.values(), ({ entity }) => entity)
  }

  /** In a workspace of its own when there is none of that name. */
  putSession(workspaceId: string, session: Session): void {
    if (this.#lists.workspaces?.has(workspaceId) !== true) {
      const workspace: Workspace = { id: workspaceId, displayName: null }
      this.#put('workspaces', [workspaceId], { ...workspace })
    }
    this.#put('sessions', [workspaceId, session.id], { ...session })
  }

  removeSession(workspaceId: string, sessionId: string): void {
    this.#members({ names: ways.sessions, keys: [workspaceId] })?.delete(sessionId)
  }

  putPlugin(workspaceId: string, plugin: Plugin): void {
    this.#put('plugins', [workspaceId, plugin.name], { ...plugin })
  }

  putPrompt(workspaceId: string, sessionId: string, prompt: Prompt): void {
    this.#put('prompts', [workspaceId, sessionId, prompt.id], { ...prompt })
  }

  putEvaluation(workspaceId: string, sessionId: string, promptId: string, evaluation: Evaluation): void {
    this.#put('evaluations', [workspaceId, sessionId, promptId, evaluation.id], { ...evaluation })
  }

  /** @param keys the last one is its own */
  #put(name: CollectionName, keys: readonly [string, ...string[]], entity: Entity): void {
    const members = this.#members({ names: ways[name], keys })
    const key = keys.at(-1)
    if (members === undefined || key === undefined) {
      throw new TypeError(`there is no ${keys.slice(0, -1).join(' / ')} to put it in`)
    }
    members.set(key, { entity, lists: members.get(key)?.lists ?? {} })
  }

  /** What lies at the innermost of these names; undefined when one of the keys leads nowhere. */
  #members({ names, keys }: Way): Map<string, Member> | undefined {
    let lists: Lists = this.#lists
    for (const [at, name] of names.slice(0, -1).entries()) {
      const member = lists[name]?.get(keys[at] ?? '')
      if (member === undefined) return undefined
      lists = member.lists
    }
    const innermost = names.at(-1)
    return innermost === undefined ? undefined : (lists[innermost] ??= new Map<string, Member>())
  }
}

const ways: Readonly<Record<CollectionName, readonly CollectionName[]>> = {
  workspaces: ['workspaces'],
  plugins: ['workspaces', 'plugins'],
  sessions: ['workspaces', 'sessions'],
  prompts: ['workspaces', 'sessions', 'prompts'],
  evaluations: ['workspaces', 'sessions', 'prompts', 'evaluations'],
}

/**
 * What those who start an emulator may see of Graph, change in it, and ask of it.
 *
 * @module
 */

import type { Evaluation, Plugin, Prompt, Session } from './graph-entities.ts'
import type { Graph } from './graph.ts'
import type { RecordedRequest, RequestLog } from './request-log.ts'
import type { Workspaces } from './workspaces.ts'

export interface GraphControls {
  /** Every request that reached Graph, faulted or not. */
  readonly calls: number
  /** The newest 10,000. */
  readonly requests: readonly RecordedRequest[]
  /** Whether sessions carry an `ETag`, and `If-None-Match` counts; not unless told. */
  hasEntityTags: boolean
  /** Members in one page of a list at most, whatever `$top` asks; 100 unless told. */
  pageSize: number
  /** Where `@odata.nextLink` leads, `https://host:port`; the host that was asked unless told. */
  nextLinkOrigin: string | undefined
  /** Whether `@odata.nextLink` comes after `value` instead of before it; not unless told. */
  isNextLinkLast: boolean
  /** Adds a session, and its workspace when that is new; or changes it, and leaves its prompts. */
  put(workspaceId: string, session: Session): void
  remove(workspaceId: string, sessionId: string): void
  /** @throws TypeError, as the next two do, when there is nothing to put it in */
  putPlugin(workspaceId: string, plugin: Plugin): void
  putPrompt(workspaceId: string, sessionId: string, prompt: Prompt): void
  putEvaluation(workspaceId: string, sessionId: string, promptId: string, evaluation: Evaluation): void
}

export function graphControls(graph: Graph, workspaces: Workspaces, log: RequestLog): GraphControls {
  return {
    get calls() {
      return log.total
    },
    get requests() {
      return log.recent
    },
    get hasEntityTags() {
      return graph.hasEntityTags
    },
    set hasEntityTags(has) {
      graph.hasEntityTags = has
    },
    get pageSize() {
      return graph.pageSize
    },
    set pageSize(size) {
      graph.pageSize = size
    },
    get nextLinkOrigin() {
      return graph.nextLinkOrigin
    },
    set nextLinkOrigin(origin) {
      graph.nextLinkOrigin = origin
    },
    get isNextLinkLast() {
      return graph.isNextLinkLast
    },
    set isNextLinkLast(isLast) {
      graph.isNextLinkLast = isLast
    },
    put: (workspaceId, session) => workspaces.putSession(workspaceId, session),
    remove: (workspaceId, sessionId) => workspaces.removeSession(workspaceId, sessionId),
    putPlugin: (workspaceId, plugin) => workspaces.putPlugin(workspaceId, plugin),
    putPrompt: (workspaceId, sessionId, prompt) => workspaces.putPrompt(workspaceId, sessionId, prompt),
    putEvaluation: (workspaceId, sessionId, promptId, evaluation) =>
      workspaces.putEvaluation(workspaceId, sessionId, promptId, evaluation),
  }
}

/**
 * What there is to read, what lies under what, and which options each documents.
 *
 * @module
 */

import { evaluationType, pluginType, promptType, sessionType, workspaceType } from './graph-entities.ts'
import type { EntityType } from './graph-entities.ts'

export type CollectionName = 'workspaces' | 'plugins' | 'sessions' | 'prompts' | 'evaluations'

export type OptionName = '$count' | '$filter' | '$select' | '$top' | '$skiptoken'

export interface Collection {
  readonly type: EntityType
  /** Of the whole list; `$skiptoken` comes with its links. One member alone knows `$select`. */
  readonly options: readonly OptionName[]
  /** Whether one member can be read alone: workspaces and plugins cannot, they are only listed. */
  readonly isReadSingly: boolean
  readonly under: readonly CollectionName[]
}

const listOptions = ['$count', '$filter', '$select', '$top', '$skiptoken'] as const

export const collections: Readonly<Record<CollectionName, Collection>> = {
  workspaces: {
    type: workspaceType,
    options: listOptions.filter((name) => name !== '$top'),
    isReadSingly: false,
    under: ['plugins', 'sessions'],
  },
  plugins: { type: pluginType, options: listOptions, isReadSingly: false, under: [] },
  sessions: { type: sessionType, options: listOptions, isReadSingly: true, under: ['prompts'] },
  prompts: { type: promptType, options: listOptions, isReadSingly: true, under: ['evaluations'] },
  evaluations: { type: evaluationType, options: listOptions, isReadSingly: true, under: [] },
}

/**
 * What Security Copilot has on Graph beta: five types, as its metadata declares and its samples show them.
 *
 * https://learn.microsoft.com/graph/api/resources/security-securitycopilot-overview?view=graph-rest-beta
 *
 * @module
 */

/** Instants are as Graph writes them: fractions of five to seven digits occur, and year 1 is "not yet". */
type Instant = string

export interface Workspace {
  readonly id: string
  readonly displayName: string | null
}

export interface Session {
  readonly id: string
  readonly createdDateTime: Instant
  readonly lastModifiedDateTime: Instant
  readonly displayName: string | null
}

export interface Prompt {
  readonly id: string
  readonly type: 'unknown' | 'context' | 'prompt' | 'skill' | 'feedback'
  readonly createdDateTime: Instant
  readonly lastModifiedDateTime: Instant
  readonly skillName: string | null
  readonly content: string | null
  readonly inputs: { readonly keyValuePairs: readonly unknown[] } | null
  readonly skillInputDescriptors: readonly unknown[]
}

export interface Evaluation {
  readonly id: string
  readonly createdDateTime: Instant
  readonly runStartDateTime: Instant
  readonly completedDateTime: Instant
  readonly lastModifiedDateTime: Instant
  readonly state:
    'unknown' | 'created' | 'running' | 'completed' | 'cancelled' | 'pending' | 'deferred' | 'waitingForInput'
  readonly executionCount: number
  readonly isCancelled: boolean
  readonly result: {
    readonly content: string | null
    readonly type:
      'unknown' | 'success' | 'error' | 'needAdditionalClaims' | 'rejected' | 'timedOut' | 'capacityExceeded'
    readonly previewState: 'ga' | 'public' | 'private'
  } | null
}

export interface Plugin {
  readonly name: string
  readonly displayName: string | null
  readonly description: string | null
  readonly category: 'hidden' | 'microsoft' | 'microsoftConnectors' | 'other' | 'web' | 'testing' | 'plugin'
  readonly catalogScope: 'none' | 'user' | 'workspace' | 'tenant' | 'global' | 'geoGlobal' | 'userWorkspace'
  readonly previewState: 'ga' | 'public' | 'private'
  readonly isEnabled: boolean
  readonly authorization: { readonly authType: string } | null
  readonly settings: readonly PluginSetting[]
}

export interface PluginSetting {
  readonly name: string | null
  readonly label: string | null
  readonly description: string | null
  readonly hintText: string | null
  readonly displayType: 'none' | 'textbox' | 'checkbox' | 'dropdown'
  readonly isRequired: boolean
  readonly defaultValue: string | null
  readonly value: string | null
  readonly acceptableValues: readonly string[]
}

/** Any of the five. */
export type Entity = Readonly<Record<string, unknown>>

/** What `$filter` may do with a property: a string equals, or also contains; a boolean equals. */
export type Filterable = 'equals' | 'contains' | 'boolean'

export interface EntityType<Of = Entity> {
  readonly name: string
  /** In the order in which Graph writes them. */
  readonly properties: readonly (keyof Of & string)[]
  readonly filterable: Readonly<Partial<Record<keyof Of & string, Filterable>>>
}

export const workspaceType: EntityType<Workspace> = {
  name: 'workspace',
  properties: ['id', 'displayName'],
  filterable: { id: 'equals', displayName: 'contains' },
}

export const sessionType: EntityType<Session> = {
  name: 'session',
  properties: ['id', 'createdDateTime', 'lastModifiedDateTime', 'displayName'],
  filterable: { id: 'equals', displayName: 'contains' },
}

export const promptType: EntityType<Prompt> = {
  name: 'prompt',
  properties: [
    'id',
    'type',
    'createdDateTime',
    'lastModifiedDateTime',
    'skillName',
    'content',
    'inputs',
    'skillInputDescriptors',
  ],
  filterable: { id: 'equals', type: 'equals', skillName: 'contains', content: 'contains' },
}

export const evaluationType: EntityType<Evaluation> = {
  name: 'evaluation',
  properties: [
    'id',
    'createdDateTime',
    'runStartDateTime',
    'completedDateTime',
    'lastModifiedDateTime',
    'state',
    'executionCount',
    'isCancelled',
    'result',
  ],
  filterable: { id: 'equals', state: 'equals', isCancelled: 'boolean' },
}

/** The one type whose filters are documented: `displayName` eq; `isEnabled` eq; `name` eq, contains. */
export const pluginType: EntityType<Plugin> = {
  name: 'plugin',
  properties: [
    'name',
    'displayName',
    'description',
    'category',
    'catalogScope',
    'previewState',
    'isEnabled',
    'authorization',
    'settings',
  ],
  filterable: { name: 'contains', displayName: 'equals', isEnabled: 'boolean' },
}

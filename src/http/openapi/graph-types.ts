/**
 * What Graph answers with, as the metadata of its beta declares it and its samples show it. Graph's own and not ours: it
 * is passed on as it comes, and a beta may change.
 *
 * https://learn.microsoft.com/graph/api/resources/security-securitycopilot-overview?view=graph-rest-beta
 *
 * @module
 */

import type { Read } from '../../session/index.ts'

const text = { type: 'string' } as const
const textOrNull = { type: ['string', 'null'] } as const
const truth = { type: 'boolean' } as const
/** Fractions of up to seven digits; the year 1 is "not yet". */
const instant = { type: 'string', format: 'date-time' } as const

/** Graph gives what it knows beyond these as `unknownFutureValue` to whoever does not ask for more, and we do not. */
function oneOf(names: string): object {
  return { type: 'string', enum: [...names.split(' '), 'unknownFutureValue'] }
}

/** Of a property none is certain: `$select` leaves them out. */
function type(description: string, properties: object, types: string | readonly string[] = 'object'): object {
  return { description, type: types, properties, additionalProperties: true }
}

const orNull = ['object', 'null'] as const

const annotations = { '@odata.context': text }
const edited = { createdDateTime: instant, lastModifiedDateTime: instant }
const previewState = oneOf('ga public private')
const authType = oneOf(
  'none basic aPIKey oAuthAuthorizationCodeFlow oAuthClientCredentialsFlow aad serviceHttp aadDelegated oAuthPasswordGrantFlow',
)

const pluginSetting = type('A setting of a plugin.', {
  name: textOrNull,
  label: textOrNull,
  description: textOrNull,
  hintText: textOrNull,
  displayType: oneOf('none textbox checkbox dropdown'),
  settingValue: oneOf('string bool array enum secretString'),
  isRequired: truth,
  defaultValue: textOrNull,
  value: textOrNull,
  acceptableValues: { type: 'array', items: text },
})

const entities = {
  workspace: type('A workspace.', { ...annotations, id: text, displayName: textOrNull }),
  plugin: type('A plugin of a workspace.', {
    ...annotations,
    name: text,
    displayName: textOrNull,
    description: textOrNull,
    category: oneOf('hidden microsoft microsoftConnectors other web testing plugin'),
    catalogScope: oneOf('none user workspace tenant global geoGlobal userWorkspace'),
    previewState,
    isEnabled: truth,
    authorization: type('How it signs in.', { authType }, orNull),
    settings: { type: 'array', items: pluginSetting },
    supportedAuthTypes: { description: 'Not supported by Graph as yet.' },
  }),
  session: {
    ...type('A session.', { ...annotations, id: text, ...edited, displayName: textOrNull }),
    examples: [
      {
        id: 'ecdfb9b3-58f5-457f-a18c-4a477890b252',
        createdDateTime: '2025-10-22T20:10:54.4940649Z',
        lastModifiedDateTime: '2025-10-22T20:10:54.4940649Z',
        displayName: 'API: who am I',
      },
    ],
  },
  prompt: type('A prompt of a session.', {
    ...annotations,
    id: text,
    type: oneOf('unknown context prompt skill feedback'),
    ...edited,
    skillName: textOrNull,
    content: textOrNull,
    inputs: type('Not implemented by Graph as yet.', {}, orNull),
    skillInputDescriptors: {
      type: 'array',
      items: type('Not supported by Graph as yet.', {
        name: text,
        description: textOrNull,
        type: type('Of the input.', { name: textOrNull }),
        isRequired: truth,
        defaultValue: textOrNull,
        placeholderValue: textOrNull,
      }),
    },
  }),
  evaluation: type('An evaluation of a prompt.', {
    ...annotations,
    id: text,
    ...edited,
    runStartDateTime: instant,
    completedDateTime: instant,
    state: oneOf('unknown created running completed cancelled pending deferred waitingForInput'),
    executionCount: { type: 'integer', format: 'int64' },
    isCancelled: truth,
    result: type(
      'What came of it.',
      {
        content: textOrNull,
        type: oneOf('unknown success error needAdditionalClaims rejected timedOut capacityExceeded'),
        previewState,
      },
      orNull,
    ),
  }),
}

type EntityName = keyof typeof entities

/** Each with its page at Microsoft. */
const bodies = {
  workspaces: ['workspace', 'securitycopilot-list-workspaces'],
  plugins: ['plugin', 'security-securitycopilot-workspace-list-plugins'],
  sessions: ['session', 'security-securitycopilot-workspace-list-sessions'],
  session: ['session', 'security-securitycopilot-session-get'],
  prompts: ['prompt', 'security-securitycopilot-session-list-prompts'],
  prompt: ['prompt', 'security-securitycopilot-prompt-get'],
  evaluations: ['evaluation', 'security-securitycopilot-prompt-list-evaluations'],
  evaluation: ['evaluation', 'security-securitycopilot-evaluation-get'],
} as const satisfies Readonly<Record<Read, readonly [EntityName, page: string]>>

export function graphPage(read: Read): string {
  return `https://learn.microsoft.com/graph/api/${bodies[read][1]}?view=graph-rest-beta`
}

export function graphBody(read: Read, isList: boolean): object {
  const item = { $ref: `#/components/schemas/${bodies[read][0]}` }
  if (!isList) return item
  return type('A page of a list.', {
    ...annotations,
    '@odata.count': { type: 'integer', description: 'Of the whole list, with `$count=true`.' },
    '@odata.nextLink': {
      type: 'string',
      format: 'uri',
      description: 'The next page, at this gateway. The last page has none.',
    },
    value: { type: 'array', items: item },
  })
}

/** For `components.schemas`. */
export const graphTypes: Readonly<Record<EntityName, object>> = entities

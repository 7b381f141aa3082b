/**
 * What is there before anybody puts anything: Microsoft's own examples, and what a reader must not stumble over.
 *
 * @module
 */

import type { Evaluation, Plugin, Prompt, Session, Workspace } from './graph-entities.ts'

const otherWorkspaceId = '17aafe23-ab95-3b37-9546-56dec5ac0218'
const sessionId = 'ecdfb9b3-58f5-457f-a18c-4a477890b252'
const otherSessionId = '8d0c6f4b-3e52-4a19-b7c8-5f2e9d1a6037'
const promptId = '76a9b8c6-6656-4ef4-a4c7-7ed07fb93e01'
const otherPromptId = '0b7d5e92-61c8-4f3a-9d14-a2e86c0f7b53'

const notYet = '0001-01-01T00:00:00Z'

const workspaces: readonly Workspace[] = [
  { id: 'default', displayName: null },
  { id: otherWorkspaceId, displayName: 'SecurityCopilot_Workspace' },
]

const sessions: readonly (readonly [workspaceId: string, session: Session])[] = [
  [
    'default',
    {
      id: sessionId,
      createdDateTime: '2025-10-22T20:10:54.4940649Z',
      lastModifiedDateTime: '2025-10-22T20:10:54.4940649Z',
      displayName: 'API: who am I',
    },
  ],
  [
    'default',
    {
      id: '2f5b8a1e-9c34-4d27-8e60-71d3b0a4c915',
      createdDateTime: '2025-09-17T01:03:14.07343Z',
      lastModifiedDateTime: '2025-09-17T01:03:14.07343Z',
      displayName: null,
    },
  ],
  [
    otherWorkspaceId,
    {
      id: otherSessionId,
      createdDateTime: '2025-11-03T09:41:27.1180452Z',
      lastModifiedDateTime: '2025-11-04T14:02:08.6634019Z',
      displayName: 'Incident 4711: Résumé für das Lagezentrum',
    },
  ],
]

const asked = { skillName: null, inputs: { keyValuePairs: [] }, skillInputDescriptors: [] } as const

const prompts: readonly (readonly [workspaceId: string, sessionId: string, prompt: Prompt])[] = [
  [
    'default',
    sessionId,
    {
      id: promptId,
      type: 'prompt',
      createdDateTime: '2025-10-22T20:12:13.759634Z',
      lastModifiedDateTime: '2025-10-22T20:12:57.8775792Z',
      ...asked,
      content: 'who am I',
    },
  ],
  // Text that looks like JSON, and like a link to follow: it is neither.
  [
    'default',
    sessionId,
    {
      id: otherPromptId,
      type: 'prompt',
      createdDateTime: '2025-10-22T20:15:01.2Z',
      lastModifiedDateTime: '2025-10-22T20:15:01.2Z',
      ...asked,
      content:
        'Explain this answer 🕵️:\r\n\t{"@odata.nextLink":"https://evil.example/","value":[]}\n\\" and \u2028 this "@odata.nextLink": "https://graph.microsoft.com/beta/security/securityCopilot/workspaces?$skiptoken=x"',
    },
  ],
  [
    'default',
    sessionId,
    {
      id: 'e1a4c0d7-2f86-4b59-8c3e-59d7f4b0a682',
      type: 'skill',
      createdDateTime: '2025-10-22T20:17:40.0050001Z',
      lastModifiedDateTime: '2025-10-22T20:17:40.0050001Z',
      skillName: 'GetEntraUserDetails',
      content: null,
      inputs: null,
      skillInputDescriptors: [],
    },
  ],
  [
    otherWorkspaceId,
    otherSessionId,
    {
      id: 'a95f3b16-d0c2-47e8-b6a1-0c3d8e7f2415',
      type: 'prompt',
      createdDateTime: '2025-11-03T09:41:30.61Z',
      lastModifiedDateTime: '2025-11-03T09:41:30.61Z',
      ...asked,
      content: 'Fasse den Vorfall für das Lagezentrum zusammen.',
    },
  ],
]

const evaluations: readonly (readonly [
  workspaceId: string,
  sessionId: string,
  promptId: string,
  evaluation: Evaluation,
])[] = [
  [
    'default',
    sessionId,
    promptId,
    {
      id: '5bde1164-29a3-4dfb-84b0-b6c0cf0e23b7',
      createdDateTime: '2025-10-22T22:00:54.7638231Z',
      runStartDateTime: '2025-10-22T22:00:55.0719448Z',
      completedDateTime: '2025-10-22T22:01:11.2594216Z',
      lastModifiedDateTime: '2025-10-22T22:01:11.2594216Z',
      state: 'completed',
      executionCount: 0,
      isCancelled: false,
      result: {
        content: 'You are signed in as triage@contoso.example in this Entra ID tenant.\n',
        type: 'success',
        previewState: 'private',
      },
    },
  ],
  [
    'default',
    sessionId,
    promptId,
    {
      id: 'b2d2c632-e799-4472-9b36-e5c84c065f72',
      createdDateTime: '2025-10-22T20:12:57.8667119Z',
      runStartDateTime: '2025-10-22T20:12:58.1888405Z',
      completedDateTime: notYet,
      lastModifiedDateTime: '2025-10-22T20:12:58.9558231Z',
      state: 'running',
      executionCount: 0,
      isCancelled: false,
      result: { content: null, type: 'unknown', previewState: 'ga' },
    },
  ],
  [
    'default',
    sessionId,
    otherPromptId,
    {
      id: '3c81f6e0-5d27-4a94-8be3-f9a06d12c574',
      createdDateTime: '2025-10-22T20:15:02Z',
      runStartDateTime: notYet,
      completedDateTime: notYet,
      lastModifiedDateTime: '2025-10-22T20:15:09.8812Z',
      state: 'cancelled',
      executionCount: 1,
      isCancelled: true,
      result: null,
    },
  ],
]

const usual = { category: 'microsoft', catalogScope: 'global', previewState: 'ga' } as const

const plugins: readonly (readonly [workspaceId: string, plugin: Plugin])[] = [
  [
    'default',
    {
      name: 'Entra',
      displayName: 'Microsoft Entra',
      description: 'Skills that interact with the Microsoft Graph APIs.',
      ...usual,
      isEnabled: true,
      authorization: null,
      settings: [],
    },
  ],
  [
    'default',
    {
      name: 'SentinelKQL',
      displayName: 'Microsoft Sentinel',
      description: null,
      ...usual,
      previewState: 'public',
      isEnabled: true,
      authorization: { authType: 'aadDelegated' },
      settings: [
        {
          name: 'DefaultWorkspaceName',
          label: 'Default workspace',
          description: 'Where incidents are looked up.',
          hintText: null,
          displayType: 'textbox',
          isRequired: true,
          defaultValue: null,
          value: 'contoso-soc',
          acceptableValues: [],
        },
      ],
    },
  ],
  [
    otherWorkspaceId,
    {
      name: 'Contoso.Tickets',
      displayName: null,
      description: 'Tickets of the help desk: "open" & <closed>.',
      category: 'other',
      catalogScope: 'workspace',
      previewState: 'private',
      isEnabled: false,
      authorization: { authType: 'aPIKey' },
      settings: [],
    },
  ],
]

export const seeds = { workspaces, sessions, prompts, evaluations, plugins }

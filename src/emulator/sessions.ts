/**
 * The workspaces and their sessions.
 *
 * @module
 */

/** `microsoft.graph.security.securityCopilot.session`: the four properties Graph has for it. */
export interface Session {
  readonly id: string
  /** Instants as Graph writes them: fractions of five to seven digits occur. */
  readonly createdDateTime: string
  readonly lastModifiedDateTime: string
  readonly displayName: string | null
}

export const sessionProperties = ['id', 'createdDateTime', 'lastModifiedDateTime', 'displayName'] as const

export type SessionProperty = (typeof sessionProperties)[number]

export class Sessions {
  readonly #workspaces = new Map<string, Map<string, Session>>()

  constructor() {
    for (const [workspaceId, session] of seeds) this.put(workspaceId, session)
  }

  find(workspaceId: string, sessionId: string): Session | undefined {
    return this.#workspaces.get(workspaceId)?.get(sessionId)
  }

  put(workspaceId: string, session: Session): void {
    const sessions = this.#workspaces.get(workspaceId) ?? new Map<string, Session>()
    sessions.set(session.id, { ...session })
    this.#workspaces.set(workspaceId, sessions)
  }

  remove(workspaceId: string, sessionId: string): void {
    this.#workspaces.get(workspaceId)?.delete(sessionId)
  }
}

/** The first is the documented example (https://learn.microsoft.com/graph/api/security-securitycopilot-session-get). */
const seeds: readonly (readonly [workspaceId: string, session: Session])[] = [
  [
    'default',
    {
      id: 'ecdfb9b3-58f5-457f-a18c-4a477890b252',
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
    '17aafe23-ab95-3b37-9546-56dec5ac0218',
    {
      id: '8d0c6f4b-3e52-4a19-b7c8-5f2e9d1a6037',
      createdDateTime: '2025-11-03T09:41:27.1180452Z',
      lastModifiedDateTime: '2025-11-04T14:02:08.6634019Z',
      displayName: 'Incident 4711: Résumé für das Lagezentrum',
    },
  ],
]

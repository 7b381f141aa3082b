/** What is asked of the emulated Graph to hear every answer that is described, and which of them is not heard. */

import type { Fault } from '../../src/emulator/index.ts'
import { resources } from '../../src/session/index.ts'
import { sessionId } from '../world/world.ts'
import type { Arguments } from './client.ts'
import type { Operation } from './document.ts'

const seldom = (serviceAccount: string) => ({
  callers: [{ issuer: 'cluster', namespace: 'soc', serviceAccount }],
  rate: '1/m',
})
/** Rules that grant every read, and two that grant little. */
export const config = {
  access: {
    triage: { reads: Object.keys(resources) },
    seldom: { ...seldom('seldom-*'), workspaces: ['*'], reads: Object.keys(resources) },
    purges: { ...seldom('purges-*'), admin: ['purge'] },
  },
}

/** Of what the emulated Graph has. */
const ids: Arguments = {
  workspaceId: 'default',
  sessionId,
  promptId: '76a9b8c6-6656-4ef4-a4c7-7ed07fb93e01',
  evaluationId: '5bde1164-29a3-4dfb-84b0-b6c0cf0e23b7',
}

/** By collection, a property that the emulated Graph filters by. */
export const filterable: Readonly<Record<string, string>> = {
  workspaces: 'displayName',
  plugins: 'name',
  sessions: 'displayName',
  prompts: 'content',
  evaluations: 'state',
}

export function idsOf({ parameters }: Operation): Arguments {
  const ofPath = parameters.filter((each) => each.in === 'path')
  return Object.fromEntries(ofPath.map(({ name }) => [name, ids[name]]))
}

export const statusFault = (status: number, retryAfter?: string): Fault => ({
  kind: 'status',
  status,
  ...(retryAfter === undefined ? {} : { retryAfter }),
})
/** Lines of a request that the server refuses unread. */
export const unreadable: readonly (readonly [status: number, lines: string])[] = [
  [417, 'Host: gateway.example\r\nExpect: miracles\r\nConnection: close\r\n'],
  [431, `Host: gateway.example\r\nX-Long: ${'x'.repeat(17_000)}\r\n`],
]
/** What is described and was not met here, and why. */
export const unmet = {
  answers: {
    408: 'takes as long as a request may take to arrive',
    500: 'is a fault of the gateway’s own, and none is known',
  },
  codes: {
    '405 notAllowed': 'test/openapi/prose.test.ts',
    '408 invalidRequest': 'see above',
    '500 internalError': 'see above',
    '503 graphBusy': 'test/graph/busy.test.ts',
    '503 purgeNotShared': 'test/shared/purges.test.ts',
    '503 overloaded': 'test/http/shedding.test.ts',
  },
}

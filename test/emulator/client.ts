/**
 * A client that trusts the emulator's authority and knows the documented session.
 *
 * @module
 */

import { Agent, request } from 'undici'
import { startEmulator } from '../../src/emulator/index.ts'
import type { Emulator, EmulatorOptions } from '../../src/emulator/index.ts'

export const sessionId = 'ecdfb9b3-58f5-457f-a18c-4a477890b252'
export const sessionPath = `/beta/security/securityCopilot/workspaces/default/sessions/${sessionId}`
export const graphScope = 'https://graph.microsoft.com/.default'

export interface Reply {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
  /** The body as JSON; fails when it is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of a body, it says itself
  readonly json: any
}

export interface Asking {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE'
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly signal?: AbortSignal
}

export interface Client extends AsyncDisposable {
  readonly emulator: Emulator
  readonly agent: Agent
  ask(path: string, asking?: Asking): Promise<Reply>
  /** POSTs to the token endpoint what a correct client sends, with these changes; undefined leaves out. */
  exchange(changes?: Record<string, string | undefined>): Promise<Reply>
  /** Asks IMDS as a correct client does, with these changes to the query and the headers; undefined leaves out. */
  machineToken(
    changes?: Record<string, string | undefined>,
    headers?: Record<string, string | undefined>,
  ): Promise<Reply>
  /** An app-only token. */
  appToken(): Promise<string>
  /** Asks Graph with a fresh app-only token. */
  graph(path: string, asking?: Asking): Promise<Reply>
}

export async function emulatorAndClient(options?: EmulatorOptions): Promise<Client> {
  const emulator = await startEmulator(options)
  const agent = new Agent({ connect: { ca: emulator.caPem } })
  const { entra } = emulator

  const ask = (path: string, asking: Asking = {}): Promise<Reply> => send(emulator.url + path, asking)

  async function send(url: string, asking: Asking): Promise<Reply> {
    const { statusCode, headers, body } = await request(url, { dispatcher: agent, ...asking })
    const text = await body.text()
    return {
      status: statusCode,
      headers,
      body: text,
      get json() {
        return JSON.parse(text)
      },
    }
  }

  function exchange(changes: Record<string, string | undefined> = {}): Promise<Reply> {
    const form = {
      grant_type: 'client_credentials',
      client_id: entra.clientId,
      scope: graphScope,
      client_secret: entra.clientSecret,
      ...changes,
    }
    const sent = given(form)
    return ask(`/${entra.tenantId}/oauth2/v2.0/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(sent).toString(),
    })
  }

  function machineToken(
    changes: Record<string, string | undefined> = {},
    headers: Record<string, string | undefined> = {},
  ): Promise<Reply> {
    const query = { 'api-version': '2018-02-01', resource: 'https://graph.microsoft.com', ...changes }
    const target = `/metadata/identity/oauth2/token?${new URLSearchParams(given(query)).toString()}`
    return send(emulator.imds.url + target, {
      headers: Object.fromEntries(given({ metadata: 'true', ...headers })),
    })
  }

  async function appToken(): Promise<string> {
    return (await exchange()).json.access_token
  }

  return {
    emulator,
    agent,
    ask,
    exchange,
    machineToken,
    appToken,
    graph: async (path, asking = {}) =>
      ask(path, { ...asking, headers: { authorization: `Bearer ${await appToken()}`, ...asking.headers } }),
    async [Symbol.asyncDispose]() {
      await emulator.close()
      await agent.destroy()
    },
  }
}

function given(fields: Record<string, string | undefined>): [string, string][] {
  return Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined)
}

/** A world that Microsoft's Graph client reaches over https by a name that is not localhost's, and by which it is watched. */

import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Client, type ClientOptions } from '@microsoft/microsoft-graph-client'
import { Agent, fetch, type RequestInfo, type RequestInit, type Response } from 'undici'
import { startWorld, type World, type WorldOptions } from '../world/world.ts'

export const host = 'gateway.example'

export interface SdkWorld extends AsyncDisposable {
  readonly world: World
  readonly origin: string
  of(serviceAccount: string, options?: Partial<ClientOptions>): Promise<Client>
  /** Every URL that a client has asked for. */
  readonly asked: readonly string[]
}

/** DNS knows nothing of the gateway's name here; the certificate does. */
const toLoopback: LookupFunction = (name, options, callback) =>
  lookup(name === host ? '127.0.0.1' : name, options, callback)

export async function startSdkWorld(options: WorldOptions = {}): Promise<SdkWorld> {
  const world = await startWorld(options)
  const dispatcher = new Agent({ connect: { ca: world.ca, lookup: toLoopback } })
  const asked: string[] = []
  // The client calls the global fetch; Node's own takes no dispatcher of another undici.
  const ownFetch = globalThis.fetch
  const watched = (input: RequestInfo, init?: RequestInit): Promise<Response> => {
    asked.push(typeof input === 'string' ? input : 'href' in input ? input.href : input.url)
    return fetch(input, init)
  }
  Object.assign(globalThis, { fetch: watched })
  const origin = `https://${host}:${world.port}`
  return {
    world,
    origin,
    asked,
    async of(serviceAccount, others = {}) {
      const token = await world.workloadToken(serviceAccount)
      return Client.initWithMiddleware({
        baseUrl: origin,
        customHosts: new Set([host]),
        defaultVersion: 'beta',
        authProvider: { getAccessToken: () => Promise.resolve(token) },
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its types know nothing of dispatchers
        fetchOptions: { dispatcher } as ClientOptions['fetchOptions'] & object,
        ...others,
      })
    },
    async [Symbol.asyncDispose]() {
      Object.assign(globalThis, { fetch: ownFetch })
      await dispatcher.destroy()
      await world[Symbol.asyncDispose]()
    },
  }
}

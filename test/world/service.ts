/**
 * What a Service of Kubernetes is to its callers: each new connection goes to the next endpoint, and stays there, whatever becomes
 * of that endpoint. One is an endpoint while it is ready; one that is asked to stop ceases to be one a while after that.
 */

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export interface Pod {
  readonly port: number
  /** What its readiness probe says. */
  isReady(): Promise<boolean>
}

export interface Service extends AsyncDisposable {
  readonly port: number
  /** Probes it from now on. */
  add(pod: Pod): void
  /** It has been asked to stop. Resolves when no more connections go there. */
  remove(pod: Pod): Promise<void>
  isEndpoint(pod: Pod): boolean
  /** Connections that it has been given. */
  connectionsOf(pod: Pod): number
  /** Of those who connected, how many met nobody. */
  readonly missed: number
}

export interface ServiceOptions {
  readonly readinessPeriodMs: number
  /** From the signal until every node knows. */
  readonly propagationMs: number
}

export async function startService({ readinessPeriodMs, propagationMs }: ServiceOptions): Promise<Service> {
  const pods = new Set<Pod>()
  const endpoints: Pod[] = []
  const given = new Map<Pod, number>()
  const open = new Set<Socket>()
  const closing = new AbortController()
  let next = 0
  let missed = 0

  function withdraw(pod: Pod): void {
    const index = endpoints.indexOf(pod)
    if (index !== -1) endpoints.splice(index, 1)
  }

  async function probe(pod: Pod): Promise<void> {
    while (pods.has(pod)) {
      // One that does not answer is not ready.
      const isReady = await pod.isReady().catch(() => false)
      if (!isReady || !pods.has(pod)) withdraw(pod)
      else if (!endpoints.includes(pod)) endpoints.push(pod)
      await pause(readinessPeriodMs, undefined, { signal: closing.signal }).catch(() => pods.clear())
    }
  }

  const server = createServer({ noDelay: true }, (caller) => {
    const pod = endpoints[next++ % endpoints.length]
    if (pod === undefined) {
      missed += 1
      caller.destroy()
      return
    }
    given.set(pod, (given.get(pod) ?? 0) + 1)
    const there = connect({ port: pod.port, host: '127.0.0.1', noDelay: true })
    for (const [one, other] of [
      [caller, there],
      [there, caller],
    ] as const) {
      open.add(one)
      one.pipe(other)
      one.on('error', () => other.destroy()).once('close', () => open.delete(one))
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('it has no port')

  return {
    port: address.port,
    add(pod) {
      pods.add(pod)
      void probe(pod)
    },
    async remove(pod) {
      await pause(propagationMs)
      pods.delete(pod)
      withdraw(pod)
    },
    isEndpoint: (pod) => endpoints.includes(pod),
    connectionsOf: (pod) => given.get(pod) ?? 0,
    get missed() {
      return missed
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

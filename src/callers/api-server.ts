/**
 * A Kubernetes API server, asked with the pod's own token and believed by its own authority alone.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import { createOutbound, type Outbound, OutboundFailure } from '../outbound/index.ts'

export interface ApiServerSource {
  /** Its https origin, perhaps with a path. */
  readonly apiServer: string
  /** The pod's own token, read for each request: it rotates. */
  readonly tokenFile: string
  readonly caFile: string
}

export interface ApiServerRequest {
  /** As in `/openid/v1/jwks`. */
  readonly path: string
  /** JSON; with it the request is a POST. */
  readonly body?: string
  /** Both tries together. */
  readonly deadlineMs: number
}

export interface ApiServerAnswer {
  readonly url: string
  readonly status: number
  readonly body: Buffer
}

export interface ApiServer {
  /**
   * Asks once more, on a new connection, where one broke that may have been kept for too long, or have led to an API server
   * that is being replaced. Nothing that is asked here changes anything.
   *
   * @throws {OutboundFailure | Error} no answer came, or a file of the pod cannot be read
   */
  send(request: ApiServerRequest): Promise<ApiServerAnswer>
  close(): Promise<void>
}

interface Way {
  readonly ca: string
  readonly outbound: Outbound
  /** The last time, on the monotonic clock. */
  answeredAt: number | undefined
}

const largestDocumentBytes = 256 * 1024
const mostConnections = 32

export function createApiServer({ apiServer, tokenFile, caFile }: ApiServerSource, clock: Clock): ApiServer {
  const base = apiServer.replace(/\/+$/, '')
  let way: Way | undefined
  let isClosed = false

  /**
   * One way for as long as the authority is the same and somebody answers. Connections of the one before end when they have
   * been idle.
   */
  function wayBy(ca: string): { readonly taken: Way; readonly isNew: boolean } {
    if (isClosed) throw new Error(`${base} is not asked any more`)
    if (way?.ca === ca) return { taken: way, isNew: false }
    way = { ca, outbound: createOutbound({ clock, onlyCa: ca, mostConnections }), answeredAt: undefined }
    return { taken: way, isNew: true }
  }

  /** Where nobody has answered meanwhile, whatever is kept may lead nowhere: each connection would cost a deadline to tell. */
  function leave(silent: Way, askedAt: number): void {
    if (way === silent && (silent.answeredAt ?? askedAt) <= askedAt) way = undefined
  }

  async function send({ path, body, deadlineMs }: ApiServerRequest): Promise<ApiServerAnswer> {
    const begun = clock.monotonic()
    const [token, ca] = await Promise.all([readPodFile(tokenFile), readPodFile(caFile)])
    const { taken, isNew } = wayBy(ca)
    const url = base + path
    // The origin is not always how the URL begins: it leaves out `:443`, which every pod is told of its API server.
    const { origin, pathname, search } = new URL(url)
    const headers = {
      accept: 'application/json',
      'user-agent': 'session-gateway',
      authorization: `Bearer ${token}`,
    }
    const once = (onNewConnection: boolean) =>
      taken.outbound.send({
        origin,
        target: pathname + search,
        ...(body === undefined
          ? { method: 'GET', headers }
          : { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body }),
        deadlineMs: deadlineMs - (clock.monotonic() - begun),
        maxBodyBytes: largestDocumentBytes,
        onNewConnection,
      })
    const { status, body: answer } = await once(false).catch((error: unknown) => {
      const kind = error instanceof OutboundFailure ? error.kind : undefined
      if (kind === 'http_response_timeout') leave(taken, begun)
      if (isNew || kind !== 'connection_terminated') throw error
      return once(true)
    })
    taken.answeredAt = clock.monotonic()
    return { url, status, body: answer }
  }

  return {
    send,
    async close() {
      isClosed = true
      await way?.outbound.close()
    },
  }
}

async function readPodFile(file: string): Promise<string> {
  try {
    const text = (await readFile(file, 'utf8')).trim()
    // TLS would take an empty list of authorities for the system's own.
    if (text === '') throw Object.assign(new Error('the file is empty'), { code: 'empty' })
    return text
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new Error(
      `${file} cannot be read (${code}). Inside a cluster, mount a projected service-account token and kube-root-ca.crt ` +
        'there; outside one, give tokenFile, caFile and apiServer, or use an issuer of type oidc',
      { cause: error },
    )
  }
}

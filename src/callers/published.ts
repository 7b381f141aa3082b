/**
 * Where an issuer's keys come from: OpenID Connect discovery, a given JWKS, or a Kubernetes API server.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import { type JsonObject, parseJsonObject } from '../json.ts'
import { createOutbound, type Outbound } from '../outbound/index.ts'
import type { Published } from './keys.ts'

export interface OidcSource {
  /** The exact `iss`. */
  readonly issuer: string
  /** Skips discovery. */
  readonly jwksUri?: string | undefined
}

export interface KubernetesSource {
  /** Its https origin, perhaps with a path. */
  readonly apiServer: string
  /** The exact `iss`, when it is not to be what the API server says. */
  readonly issuer?: string | undefined
  /** The pod's own token, read at each fetch: it rotates. */
  readonly tokenFile: string
  readonly caFile: string
}

type Sender = Pick<Outbound, 'send'>

const deadlineMs = 5_000
const largestDocumentBytes = 256 * 1024

/** OpenID Connect Discovery 1.0 §4. */
export async function fetchOidc(source: OidcSource, outbound: Sender): Promise<Published> {
  const jwksUri = source.jwksUri ?? (await discoverJwksUri(source.issuer, outbound))
  return { issuer: source.issuer, keys: keysOf(await getJson(jwksUri, outbound), jwksUri) }
}

async function discoverJwksUri(issuer: string, outbound: Sender): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const document = await getJson(url, outbound)
  if (document['issuer'] !== issuer) {
    throw new Error(
      `${url} is the document of the issuer ${JSON.stringify(document['issuer'] ?? null).slice(0, 200)}; ` +
        `write issuers.*.issuer exactly so, or correct it (it is ${JSON.stringify(issuer)})`,
    )
  }
  const jwksUri = document['jwks_uri']
  if (typeof jwksUri !== 'string' || !jwksUri.startsWith('https://')) {
    throw new Error(`${url} names no https jwks_uri; give it as issuers.*.jwksUri`)
  }
  return jwksUri
}

/**
 * Kubernetes "Service account issuer discovery". `jwks_uri` is not followed: on many clusters it names a host that
 * pods cannot reach. The API server serves the same keys.
 */
export async function fetchKubernetes(source: KubernetesSource, clock: Clock): Promise<Published> {
  const [token, ca] = await Promise.all([readPodFile(source.tokenFile), readPodFile(source.caFile)])
  const outbound = createOutbound({ clock, onlyCa: ca })
  const headers = { authorization: `Bearer ${token}` }
  const apiServer = source.apiServer.replace(/\/+$/, '')
  try {
    const discovery = `${apiServer}/.well-known/openid-configuration`
    const issuer = source.issuer ?? (await getJson(discovery, outbound, headers))['issuer']
    if (typeof issuer !== 'string')
      throw new Error(`${discovery} names no issuer; give it as issuers.*.issuer`)
    const jwks = `${apiServer}/openid/v1/jwks`
    return { issuer, keys: keysOf(await getJson(jwks, outbound, headers), jwks) }
  } finally {
    await outbound.close()
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

async function getJson(
  url: string,
  outbound: Sender,
  headers: Readonly<Record<string, string>> = {},
): Promise<JsonObject> {
  // The origin is not always how the URL begins: it leaves out `:443`, which every pod is told of its API server.
  const { origin, pathname, search } = new URL(url)
  const response = await outbound.send({
    origin,
    target: pathname + search,
    method: 'GET',
    headers: { accept: 'application/json', 'user-agent': 'session-gateway', ...headers },
    deadlineMs,
    maxBodyBytes: largestDocumentBytes,
  })
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`)
  const document = parseJsonObject(response.body)
  if (document === undefined) throw new Error(`${url} did not answer with a JSON object`)
  return document
}

function keysOf({ keys }: JsonObject, url: string): readonly unknown[] {
  if (!Array.isArray(keys)) throw new Error(`${url} is not a JSON Web Key Set`)
  return keys
}

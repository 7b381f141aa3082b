/**
 * Where an issuer's keys come from: OpenID Connect discovery, a given JWKS, or a Kubernetes API server.
 *
 * @module
 */

import type { Clock } from '../clock.ts'
import { type JsonObject, parseJsonObject } from '../json.ts'
import type { Outbound } from '../outbound/index.ts'
import { type ApiServer, type ApiServerAnswer, type ApiServerSource, createApiServer } from './api-server.ts'
import type { Published } from './keys.ts'

export interface OidcSource {
  /** The exact `iss`. */
  readonly issuer: string
  /** Skips discovery. */
  readonly jwksUri?: string | undefined
}

export interface KubernetesSource extends ApiServerSource {
  /** The exact `iss`, when it is not to be what the API server says. */
  readonly issuer?: string | undefined
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
  const apiServer = createApiServer(source, clock)
  try {
    const issuer = source.issuer ?? (await issuerAccordingTo(apiServer))
    const jwks = await apiServer.send({ path: '/openid/v1/jwks', deadlineMs })
    return { issuer, keys: keysOf(documentOf(jwks), jwks.url) }
  } finally {
    await apiServer.close()
  }
}

async function issuerAccordingTo(apiServer: ApiServer): Promise<string> {
  const discovery = await apiServer.send({ path: '/.well-known/openid-configuration', deadlineMs })
  const { issuer } = documentOf(discovery)
  if (typeof issuer !== 'string')
    throw new Error(`${discovery.url} names no issuer; give it as issuers.*.issuer`)
  return issuer
}

async function getJson(url: string, outbound: Sender): Promise<JsonObject> {
  const { origin, pathname, search } = new URL(url)
  const { status, body } = await outbound.send({
    origin,
    target: pathname + search,
    method: 'GET',
    headers: { accept: 'application/json', 'user-agent': 'session-gateway' },
    deadlineMs,
    maxBodyBytes: largestDocumentBytes,
  })
  return documentOf({ url, status, body })
}

function documentOf({ url, status, body }: ApiServerAnswer): JsonObject {
  if (status !== 200) throw new Error(`${url} answered ${status}`)
  const document = parseJsonObject(body)
  if (document === undefined) throw new Error(`${url} did not answer with a JSON object`)
  return document
}

function keysOf({ keys }: JsonObject, url: string): readonly unknown[] {
  if (!Array.isArray(keys)) throw new Error(`${url} is not a JSON Web Key Set`)
  return keys
}

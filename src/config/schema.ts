/**
 * Everything an operator can write: one schema from which come the types, the checks, the JSON Schema and the
 * reference. Every key says what it is for, and a default stands here as an operator would write it.
 *
 * @module
 */

import * as z from 'zod'
import {
  count,
  duration,
  filePath,
  guid,
  metadataOrigin,
  origin,
  percent,
  secret,
  size,
  tenant,
} from './fields.ts'
import { audit } from './schema-audit.ts'
import { access, issuers, propertyName } from './schema-callers.ts'
import { outbound } from './schema-outbound.ts'
import { server } from './schema-server.ts'
import { shared } from './schema-shared.ts'
import type { Secret } from './secret.ts'

const selectable = z
  .array(propertyName())
  .min(1)
  .max(8)
  .refine((names) => new Set(names.map((each) => each.toLowerCase())).size === names.length, {
    error: 'a name appears twice: upper and lower case are the same here',
  })
  .meta({ title: 'a list of 1 to 8 property names' })

export const graph = z.strictObject({
  endpoint: origin()
    .prefault('https://graph.microsoft.com')
    .describe('The Graph of your cloud. The app-only token goes there and nowhere else.'),
  version: z
    .literal('beta')
    .meta({ title: '`beta`' })
    .prefault('beta')
    .describe('Security Copilot sessions exist in beta only.'),
  deadline: duration('100ms', '2m')
    .prefault('10s')
    .describe(
      'The longest a trip to Graph takes in all: its turn, token and retry included. What is passed on has the same time once more, from its beginning to its end.',
    ),
  maxConcurrent: count(1, 10_000)
    .prefault(64)
    .describe('Sessions asked of Graph at the same time, in each replica.'),
  maxStreams: count(1, 10_000)
    .prefault(32)
    .describe(
      'Answers passed on without being kept at the same time, in each replica. Each has its place until its caller has read it.',
    ),
  maxWaiting: count(0, 100_000)
    .prefault(256)
    .describe(
      'Trips that wait for their turn while so many are under way, of either kind. More are told to come again.',
    ),
  maxBody: size('1KiB', '64MiB')
    .prefault('1MiB')
    .describe('A session that is longer is not read to its end.'),
  maxStreamed: size('1KiB', '4GiB')
    .prefault('16MiB')
    .describe(
      'The longest answer that is passed on without being kept (lists, prompts, evaluations, plugins); it breaks off there.',
    ),
  selectable: selectable
    .prefault(['id', 'createdDateTime', 'lastModifiedDateTime', 'displayName'])
    .describe('The properties accepted in `$select`. Each combination of them is an entry of its own.'),
})

const credential = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('secret').describe('The kind of credential.'),
      value: secret()
        .optional()
        .describe('The client secret itself. Better in `file`, or in the environment.'),
      file: filePath().optional().describe('A file holding the client secret. Read again when it changes.'),
    })
    .transform(({ type, value, file }, context) => {
      if (value !== undefined && file === undefined) return { type, value }
      if (file !== undefined && value === undefined) return { type, file }
      const message = 'give either value or file, or leave both out and set AZURE_CLIENT_SECRET'
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    })
    .describe('A client secret.'),
  z
    .strictObject({
      type: z.literal('certificate').describe('The kind of credential.'),
      file: filePath().describe('The certificate (PEM), with its private key unless `keyFile` has it.'),
      keyFile: filePath().optional().describe('The private key (PEM), where it is a file of its own.'),
    })
    .describe('A certificate registered with the application.'),
  z
    .strictObject({
      type: z.literal('federated').describe('The kind of credential.'),
      tokenFile: filePath().describe(
        'The token to exchange; workload identity mounts it. Read at every use.',
      ),
    })
    .describe('A federated token: no Microsoft secret at all. Prefer this one.'),
  z
    .strictObject({
      type: z.literal('managed').describe('The kind of credential.'),
      assigned: z
        .enum(['system', 'user'])
        .meta({ title: '`system` or `user`' })
        .prefault('system')
        .describe(
          'The machine’s own identity, or a user-assigned one: that with the client ID `identity.clientId`.',
        ),
      endpoint: metadataOrigin()
        .prefault('http://169.254.169.254')
        .describe(
          'The metadata service (IMDS). Another one only in development: a stand-in on this machine.',
        ),
    })
    .describe(
      'A managed identity of the Azure machine: its metadata service gives the token. On Kubernetes every pod of the node may ask for the same one.',
    ),
])

const identity = z.strictObject({
  tenantId: tenant().describe('The tenant whose sessions are read.'),
  clientId: guid().describe('The application (client) ID the gateway asks Graph as.'),
  authorityHost: origin()
    .prefault('https://login.microsoftonline.com')
    .describe(
      'The Entra of your cloud. The credential goes there and nowhere else. Not used with a managed identity.',
    ),
  credential: credential.describe(
    'How the gateway proves it is that application: secret, certificate, federated or managed.',
  ),
})

export const cache = z.strictObject({
  freshFor: duration('100ms', '24h')
    .prefault('30s')
    .describe('How long an answer is served without asking Graph again.'),
  staleWhileRevalidate: duration('0s', '24h')
    .prefault('5m')
    .describe('How long after that it is still served at once, while Graph is asked behind it.'),
  staleIfError: duration('0s', '168h')
    .prefault('1h')
    .describe(
      'How long after `freshFor` it is still served when Graph fails, throttles or cannot be reached. Not when Graph refuses (403).',
    ),
  maxRetention: duration('1s', '168h')
    .prefault('24h')
    .describe('The age beyond which nothing is served, whatever the other windows say.'),
  notFoundFor: duration('0s', '5m').prefault('5s').describe('How long "no such session" is remembered.'),
  jitter: percent('0%', '50%')
    .prefault('10%')
    .describe(
      'By up to how much each answer is fresh for less, so that what was fetched together is not fetched anew together.',
    ),
  memory: size('1MiB', '64GiB')
    .prefault('128MiB')
    .describe('What the cached answers may take, in each replica.'),
  shared: shared
    .optional()
    .describe(
      'A tier that all replicas share, on Redis or Valkey. Left out: each replica keeps its own answers.',
    ),
})

const log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
    .meta({ title: 'trace, debug, info, warn, error or fatal' })
    .prefault('info')
    .describe('The least severe lines that are written.'),
})

export const schema = z
  .strictObject({
    server: absentIsEmpty(server).describe('What callers and probes connect to.'),
    outbound: outbound.prefault({}).describe('How the gateway connects to others.'),
    graph: graph.prefault({}).describe('What is asked of Microsoft Graph.'),
    identity: absentIsEmpty(identity).describe('The application the gateway is in Entra.'),
    issuers: issuers.describe('Whose tokens are believed: at least one, each under a name of your choice.'),
    access: access.prefault({}).describe('Who may read what. What no rule grants is denied.'),
    cache: cache.prefault({}).describe('How long answers are kept.'),
    audit: audit.prefault({}).describe('How every decision is recorded.'),
    log: log.prefault({}).describe('What the gateway writes about itself.'),
  })
  .transform((config) => ({ ...config, access: config.access.map(inCaseOf(config.graph.selectable)) }))

/** So that each required key inside is named as missing, and not the section. */
function absentIsEmpty<S extends z.ZodObject>(section: S) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- incomplete on purpose: it is parsed next
  return section.prefault({} as z.input<S>)
}

/** Spells the names of `select` as `graph.selectable` does, so that everything after compares exactly. */
function inCaseOf(names: readonly string[]) {
  const canonical = new Map(names.map((each) => [each.toLowerCase(), each]))
  return <R extends { select?: string[] | undefined }>(rule: R): R =>
    rule.select === undefined
      ? rule
      : { ...rule, select: rule.select.map((each) => canonical.get(each.toLowerCase()) ?? each) }
}

type Frozen<T> = T extends Secret | string | number | boolean | undefined
  ? T
  : T extends readonly (infer E)[]
    ? readonly Frozen<E>[]
    : { readonly [K in keyof T]: Frozen<T[K]> }

/**
 * The configuration the house runs on, frozen to its depths.
 *
 * Durations are milliseconds, sizes bytes, rates `{ count, perMs }`, addresses `{ host, port }`; `server.tls`
 * is `'off'` or two files. Issuers and rules stand in the order they were written. Origins have no trailing
 * slash, workspace GUIDs are lower case, and `select` is spelt as in `graph.selectable`.
 */
export type Config = Frozen<z.output<typeof schema>>

export type ServerConfig = Config['server']
export type OutboundConfig = Config['outbound']
export type GraphConfig = Config['graph']
export type IdentityConfig = Config['identity']
export type CredentialConfig = IdentityConfig['credential']
export type IssuerConfig = Config['issuers'][number]
export type KubernetesIssuerConfig = Extract<IssuerConfig, { type: 'kubernetes' }>
export type OidcIssuerConfig = Extract<IssuerConfig, { type: 'oidc' }>
export type AnonymousIssuerConfig = Extract<IssuerConfig, { type: 'anonymous' }>
export type RuleConfig = Config['access'][number]
export type CallerConfig = RuleConfig['callers'][number]
export type CacheConfig = Config['cache']
export type SharedConfig = NonNullable<CacheConfig['shared']>
export type AuditConfig = Config['audit']
export type LogConfig = Config['log']

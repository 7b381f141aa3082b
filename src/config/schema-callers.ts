/**
 * Who may call: the issuers whose tokens are believed, and the rules that say what their callers may read.
 *
 * @module
 */

import * as z from 'zod'
import { guidPattern } from './addresses.ts'
import { claimText, duration, filePath, httpsUrl, name, rate, text } from './fields.ts'

const audience = () =>
  claimText('an audience').describe(
    'The `aud` a token must carry. A token meant for anything else is refused.',
  )

const clockTolerance = () =>
  duration('0s', '5m')
    .prefault('30s')
    .describe('How far the clocks of issuer and gateway may be apart when `exp` and `nbf` are checked.')

const serviceAccountFiles = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Written as a map of its own, so that `tokenReview: {}` turns it on. */
const tokenReview = z
  .strictObject({
    whenUnavailable: z
      .enum(['reject', 'accept'])
      .meta({ title: '`reject` or `accept`' })
      .prefault('reject')
      .describe(
        'What becomes of a token that the API server says nothing about, being down, slow or without the right to ask it: `reject`, 503 until it answers; `accept`, believed as without a review.',
      ),
    timeout: duration('100ms', '5s')
      .prefault('2s')
      .describe('How long the API server may take for a review.'),
  })
  .describe(
    'Has the API server asked about each token (`TokenReview`), too, at most 10 s ago: whether its pod and its service account are still there. Left out: a token is believed until it expires. `{}` turns it on; the gateway needs the right to `create` `tokenreviews`.',
  )

const kubernetes = z
  .strictObject({
    type: z.literal('kubernetes').describe('The kind of issuer.'),
    audience: audience().describe(
      "The `aud` a token must carry: what the caller's projected volume asks for in `audience`. Not the API server's own audience, which every mounted default token carries.",
    ),
    issuer: httpsUrl()
      .optional()
      .describe(
        'The `iss` of the tokens, character for character. Left out: what the API server says it is.',
      ),
    apiServer: httpsUrl()
      .optional()
      .describe('Where the keys are. Left out: `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.'),
    tokenFile: filePath()
      .prefault(`${serviceAccountFiles}/token`)
      .describe(
        "The gateway's own token, shown to the API server to read the keys, and to have tokens reviewed.",
      ),
    caFile: filePath()
      .prefault(`${serviceAccountFiles}/ca.crt`)
      .describe("The certificate authority (PEM) of the API server's certificate."),
    tokenReview: tokenReview.optional(),
    clockTolerance: clockTolerance(),
  })
  .describe('Service account tokens of a Kubernetes cluster.')

const claimValue = z
  .union([claimText('text'), z.boolean(), z.number(), z.array(claimText('text')).min(1)])
  .meta({ title: 'a text, a number, true, false, or a list of texts' })

const oidc = z
  .strictObject({
    type: z.literal('oidc').describe('The kind of issuer.'),
    issuer: httpsUrl().describe('The `iss` of the tokens, character for character.'),
    audience: audience().describe(
      'The `aud` a token must carry. For Entra v2.0 tokens this is the client ID, never an `api://` URI.',
    ),
    jwksUri: httpsUrl()
      .optional()
      .describe("Where the keys are. Left out: what the issuer's discovery document says."),
    subject: claimText('the name of a claim')
      .prefault('sub')
      .describe('The claim that names the caller in rules. For Entra app tokens use `azp`, the client ID.'),
    require: z
      .record(claimText('the name of a claim'), claimValue)
      .prefault({})
      .describe('Claims a token must carry, by name. A list: the claim must contain every one of them.'),
    clockTolerance: clockTolerance(),
  })
  .describe('Tokens of an OpenID Connect issuer: Entra ID, a CI system, another cluster.')

const anonymous = z
  .strictObject({
    type: z.literal('anonymous').describe('The kind of issuer.'),
    subject: claimText('a name').prefault('anonymous').describe('What such callers are called in records.'),
    acceptAnyoneWhoConnects: z
      .boolean()
      .meta({ title: 'true or false' })
      .prefault(false)
      .describe('Says that this is meant, where `server.listen` is not a loopback address.'),
  })
  .describe('Callers without a token. Development only.')

export const issuer = z.discriminatedUnion('type', [kubernetes, oidc, anonymous])

const issuerName = () => name().describe('The name of an entry in `issuers`.')

const kubernetesCaller = z
  .strictObject({
    issuer: issuerName(),
    namespace: text(
      'a namespace, `*` for any characters',
      /^[a-z0-9*](?:[a-z0-9*-]{0,61}[a-z0-9*])?$/,
    ).describe('The namespace of the service account. With `*` it also needs `anyNamespace: true`.'),
    serviceAccount: text(
      'a service account, `*` for any characters',
      /^[a-z0-9*](?:[a-z0-9.*-]{0,251}[a-z0-9*])?$/,
    ).describe('The name of the service account.'),
    anyNamespace: z
      .boolean()
      .meta({ title: 'true or false' })
      .optional()
      .describe('Says that a `*` in `namespace` is meant: whoever may create such namespaces may call.'),
  })
  .describe('A caller of a `kubernetes` issuer.')

const oidcCaller = z
  .strictObject({
    issuer: issuerName(),
    subject: claimText('a subject, `*` for any characters').describe(
      "The value of the issuer's `subject` claim.",
    ),
  })
  .describe('A caller of an `oidc` issuer.')

const anonymousCaller = z
  .strictObject({ issuer: issuerName() })
  .describe('Every caller of an `anonymous` issuer.')

/** By the type of the issuer: what a caller of it looks like. */
export const callerOf = { kubernetes: kubernetesCaller, oidc: oidcCaller, anonymous: anonymousCaller }

export const caller = z
  .union([kubernetesCaller, oidcCaller, anonymousCaller])
  .meta({ title: 'a map: issuer, and namespace with serviceAccount or subject' })

const workspace = text(
  '`default`, a GUID, another workspace identifier, or "*"',
  /^(?:\*|[A-Za-z0-9][A-Za-z0-9_-]{0,63})$/,
).transform((id) => (guidPattern.test(id) ? id.toLowerCase() : id))

/** A property name as Graph writes it. */
export const propertyName = () => text('a property name', /^[A-Za-z][A-Za-z0-9]{0,63}$/)

/** The documented GETs of Graph that can be granted. */
export const readNames = [
  'session',
  'sessions',
  'prompts',
  'prompt',
  'evaluations',
  'evaluation',
  'plugins',
  'workspaces',
] as const

const rule = z
  .strictObject({
    callers: z.array(caller).min(1).meta({ title: 'a list of callers, at least one' }).describe('Who.'),
    workspaces: z
      .array(workspace)
      .min(1)
      .meta({ title: 'a list of workspaces, at least one' })
      .optional()
      .describe(
        'Which workspaces may be read: `default`, identifiers, or `"*"` for all. `default` and the GUID of the same workspace are two names, and each needs its own mention. Only a rule with `admin` may leave it out.',
      ),
    reads: z
      .array(z.enum(readNames))
      .min(1)
      .meta({ title: `a list of reads: ${readNames.join(', ')}` })
      .optional()
      .describe(
        'What they may read of these workspaces. Left out: `[session]`, one session at a time. Everything else is not cached, so each such read is a call to Graph: give the rule a `rate`. `workspaces`, the list of all of them, needs `workspaces: ["*"]`.',
      ),
    select: z
      .array(propertyName())
      .min(1)
      .max(8)
      .meta({ title: 'a list of 1 to 8 property names' })
      .optional()
      .describe(
        'The properties these callers may ask for with `$select`, out of `graph.selectable`. Left out: every property. With it, a request without `$select` asks for too much and is refused, and `reads` can be `[session]` only.',
      ),
    mayBypassCache: z
      .boolean()
      .meta({ title: 'true or false' })
      .optional()
      .describe(
        'Whether `Cache-Control` of a request counts where it can cost a call to Graph (`no-cache`, `max-age` and so on). Left out: no. Give such a rule a `rate`.',
      ),
    admin: z
      .array(z.literal('purge').meta({ title: '`purge`' }))
      .min(1)
      .meta({ title: 'the list [purge]' })
      .optional()
      .describe(
        'What these callers may do on the management port instead of reading: `purge` the cache, of `workspaces` or, where those are left out, of everything.',
      ),
    rate: rate()
      .optional()
      .describe('How many requests each caller has with this rule, in each replica. Left out: no limit.'),
  })
  .describe(
    'What a group of callers may read, or purge. Rules only grant; the first that permits a request wins.',
  )

/** In the order they were written: files first to last, and lines top to bottom. */
export const issuers = z
  .record(name(), issuer)
  .refine((named) => Object.keys(named).length > 0, {
    error: 'at least one issuer is needed: nobody could call',
  })
  .transform((named) => Object.entries(named).map(([key, value]) => ({ name: key, ...value })))

/** In the order they were written, which is the order they are tried in. */
export const access = z
  .record(name(), rule)
  .transform((named) => Object.entries(named).map(([key, value]) => ({ name: key, ...value })))

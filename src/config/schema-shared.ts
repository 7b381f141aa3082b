/**
 * The tier of the cache that replicas share.
 *
 * @module
 */

import * as z from 'zod'
import { duration, filePath, redisUrl, text } from './fields.ts'

const auth = z.discriminatedUnion('type', [
  z
    .strictObject({ type: z.literal('none').describe('The kind of authentication.') })
    .describe('Redis asks for no password, or the network is what keeps others out.'),
  z
    .strictObject({
      type: z.literal('passwordFile').describe('The kind of authentication.'),
      file: filePath().describe('A file with the password in one line. Read at every connection.'),
      username: text('a user name: printable ASCII without spaces, at most 255', /^[!-~]{1,255}$/)
        .prefault('default')
        .describe('The user of Redis’ access control list (ACL).'),
    })
    .describe('A password, as `requirepass` or an ACL user has it.'),
  z
    .strictObject({ type: z.literal('entra').describe('The kind of authentication.') })
    .describe(
      'A token of Entra for `https://redis.azure.com`, renewed before it ends, as Azure Managed Redis takes it: of the application in `identity`, whatever its credential is.',
    ),
])

const cluster = z
  .array(redisUrl())
  .min(1)
  .max(32)
  .refine((all) => new Set(all.map(({ scheme }) => scheme)).size <= 1, {
    error: 'has redis:// and rediss://: a cluster speaks TLS with all of its nodes or with none',
  })
  .refine((all) => new Set(all.map(({ host, port }) => `${host} ${port}`)).size === all.length, {
    error: 'names the same host and port twice',
  })
  .meta({ title: 'a list of 1 to 32 redis:// or rediss:// URLs' })

export const sharedKeys = z.strictObject({
  url: redisUrl()
    .optional()
    .describe(
      'The Redis or Valkey server of all replicas; `rediss://` is TLS. This or `cluster`. Never reached through `outbound.proxy`.',
    ),
  cluster: cluster
    .optional()
    .describe('Some nodes of a Redis Cluster; the others are found by asking them. This or `url`.'),
  caFile: filePath()
    .optional()
    .describe('More certificate authorities (PEM) to trust for these servers. Only with `rediss://`.'),
  auth: auth
    .prefault({ type: 'none' })
    .describe('How the gateway proves itself: none, passwordFile or entra.'),
  keysFile: filePath().describe(
    'The keys that seal whatever is stored there: `<id> <base64 of 32 bytes>` a line, at most two; the first one writes, both read. Read again when it changes. The same for all replicas.',
  ),
  prefix: text('1 to 64 letters, digits and _ . : -', /^[A-Za-z0-9_.:-]{1,64}$/)
    .prefault('session-gateway')
    .describe('How all names there begin. Gateways share what they store when it is the same.'),
  timeout: duration('5ms', '5s')
    .prefault('50ms')
    .describe('The longest a caller waits for an answer of it. Then each replica goes on alone.'),
})

export const shared = sharedKeys.transform(({ url, cluster: nodes, ...others }, context) => {
  if (url !== undefined && nodes === undefined) return { ...others, url }
  if (nodes !== undefined && url === undefined) return { ...others, cluster: nodes }
  const message =
    url === undefined
      ? 'give url (one server), or cluster (some of its nodes)'
      : 'give either url or cluster, and remove the other'
  context.addIssue({ code: 'custom', message })
  return z.NEVER
})

/**
 * How the gateway connects to others.
 *
 * @module
 */

import * as z from 'zod'
import { exemption, filePath, proxy, secret } from './fields.ts'

const proxyAuth = z
  .strictObject({
    value: secret().optional().describe('`user:password` itself. Better in `file`, or in `HTTPS_PROXY`.'),
    file: filePath().optional().describe('A file holding `user:password`. Read at every connection.'),
  })
  .transform(({ value, file }, context) => {
    if (value?.reveal().includes(':') === true && file === undefined) return { value }
    if (file !== undefined && value === undefined) return { file }
    const message = 'give either value (user:password, which is not shown) or file'
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })

export const outbound = z.strictObject({
  proxy: proxy()
    .optional()
    .describe(
      'The proxy through which Entra, Graph and OIDC issuers are reached (`CONNECT`). `off`: none, whatever the environment says.',
    ),
  proxyAuth: proxyAuth.optional().describe('What that proxy wants to know its clients by (Basic).'),
  noProxy: z
    .array(exemption())
    .max(4096)
    .meta({ title: 'a list of at most 4096 hosts and networks' })
    .prefault([])
    .describe(
      'Who is reached without it: `graph.example` (and what is below it), `.example`, `10.0.0.0/8`, `*`, each perhaps with `:port`.',
    ),
  caFile: filePath()
    .optional()
    .describe('More certificate authorities (PEM) to trust: for Entra, Graph, OIDC issuers and the proxy.'),
})

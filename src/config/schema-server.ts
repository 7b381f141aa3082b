/**
 * What callers and probes connect to.
 *
 * @module
 */

import * as z from 'zod'
import { count, duration, filePath, listen, network, origin } from './fields.ts'

const tls = z
  .union([
    // Helm reads YAML 1.1, where an unquoted off is the boolean false.
    z.literal(['off', false]).transform(() => 'off' as const),
    z.strictObject({
      certFile: filePath().describe('The certificate chain (PEM), leaf first. Read again when it changes.'),
      keyFile: filePath().describe("The certificate's private key (PEM). Read again when it changes."),
    }),
  ])
  .meta({ title: 'certFile and keyFile, or "off"' })

export const server = z.strictObject({
  listen: listen()
    .prefault(':8443')
    .describe('Where callers connect. A leading colon means every interface.'),
  tls: tls.describe('Give certFile and keyFile, or write "off" when TLS ends in front of the gateway.'),
  publicUrl: origin()
    .optional()
    .describe(
      'Where callers find the gateway, such as `https://sessions.example.com`: what links to the next page of a list begin with. Left out: what each caller has called it, by its `Host`.',
    ),
  management: z
    .strictObject({
      listen: listen().prefault(':9090').describe('Where probes, metrics and purges are served.'),
      tls: tls
        .prefault('off')
        .describe('As `server.tls`. Wanted where purges come over a network: they carry a token.'),
    })
    .prefault({}),
  maxConnections: count(16, 1_000_000)
    .prefault(10_000)
    .describe(
      'How many connections callers may have in all; more are closed as they come. Each takes a file descriptor.',
    ),
  connectionMaxAge: duration('1s', '24h')
    .prefault('5m')
    .describe(
      'How long a connection lives, give or take a tenth: the next answer after that ends it, so that new replicas get callers.',
    ),
  trustedProxies: z
    .array(network())
    .max(64)
    .meta({ title: 'a list of addresses and networks' })
    .prefault([])
    .describe(
      'Proxies in front whose `X-Forwarded-For` is believed: audit records then name the caller they saw. Everybody else’s is ignored.',
    ),
  drain: z
    .strictObject({
      delay: duration('0s', '5m')
        .prefault('5s')
        .describe('How long a stopping gateway says it is unready and goes on accepting connections.'),
      timeout: duration('1s', '1h')
        .prefault('30s')
        .describe('The longest that stopping takes, `drain.delay` included. Then connections are cut.'),
    })
    .prefault({}),
  startupGrace: duration('0s', '1h')
    .prefault('60s')
    .describe('When the gateway reports ready at the latest, even if Entra or the issuers do not answer.'),
})

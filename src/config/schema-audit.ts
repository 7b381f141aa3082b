/**
 * How every decision is recorded.
 *
 * @module
 */

import * as z from 'zod'
import { duration, filePath, size } from './fields.ts'

const fileSink = z.strictObject({
  file: filePath().describe(
    'Records are appended to it. `{hostname}` becomes the name of this host or pod: two processes may not share a file.',
  ),
  fsync: z
    .enum(['none', 'interval', 'each-batch'])
    .meta({ title: 'none, interval or each-batch' })
    .prefault('each-batch')
    .describe(
      'When records are forced to the disk: when the system does it anyway, once a second, or before their answers leave.',
    ),
  maxSize: size('1MiB', '1024GiB')
    .optional()
    .describe('The file never grows beyond it: reads are refused until it has been moved away (SIGHUP).'),
})

export const audit = z.strictObject({
  sink: z
    .union([z.literal('stdout'), fileSink])
    .meta({ title: 'stdout, or file with fsync and maxSize' })
    .prefault('stdout')
    .describe('Where audit records go.'),
  delivery: z
    .enum(['before-response', 'best-effort'])
    .meta({ title: 'before-response or best-effort' })
    .prefault('before-response')
    .describe(
      'Whether an answer waits for its record. With `best-effort` answers leave when records cannot be written, and those are lost.',
    ),
  stallAfter: duration('100ms', '10s')
    .prefault('1s')
    .describe('When a sink that takes nothing counts as stuck: from then on reads are refused with 503.'),
  chain: z
    .boolean()
    .meta({ title: 'true or false' })
    .prefault(true)
    .describe('Links each record to the one before, so that `session-gateway audit verify` can check them.'),
  signingKeyFile: filePath()
    .optional()
    .describe('An Ed25519 private key (PEM) that signs the chain once a minute, at its start and its end.'),
})

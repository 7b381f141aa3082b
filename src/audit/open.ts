/**
 * From what an operator wrote to a trail that takes records.
 *
 * @module
 */

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Writable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { StartFailure } from '../errors.ts'
import { createChain } from './chain.ts'
import { createFileSink, type FileSink } from './file-sink.ts'
import { linkOf } from './line.ts'
import { createRecordFormat } from './record.ts'
import { createDescriptorSink, createStreamSink, isFile, type Sink } from './sink.ts'
import { createTrail, type Trail, type TrailObserver } from './trail.ts'

export interface AuditSettings {
  readonly sink: 'stdout' | FileSettings
  readonly delivery: 'before-response' | 'best-effort'
  /** Milliseconds. */
  readonly stallAfter: number
  readonly chain: boolean
  readonly signingKeyFile?: string | undefined
}

interface FileSettings {
  readonly file: string
  readonly fsync: 'none' | 'interval' | 'each-batch'
  /** Bytes. */
  readonly maxSize?: number | undefined
}

export interface AuditSurroundings {
  readonly stdout: Writable
  /** Of this program. */
  readonly version: string
  readonly tenantId: string
  readonly clock: Clock
  readonly observer: TrailObserver
}

/** Records that wait for a sink that does not keep up; some 3,000 reads. */
const maxPendingBytes = 4 * 1024 * 1024

/** @throws {StartFailure} a file cannot be opened, or is no key */
export async function openTrail(settings: AuditSettings, surroundings: AuditSurroundings): Promise<Trail> {
  const { stdout, version, tenantId, clock, observer } = surroundings
  const { delivery, stallAfter, signingKeyFile } = settings
  const key = signingKeyFile === undefined ? undefined : await readSigningKey(signingKeyFile)
  const file = settings.sink === 'stdout' ? undefined : await openFile(settings.sink, clock)
  return createTrail({
    sink: file ?? stdoutSink(stdout),
    format: createRecordFormat({ version, tenantId, hostName: hostname() }),
    chain: settings.chain ? createChain(key) : undefined,
    previous: linkOf(file?.lastLine),
    cutBytes: file?.cutBytes ?? 0,
    delivery,
    maxPendingBytes,
    stallAfterMs: stallAfter,
    clock,
    observer,
  })
}

function openFile({ file, fsync, maxSize }: FileSettings, clock: Clock): Promise<FileSink> {
  return createFileSink({ path: pathOfRecords(file), fsync, maxBytes: maxSize, clock })
}

/** @param file as it was written */
export function pathOfRecords(file: string): string {
  return file.replaceAll('{hostname}', hostname())
}

function stdoutSink(stdout: Writable & { readonly fd?: unknown }): Sink {
  return typeof stdout.fd === 'number' && isFile(stdout.fd)
    ? createDescriptorSink(stdout.fd)
    : createStreamSink(stdout)
}

/** @throws {StartFailure} it cannot be read, or is no such key */
export async function readSigningKey(path: string): Promise<KeyObject> {
  const pem = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new StartFailure(`audit.signingKeyFile: ${path} cannot be read (${error.code ?? error.message})`)
  })
  const key = privateKeyOf(pem)
  if (key?.asymmetricKeyType === 'ed25519') return key
  throw new StartFailure(
    `audit.signingKeyFile: ${path} holds no Ed25519 private key (PEM). ` +
      'Make one with: openssl genpkey -algorithm ed25519',
  )
}

function privateKeyOf(pem: Buffer): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

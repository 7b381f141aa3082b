/**
 * The server's certificate and key, read again when their content changes.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import {
  createServer as createHttpServer,
  type RequestListener,
  type Server,
  type ServerOptions,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../clock.ts'
import { messageOf, StartFailure } from '../errors.ts'
import { poll, type Polled } from '../polled.ts'

export interface TlsPair {
  readonly cert: string
  readonly key: string
}

export type TlsFiles = Polled<TlsPair>

interface TlsFilePaths {
  /** The key of the configuration that an error names. */
  readonly key: string
  readonly certFile: string
  readonly keyFile: string
}

export interface TlsFilesOptions extends TlsFilePaths {
  readonly clock: Clock
  readonly observer: (problem: string | undefined) => void
}

/** @throws {StartFailure} the files do not work: the message says which and why */
export async function readTlsPair({ key: setting, certFile, keyFile }: TlsFilePaths): Promise<TlsPair> {
  try {
    return await readPair(certFile, keyFile)
  } catch (error) {
    throw new StartFailure(`${setting}: ${messageOf(error)} (certFile ${certFile}, keyFile ${keyFile})`)
  }
}

/** @throws {StartFailure} as `readTlsPair`, at the start */
export async function watchTlsFiles({ clock, observer, ...paths }: TlsFilesOptions): Promise<TlsFiles> {
  return poll({
    first: await readTlsPair(paths),
    read: () => readPair(paths.certFile, paths.keyFile),
    isSame: (one, other) => one.cert === other.cert && one.key === other.key,
    clock,
    observer,
  })
}

const versions = { minVersion: 'TLSv1.2' } as const

/** With TLS, where there are files for it, and always with the pair that they hold now. */
export function createServerFor(
  tls: TlsFiles | undefined,
  options: ServerOptions,
  handle: RequestListener,
): Server {
  if (tls === undefined) return createHttpServer(options, handle)
  const server = createHttpsServer({ ...options, ...versions, ...tls.current }, handle)
  tls.onChange((pair) => server.setSecureContext({ ...versions, ...pair }))
  return server
}

async function readPair(certFile: string, keyFile: string): Promise<TlsPair> {
  const [cert, key] = await Promise.all([readPem(certFile), readPem(keyFile)])
  assertPair(cert, key)
  return { cert, key }
}

/** Half of a rotation (new certificate, old key) is a pair that does not work. */
function assertPair(cert: string, key: string): void {
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new Error('the key does not belong to the certificate')
  }
  // The chain behind the leaf, and keys too weak for TLS.
  createSecureContext({ cert, key })
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new Error(`${file} cannot be read (${code})`, { cause: error })
  }
}

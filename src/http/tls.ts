/**
 * The server's certificate and key, read again when their content changes.
 *
 * Polled by content, not watched by path: Kubernetes swaps a symlink above them. A new pair that does not work keeps
 * the old one in use.
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
import { StartFailure } from '../errors.ts'

export interface TlsPair {
  readonly cert: string
  readonly key: string
}

export interface TlsFiles {
  readonly current: TlsPair
  onChange(listener: (pair: TlsPair) => void): void
  /** What is wrong with the files as they are now; the pair in use is an older one. */
  readonly problem: string | undefined
  close(): void
}

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

const pollEveryMs = 10_000

/** @throws {StartFailure} the files do not work: the message says which and why */
export async function readTlsPair({ key: setting, certFile, keyFile }: TlsFilePaths): Promise<TlsPair> {
  try {
    return await readPair(certFile, keyFile)
  } catch (error) {
    throw new StartFailure(`${setting}: ${messageOf(error)} (certFile ${certFile}, keyFile ${keyFile})`)
  }
}

/** @throws {StartFailure} as `readTlsPair`, at the start */
export async function watchTlsFiles({
  key: setting,
  certFile,
  keyFile,
  clock,
  observer,
}: TlsFilesOptions): Promise<TlsFiles> {
  let current = await readTlsPair({ key: setting, certFile, keyFile })
  const listeners: ((pair: TlsPair) => void)[] = []
  let problem: string | undefined

  async function poll(): Promise<void> {
    try {
      const next = await readPair(certFile, keyFile)
      const hasChanged = next.cert !== current.cert || next.key !== current.key
      if (hasChanged) {
        current = next
        for (const listener of listeners) listener(next)
      }
      if (hasChanged || problem !== undefined) observer(undefined)
      problem = undefined
    } catch (error) {
      const found = messageOf(error)
      if (found !== problem) observer(found)
      problem = found
    }
    schedule()
  }
  let cancel = (): void => {}
  let isClosed = false
  const schedule = (): void => {
    if (!isClosed) cancel = clock.after(pollEveryMs, () => void poll())
  }
  schedule()

  return {
    get current() {
      return current
    },
    onChange: (listener) => void listeners.push(listener),
    get problem() {
      return problem
    },
    close() {
      isClosed = true
      cancel()
    },
  }
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/**
 * What the way out is furnished with from files. An error here names the key and the file, and never what is in it.
 *
 * @module
 */

import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { StartFailure } from '../errors.ts'
import { readRegular } from '../regular-file.ts'

/**
 * @param setting the key of the configuration that an error names
 * @returns PEM
 * @throws {StartFailure} the file cannot be read, or holds something else
 */
export async function readAuthorities(caFile: string, setting = 'outbound.caFile'): Promise<string> {
  const pem = await readFile(caFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new StartFailure(`${setting}: ${caFile} cannot be read (${error.code ?? error.message})`)
  })
  // TLS would pass over what it cannot read, and say so at the first connection only.
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (certificates.length === 0 || !certificates.every(isCertificate)) {
    throw new StartFailure(`${setting}: ${caFile} holds no PEM certificate, or one that cannot be read`)
  }
  return pem
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

/** @returns `user:password` */
export async function readProxyCredentials(file: string): Promise<string> {
  const text = await readRegular(file).catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      `outbound.proxyAuth.file: ${file} cannot be read (${error.code ?? 'it is no regular file'})`,
    )
  })
  const credentials = text.replace(/\r?\n$/, '')
  if (!/^[^:\r\n]+:[^\r\n]*$/.test(credentials)) {
    throw new Error(`outbound.proxyAuth.file: ${file} does not hold one line with user:password`)
  }
  return credentials
}

/**
 * How the gateway proves to Entra that it is its application. Read anew at each exchange, so that a rotated file
 * is used by the next one.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { NodeAuthOptions } from '@azure/msal-node'
import { ExchangeFailed } from './errors.ts'

export type CredentialSource =
  | { readonly type: 'secret'; readonly value: { reveal(): string } }
  | { readonly type: 'secret'; readonly file: string }
  /** PEM; the key is in `file` too when there is no `keyFile`. */
  | { readonly type: 'certificate'; readonly file: string; readonly keyFile?: string | undefined }
  /** A token of the platform's own issuer, which Entra trusts by a federated credential. */
  | { readonly type: 'federated'; readonly tokenFile: string }

export interface MsalCredential extends Pick<NodeAuthOptions, 'clientSecret' | 'clientCertificate'> {
  readonly clientAssertion?: string
}

/** What the validity of a certificate is judged by, and who is told of it. */
export interface Validity {
  /** Epoch milliseconds. */
  readonly now: number
  /** For the operator: what our clock says, and whether Entra's agrees. */
  readonly describeClock: () => string
  /** When it ends, in epoch milliseconds. */
  readonly certificateUsed?: ((expiresAt: number) => void) | undefined
}

/**
 * @throws {ExchangeFailed} the file is missing, empty, expired or not what it should be
 */
export async function readCredential(source: CredentialSource, validity: Validity): Promise<MsalCredential> {
  switch (source.type) {
    case 'secret':
      return { clientSecret: 'value' in source ? source.value.reveal() : await readText(source.file) }
    case 'federated':
      return { clientAssertion: await readText(source.tokenFile) }
    case 'certificate':
      return {
        clientCertificate: await readCertificate(source.file, source.keyFile ?? source.file, validity),
      }
  }
}

async function readCertificate(
  file: string,
  keyFile: string,
  { now, describeClock, certificateUsed }: Validity,
): Promise<{ thumbprintSha256: string; privateKey: string }> {
  const [certificatePem, keyPem] = await Promise.all([readText(file), readText(keyFile)])
  try {
    const certificate = new X509Certificate(certificatePem)
    const key = createPrivateKey(keyPem)
    if (key.asymmetricKeyType !== 'rsa') {
      throw new Error(`Entra takes RSA keys only, and this one is ${key.asymmetricKeyType ?? 'unknown'}`)
    }
    if (!certificate.checkPrivateKey(key)) throw new Error('the key does not belong to the certificate')
    // Entra would say only that it refuses the signature.
    const { validFrom, validFromDate, validTo, validToDate } = certificate
    certificateUsed?.(validToDate.getTime())
    if (validToDate.getTime() <= now) throw new Error(`it expired on ${validTo}; ${describeClock()}`)
    if (validFromDate.getTime() > now) {
      throw new Error(`it is not valid before ${validFrom}; ${describeClock()}`)
    }
    return {
      thumbprintSha256: certificate.fingerprint256.replaceAll(':', ''),
      privateKey: key.export({ type: 'pkcs8', format: 'pem' }),
    }
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    throw new ExchangeFailed(
      `the certificate of identity.credential cannot be used (${file}, ${keyFile}): ${what}. ` +
        'Give a PEM certificate and its unencrypted RSA private key',
    )
  }
}

async function readText(file: string): Promise<string> {
  let text: string
  try {
    text = (await readFile(file, 'utf8')).trim()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new ExchangeFailed(`the file of identity.credential cannot be read: ${file} (${code})`)
  }
  if (text === '') throw new ExchangeFailed(`the file of identity.credential is empty: ${file}`)
  return text
}

/**
 * A certificate authority of two levels: itself, and the leaves it signs.
 *
 * @module
 */

// @peculiar/x509 asks for it as it loads, so it comes first.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata'
import { KeyObject, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

export interface Certificate {
  readonly certPem: string
  readonly keyPem: string
}

export interface Authority {
  readonly certPem: string
  /**
   * Signs a leaf for servers and clients.
   *
   * @param names DNS names and IP addresses; the first is the common name
   * @param keyType `rsa` (2048) for what signs PS256; `ec` (P-256) is faster to make
   */
  issue(names: readonly string[], keyType?: KeyType): Promise<Certificate>
}

export type KeyType = 'ec' | 'rsa'

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const rsa = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
}

const yearMs = 365 * 24 * 60 * 60 * 1000
/** Clocks of containers on one laptop disagree. */
const backdatedMs = 60 * 60 * 1000

export async function createAuthority(): Promise<Authority> {
  const keys = await generateKeys('ec')
  const name = 'CN=Session Gateway emulator CA'
  const authority = await X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name,
    keys,
    signingAlgorithm: ecdsa,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    certPem: `${authority.toString('pem')}\n`,
    async issue(names, keyType = 'ec') {
      const [first] = names
      if (first === undefined) throw new TypeError('a certificate needs at least one name')
      const leaf = await generateKeys(keyType)
      const certificate = await X509CertificateGenerator.create({
        ...validity(),
        subject: `CN=${first}`,
        issuer: authority.subject,
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ecdsa,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          new SubjectAlternativeNameExtension(
            names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
          ),
          await SubjectKeyIdentifierExtension.create(leaf.publicKey),
          await AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      })
      return {
        certPem: `${certificate.toString('pem')}\n`,
        keyPem: KeyObject.from(leaf.privateKey).export({ type: 'pkcs8', format: 'pem' }),
      }
    },
  }
}

function generateKeys(keyType: KeyType): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(keyType === 'rsa' ? rsa : ecdsa, true, ['sign', 'verify'])
}

function validity(): { notBefore: Date; notAfter: Date } {
  const now = Date.now()
  return { notBefore: new Date(now - backdatedMs), notAfter: new Date(now + yearMs) }
}

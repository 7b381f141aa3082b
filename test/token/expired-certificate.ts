// @peculiar/x509 asks for it as it loads, so it comes first.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata'
import { KeyObject, webcrypto } from 'node:crypto'
import { X509CertificateGenerator } from '@peculiar/x509'

const rsa = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
}

/** A certificate of 2019, and its key. */
export async function expiredCertificate(): Promise<[certificate: string, key: string]> {
  const keys = await webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=gateway',
    keys,
    signingAlgorithm: rsa,
    notBefore: new Date('2019-01-01T00:00:00Z'),
    notAfter: new Date('2020-01-01T00:00:00Z'),
  })
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' })
  return [`${certificate.toString('pem')}\n`, key]
}

/**
 * The certificates that callers and probes are shown.
 *
 * @module
 */

import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { ServerConfig } from '../../config/index.ts'
import { tlsPairFor } from '../../reach.ts'
import { failed, ok, type Told, warning } from './line.ts'

/** What renews certificates does so long before. */
const soonMs = 7 * 24 * 60 * 60_000

/**
 * @param key where `tls` stands in the configuration
 * @param publicUrl what callers call us by, where that is told
 * @param now epoch milliseconds
 * @throws {StartFailure} the files do not work
 */
export async function examineTls(
  tls: ServerConfig['tls'],
  {
    key,
    publicUrl,
    now,
  }: { readonly key: string; readonly publicUrl: string | undefined; readonly now: number },
): Promise<Told> {
  if (tls === 'off') return ok('off: there are no files')
  const { cert } = await tlsPairFor(tls, key)
  const leaf = new X509Certificate(cert)
  const names = leaf.subjectAltName ?? ''
  const until = leaf.validToDate.toISOString()
  const found = `${tls.certFile}: for ${names === '' ? 'no name' : names}, until ${until}; the key belongs to it`
  const renew = 'renew it; the gateway takes the new files by itself within 10 s'
  if (leaf.validToDate.getTime() <= now) return failed(`${found}; IT HAS EXPIRED`, renew)
  if (leaf.validFromDate.getTime() > now) {
    return failed(
      `${found}; it is not valid before ${leaf.validFromDate.toISOString()}`,
      'compare the clocks, of this machine and of whatever issued it',
    )
  }
  if (names === '') {
    return failed(
      found,
      'callers accept no certificate without subjectAltName: have it issued with their name for us',
    )
  }
  if (publicUrl !== undefined && !isFor(leaf, new URL(publicUrl).hostname)) {
    return failed(
      `${found}; not for the name in server.publicUrl`,
      `have it issued for ${new URL(publicUrl).hostname}, or correct server.publicUrl`,
    )
  }
  return leaf.validToDate.getTime() - now < soonMs
    ? warning(found, `${renew}. It ends within a week`)
    : ok(found)
}

function isFor(certificate: X509Certificate, written: string): boolean {
  const host = written.replace(/^\[|\]$/g, '')
  return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined
}

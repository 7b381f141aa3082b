import { getCACertificates } from 'node:tls'

/**
 * Node brings authorities of its own, and by itself does not read the system's, where a company adds its own.
 *
 * @returns PEM
 */
export function trusted(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
}

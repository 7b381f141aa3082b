/**
 * A caller: asks the gateway over real HTTPS with a token of its own.
 *
 * @module
 */

import { request } from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Visit {
  readonly url: string
  readonly ca: string
  readonly headers?: Readonly<Record<string, string>>
}

export function visit({ url, ca, headers = {} }: Visit): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ca, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

/**
 * What a token costs by itself: `jwtVerify` of jose for each of a file, and nothing else. Prints microseconds a token.
 * Arguments: the file, the issuer, its audience, its keys as JSON.
 */

import { readFileSync } from 'node:fs'
import { importJWK, jwtVerify } from 'jose'

const [file = '', issuer = '', audience = '', keys = ''] = process.argv.slice(2)
const tokens = readFileSync(file, 'latin1').trimEnd().split('\n')
const key = await importJWK(JSON.parse(keys).keys[0], 'RS256')
const verify = (token: string): Promise<unknown> => jwtVerify(token, key, { issuer, audience })

/** @param atOnce webcrypto verifies on other threads, so that one after the other is not the quickest */
async function microsEach(atOnce: number): Promise<number> {
  const begunAt = performance.now()
  for (let n = 0; n < tokens.length; n += atOnce) await Promise.all(tokens.slice(n, n + atOnce).map(verify))
  return ((performance.now() - begunAt) * 1_000) / tokens.length
}

await microsEach(64)
process.stdout.write(String(Math.min(await microsEach(64), await microsEach(1))))

/**
 * For njs: whether a token is one of the issuer's, for this audience, and of this time.
 *
 * njs 0.7.9 has no destructuring, and falls over an `await` in the middle of an expression.
 */

const issuer = '{{issuer}}'
const audience = '{{audience}}'
/** It knows no JWK either. */
const publicKey = Buffer.from('{{publicKey}}', 'base64')
const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }

async function isGood(authorization) {
  if (!authorization || !authorization.startsWith('Bearer ')) return false
  const token = authorization.slice(7)
  const parts = token.split('.')
  if (JSON.parse(Buffer.from(parts[0], 'base64url').toString()).alg !== 'RS256') return false
  const key = await crypto.subtle.importKey('spki', publicKey, algorithm, false, ['verify'])
  const signature = Buffer.from(parts[2], 'base64url')
  const isSigned = await crypto.subtle.verify(algorithm, key, signature, parts[0] + '.' + parts[1])
  if (!isSigned) return false
  const claims = JSON.parse(Buffer.from(parts[1], 'base64url').toString())
  const now = Date.now() / 1000
  return claims.iss === issuer && claims.aud === audience && claims.nbf <= now && now < claims.exp
}

async function gate(request) {
  try {
    const isAllowed = await isGood(request.headersIn.Authorization)
    if (isAllowed) request.internalRedirect('@cached')
    else request.return(401)
  } catch (error) {
    request.log(String(error))
    request.return(401)
  }
}

// oxlint-disable-next-line import/no-default-export -- njs knows no other
export default { gate }

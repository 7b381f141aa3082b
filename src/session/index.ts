export { parseSessionRequest, apiRoot, type SessionRequest } from './request.ts'
export { assertSaneTarget, decodePathSegments, lowerCase } from './target.ts'
export { sessionKey, graphTarget } from './canonical.ts'
export { InvalidRequest, UnknownResource } from './errors.ts'

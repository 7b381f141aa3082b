export {
  apiRoot,
  parseReadRequest,
  type OtherRequest,
  type ReadRequest,
  type SessionRequest,
} from './request.ts'
export { mostPerPage, type ListOptions } from './options.ts'
export { resources, type Read, type Resource } from './resources.ts'
export { assertSaneTarget, decodePathSegments, lowerCase } from './target.ts'
export { sessionKey, sessionKeys, graphTarget } from './canonical.ts'
export { ownTarget } from './links.ts'
export { parsePurgeRequest, type PurgeRequest } from './purge.ts'
export { InvalidRequest, UnknownPurge, UnknownResource } from './errors.ts'

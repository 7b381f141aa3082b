export {
  apiRoot,
  guid,
  parseReadRequest,
  type OtherRequest,
  type ReadRequest,
  safeIdentifier,
  type SessionRequest,
} from './request.ts'
export {
  longestFilter,
  longestPage,
  mostPerPage,
  mostProperties,
  propertyName,
  type ListOptions,
} from './options.ts'
export { resources, type ListOption, type Read, type Resource } from './resources.ts'
export { assertSaneTarget, decodePathSegments, lowerCase } from './target.ts'
export { createCanonicalReader, sessionKey, sessionKeys, graphRoot, graphTarget } from './canonical.ts'
export { ownTarget } from './links.ts'
export { parsePurgeRequest, type PurgeRequest } from './purge.ts'
export { InvalidRequest, UnknownPurge, UnknownResource } from './errors.ts'

import { createHash } from 'node:crypto'

/** A Lua script, and its SHA-1, by which a server knows it once it has run it. */
export interface Script {
  readonly source: string
  readonly sha: string
}

export function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

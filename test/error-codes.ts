import { globSync, readFileSync } from 'node:fs'

/** Every error code that can be answered, with its status, out of the source: `403 accessDenied`. */
export function errorCodes(): Set<string> {
  const found = new Set<string>()
  for (const file of globSync('src/**/*.ts')) {
    for (const [, code, status] of readFileSync(file, 'utf8').matchAll(
      /readonly code = '(\w+)'\s+override readonly status = (\d+)/g,
    )) {
      found.add(`${status} ${code}`)
    }
  }
  // 499 is for the record alone: nobody is there to be answered.
  found.delete('499 callerLeft')
  // What the parser refuses is answered from a table of statuses, and from no error class.
  for (const status of [408, 431]) found.add(`${status} invalidRequest`)
  return found
}

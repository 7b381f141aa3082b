import { readFile, stat } from 'node:fs/promises'

/** A pipe may never end, and whoever waits for it would keep the process from ending, too. */
export async function readRegular(file: string): Promise<string> {
  if (!(await stat(file)).isFile()) throw new Error('no regular file')
  return readFile(file, 'utf8')
}

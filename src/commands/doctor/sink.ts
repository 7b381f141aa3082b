/**
 * Where records will go. Nothing is opened to be written to: a gateway may be running beside this.
 *
 * @module
 */

import { fstatSync } from 'node:fs'
import { access, constants, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isatty } from 'node:tty'
import { pathOfRecords, readSigningKey } from '../../audit/index.ts'
import type { AuditConfig } from '../../config/index.ts'
import { failed, ok, type Told, warning } from './line.ts'

const mebibyte = 2 ** 20
/** At 1,600 bytes a record some 160,000 of them. */
const littleBytes = 256 * mebibyte

export async function examineSink({ sink }: AuditConfig): Promise<Told> {
  if (sink === 'stdout')
    return ok(`standard output, which is ${kindOf(1)} here; what reads it in production keeps the records`)
  const path = pathOfRecords(sink.file)
  const folder = dirname(path)
  const trouble = (await troubleWithFolder(folder)) ?? (await troubleWithFile(path, sink.maxSize))
  if (trouble !== undefined) return trouble
  const { bavail, bsize } = await statfs(folder)
  const freeBytes = bavail * bsize
  const found = `${path}: ${Math.floor(freeBytes / mebibyte)} MiB are free`
  const remedy = 'make room: with delivery before-response nothing is read once records cannot be written'
  if (freeBytes < mebibyte) return failed(found, remedy)
  return freeBytes < littleBytes ? warning(found, remedy) : ok(found)
}

async function troubleWithFolder(folder: string): Promise<Told | undefined> {
  try {
    await access(folder, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return failed(
      `${folder}: no file can be made in it (${codeOf(error)})`,
      `make the folder, and let uid ${process.getuid?.() ?? '?'} write to it (in a pod: fsGroup, and a volume that is not readOnly)`,
    )
  }
}

async function troubleWithFile(path: string, maxSize: number | undefined): Promise<Told | undefined> {
  try {
    const file = await stat(path)
    if (!file.isFile()) return failed(`${path} is not a regular file`, 'name another one')
    await access(path, constants.R_OK | constants.W_OK)
    if (maxSize !== undefined && file.size >= maxSize) {
      return failed(`${path} has reached audit.sink.maxSize`, 'move it away and send SIGHUP to the gateway')
    }
    const own = process.getuid?.()
    if (own !== undefined && own !== 0 && file.uid !== own) {
      return warning(
        `${path} belongs to uid ${file.uid}, and this is uid ${own}`,
        'one process writes to one file: put {hostname} into its name, or give this one to the gateway',
      )
    }
    return undefined
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    return failed(
      `${path} cannot be read and written (${codeOf(error)})`,
      `let uid ${process.getuid?.() ?? '?'} read and write it`,
    )
  }
}

/** @throws {StartFailure} it cannot be read, or is no such key */
export async function examineSigningKey(file: string): Promise<Told> {
  await readSigningKey(file)
  return ok(`${file}: an Ed25519 private key`)
}

function kindOf(descriptor: number): string {
  if (isatty(descriptor)) return 'a terminal'
  const found = fstatSync(descriptor)
  if (found.isFile()) return 'a file'
  if (found.isFIFO()) return 'a pipe'
  return found.isSocket() ? 'a socket' : 'a device'
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'for no known reason'
}

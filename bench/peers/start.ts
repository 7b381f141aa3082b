/**
 * Contestants, each on core 0 by itself: what they write to stdout goes into a pipe that is read on core 1, as a collector of
 * logs would read it.
 *
 * @module
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../test/world/free-port.ts'

export const serverCore = '0'
export const loadCore = '1'

export interface Peer extends AsyncDisposable {
  readonly port: number
}

/** What a contestant is given. */
export interface Place {
  readonly port: number
  /** Of its own, in memory; it goes when the contestant has ended. */
  readonly folder: string
}

/**
 * @param commandsFor what is started in this order; it ends in the other
 * @returns once connections are accepted
 */
export async function start(
  commandsFor: (place: Place) => Promise<readonly (readonly string[])[]>,
): Promise<Peer> {
  await using building = new AsyncDisposableStack()
  const folder = await mkdtemp('/dev/shm/session-gateway-bench-')
  building.defer(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const commands = await commandsFor({ port, folder })

  // For 'pipe' Node gives its children a socket: nginx could not open it, and in a container it is a pipe.
  const pipe = join(folder, 'stdout')
  execFileSync('mkfifo', [pipe])
  const collector = spawn('taskset', ['-c', loadCore, 'sh', '-c', `exec cat <"${pipe}" >/dev/null`])
  building.defer(() => ending(collector))
  const stdout = openSync(pipe, 'w')
  const said: Buffer[] = []
  const children: ChildProcess[] = []
  for (const command of commands) {
    const child = spawn('taskset', ['-c', serverCore, ...command], { stdio: ['ignore', stdout, 'pipe'] })
    child.stderr?.on('data', (chunk: Buffer) => void (said.length < 100 && said.push(chunk)))
    building.defer(async () => {
      child.kill('SIGTERM')
      await ending(child)
    })
    children.push(child)
  }
  closeSync(stdout)
  while (!(await isListening(port))) {
    if (children.some((child) => child.exitCode !== null)) {
      throw new Error(`${commands.flat().join(' ')} did not start:\n${Buffer.concat(said).toString()}`)
    }
    await pause(25)
  }
  const made = building.move()
  return { port, [Symbol.asyncDispose]: () => made.disposeAsync() }
}

/**
 * Writes a file of this folder into another, with its `{{…}}` filled in.
 *
 * @throws {Error} one of them has no value
 */
export async function fill(
  name: string,
  path: string,
  values: Readonly<Record<string, string | number>>,
): Promise<void> {
  const text = await readFile(new URL(name, import.meta.url), 'utf8')
  const filled = text.replaceAll(/\{\{(\w+)\}\}/g, (_all, key: string) => {
    const value = values[key]
    if (value === undefined) throw new Error(`${name} has no value for ${key}`)
    return String(value)
  })
  await writeFile(path, filled)
}

async function ending(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

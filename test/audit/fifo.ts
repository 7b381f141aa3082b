/** A real pipe, as a container's runtime gives a process for its stdout. */

import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { mkdtempSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Fifo {
  /** For the process that writes; closed by whoever has passed it on. */
  readonly writeEnd: number
  /** From now on everything is read. */
  readonly read: () => void
  readonly text: string
  /** Goes away: whoever writes gets EPIPE. */
  readonly leave: () => void
}

export function createFifo(): Fifo {
  const folder = mkdtempSync(join(tmpdir(), 'session-gateway-pipe-'))
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writeEnd = openSync(path, constants.O_WRONLY)
  rmSync(folder, { recursive: true })
  let text = ''
  let socket: Socket | undefined
  return {
    writeEnd,
    read() {
      socket = new Socket({ fd: readEnd, readable: true, writable: false })
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    },
    get text() {
      return text
    },
    leave() {
      if (socket === undefined) closeSync(readEnd)
      else socket.destroy()
    },
  }
}

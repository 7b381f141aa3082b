/**
 * A container, made as the kubelet has one made: processes and mounts of its own, a root that cannot be written, nothing
 * mounted but what is named, and the image's user without rights or groups. Its network is this machine's.
 */

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Program, watched } from '../commands/program.ts'
import { folder, type Image } from './build.ts'

export interface ContainerOptions {
  /** In place of the image's own. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Folders of this machine by where they are in the container. They cannot be written there. */
  readonly mounts?: Readonly<Record<string, string>>
  /** Names besides `localhost` that lead to this machine. */
  readonly hosts?: readonly string[]
}

export interface Container extends Program {
  /** Where its first process shows itself outside: /proc/{pid}. */
  readonly pid: number
  /** Which the first process of a container gets only if it listens for it, but for SIGKILL. */
  signal(signal: NodeJS.Signals): void
}

/** Arguments: root; source and target of each mount; `--`; environment and command. */
const enter = `
set -eu
root=$1; shift
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
  mkdir -p "$root$2"; mount --bind "$1" "$root$2"; mount -o remount,bind,ro "$root$2"; shift 2
done
shift
mkdir -p "$root/proc"; mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
exec setpriv --clear-groups --no-new-privs env -i "$@"
`

export function startContainer(image: Image, options: ContainerOptions = {}): Container {
  const { config } = image
  const { args = config.Cmd, env = {}, mounts = {}, hosts = [] } = options
  mkdirSync(join(folder, 'containers'), { recursive: true })
  const root = mkdtempSync(join(folder, 'containers/root-'))
  // Of the same files, which the container cannot write.
  spawnSync('cp', ['--archive', '--link', `${image.root}/.`, root])
  mkdirSync(join(root, 'etc'), { recursive: true })
  writeFileSync(join(root, 'etc/hosts'), `127.0.0.1 ${['localhost', ...hosts].join(' ')}\n`)
  const [user = '', group = ''] = config.User.split(':')
  const inside = [
    `--root=${root}`,
    `--wd=${config.WorkingDir}`,
    `--setgid=${group}`,
    `--setuid=${user}`,
    ...config.Entrypoint,
    ...args,
  ]
  const child = spawn(
    'unshare',
    ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', enter, 'sh', root].concat(
      Object.entries(mounts).flatMap(([target, source]) => [source, target]),
      ['--', ...config.Env],
      Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ['/usr/bin/unshare', ...inside],
    ),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const program = watched(child)
  const first = (): number => {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
    return Number(children.trim())
  }
  return {
    child,
    prints: (stream, pattern) => program.prints(stream, pattern),
    ended: program.ended,
    get stdout() {
      return program.stdout
    },
    get stderr() {
      return program.stderr
    },
    get pid() {
      return first()
    },
    signal: (signal) => void process.kill(first(), signal),
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

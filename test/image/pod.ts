/** Pods of the chart, as Helm renders them, started as containers of the image. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../chart/render.ts'
import type { Image } from './build.ts'
import { type Container, startContainer } from './container.ts'

/** What is in each volume: files by name. */
export type Volumes = Readonly<Record<string, Readonly<Record<string, string>>>>

/** @param spec of a pod with one container */
export function startPod(
  image: Image,
  spec: Manifest['spec'],
  options: {
    readonly volumes: Volumes
    /** Where volumes may be. */
    readonly folder: string
    /** What the cluster adds to the pod's environment. */
    readonly env: Readonly<Record<string, string>>
    readonly hosts: readonly string[]
  },
): Container {
  const { volumes, folder, env, hosts } = options
  for (const [volume, files] of Object.entries(volumes)) {
    mkdirSync(join(folder, volume), { recursive: true })
    for (const [name, content] of Object.entries(files)) {
      // As the kubelet has it with fsGroup; here the user is not of the group.
      writeFileSync(join(folder, volume, name), content, { mode: 0o444 })
    }
  }
  const [container] = spec.containers
  const own = (container.env ?? []).map(({ name, value }: { name: string; value: string }) => [name, value])
  const mounts = container.volumeMounts.map(({ name, mountPath }: { name: string; mountPath: string }) => {
    if (!(name in volumes)) throw new Error(`nothing is said about the volume ${name}`)
    return [mountPath, join(folder, name)]
  })
  return startContainer(image, {
    ...(container.args === undefined ? {} : { args: container.args }),
    env: { ...env, ...Object.fromEntries(own) },
    mounts: Object.fromEntries(mounts),
    hosts,
  })
}

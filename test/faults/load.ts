/** Callers who ask all replicas all the time, for what is fresh, stale, gone and missing; and what they have seen. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Emulator } from '../../src/emulator/index.ts'
import { type World, workspacePath } from '../world/world.ts'

/** So that all of it comes by within a second. */
export const windows = {
  freshFor: '150ms',
  staleWhileRevalidate: '150ms',
  staleIfError: '10m',
  notFoundFor: '100ms',
}

export interface Session {
  readonly id: string
  readonly path: string
  /** What Graph has of it is this from now on. */
  change(): string
  /** As a replica gives it now. */
  seen(world: World): Promise<string>
}

/** One that nobody else asks for. */
export function placeVersions({ graph }: Emulator): Session {
  const id = randomUUID()
  const path = `${workspacePath}/sessions/${id}`
  let version = 0
  const change = (): string => {
    version += 1
    graph.put('default', {
      id,
      createdDateTime: '2026-01-01T00:00:00Z',
      lastModifiedDateTime: '2026-01-01T00:00:00Z',
      displayName: String(version),
    })
    return String(version)
  }
  change()
  return { id, path, change, seen: async (world) => (await world.ask(path)).json.displayName }
}

export interface Load {
  readonly answered: number
  /** Until each caller has had so many more answers. */
  more(answers: number): Promise<void>
  /** Fails if anybody has got what they should not have. */
  stop(): Promise<void>
}

const callersPerReplica = 4

export function startLoad(replicas: readonly World[], sessions: readonly Session[]): Load {
  const missing = `${workspacePath}/sessions/${randomUUID()}`
  const rejections: unknown[] = []
  const rejected = (reason: unknown): void => void rejections.push(reason)
  process.on('unhandledRejection', rejected)
  const wrong: string[] = []
  const counts: number[] = []
  let isStopped = false

  async function call(world: World, caller: number): Promise<void> {
    const newest = new Map<string, number>()
    counts[caller] = 0
    for (let turn = caller; !isStopped; turn += 1) {
      const path = sessions[turn % (sessions.length + 1)]?.path ?? missing
      const headers: Record<string, string> = turn % 11 === 0 ? { 'cache-control': 'no-cache' } : {}
      const { status, body } = await world.ask(path, { headers })
      if (status !== (path === missing ? 404 : 200)) wrong.push(`${status} ${body}`)
      // No answer is older than the one before.
      if (status === 200) {
        const version = Number(JSON.parse(body).displayName)
        if (version < (newest.get(path) ?? 0)) wrong.push(`${version} after ${newest.get(path)}`)
        newest.set(path, version)
      }
      counts[caller] = (counts[caller] ?? 0) + 1
      await pause(5)
    }
  }

  const callers = Array.from({ length: callersPerReplica * replicas.length }, (_, n) =>
    call(replicas[n % replicas.length] ?? assert.fail(), n),
  )
  return {
    get answered() {
      return counts.reduce((sum, count) => sum + count, 0)
    },
    async more(answers) {
      const before = [...counts]
      while (counts.some((count, n) => count < (before[n] ?? 0) + answers)) await pause(5)
    },
    async stop() {
      isStopped = true
      await Promise.all(callers)
      process.off('unhandledRejection', rejected)
      assert.deepEqual([wrong, rejections], [[], []])
    },
  }
}

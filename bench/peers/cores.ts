/**
 * Whether it was the server that could do no more: how busy the cores were meanwhile.
 *
 * @module
 */

import { readFileSync } from 'node:fs'

/** @returns to be called at the end: of each core, percent of the time that a virtual machine let it have */
export function watchCores(): () => number[] {
  const before = ticks()
  return () =>
    ticks().map((after, core) => {
      const spent = after.map((count, index) => count - (before[core]?.[index] ?? 0))
      // proc_stat(5)
      const [, , , idle = 0, waiting = 0, , , stolen = 0] = spent
      const given = spent.reduce((sum, count) => sum + count, 0) - stolen
      return (100 * (given - idle - waiting)) / given
    })
}

function ticks(): number[][] {
  const lines = readFileSync('/proc/stat', 'latin1').matchAll(/^cpu\d+ (.*)$/gm)
  // What guests of this machine had is counted among the others, too.
  return [...lines].map(([, counts = '']) => counts.split(' ').slice(0, 8).map(Number))
}

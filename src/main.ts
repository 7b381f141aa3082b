#!/usr/bin/env node
/**
 * The door: will this Node do?
 *
 * @module
 */

const oldestNode = 24
if (Number.parseInt(process.versions.node, 10) < oldestNode) {
  process.stderr.write(`session-gateway needs Node ${oldestNode} or newer; this is ${process.version}\n`)
  process.exit(1)
}

const { run } = await import('./program.ts')
await run(process.argv)

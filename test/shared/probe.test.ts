import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tryEverything } from '../../src/shared/probe.ts'
import type { Script } from '../../src/shared/script.ts'
import * as scripts from '../../src/shared/scripts.ts'

function commandsIn({ source }: Script): string[] {
  return [...source.matchAll(/\b(?:p?call|try)\('(\w+)'/g)].map(([, command = '']) => command)
}

test('every command of every script is tried by the doctor, and no other', () => {
  const all = Object.values(scripts).filter((each) => typeof each === 'object')
  assert.ok(all.length > 5)
  assert.deepEqual(new Set(commandsIn(tryEverything)), new Set(all.flatMap(commandsIn)))
})

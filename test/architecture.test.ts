import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { arrows, faultsOf, readHouse, roomOf } from './architecture.ts'

describe('the house', async () => {
  const house = await readHouse()

  test('has every file that this test expects to walk', () => {
    const walked = new Set([...house.keys()].filter((file) => file.startsWith('src/')).map(roomOf))
    assert.deepEqual([...walked].toSorted(), Object.keys(arrows).toSorted())
  })

  test('turns no arrow, shares no library, keeps its doors, and has no file that nobody needs', () => {
    assert.deepEqual(faultsOf(house), [])
  })

  test('has no file that needs a table of contents', () => {
    const long = [...house].filter(([, source]) => source.split('\n').length > 260)
    assert.deepEqual(
      long.map(([file]) => file),
      [],
    )
  })
})

describe('the checker', () => {
  const sound: Readonly<Record<string, string>> = {
    'src/main.ts':
      "import { Command } from 'commander'\nconst { serve } = await import('./commands/serve.ts')\nawait import('./commands/demo/index.ts')\nawait import('./commands/doctor/index.ts')",
    'src/commands/serve.ts': "import { startGateway } from '../gateway.ts'",
    'src/commands/demo/index.ts': "import { startEmulator } from '../../emulator/index.ts'",
    'src/emulator/index.ts': '',
    'src/gateway.ts': "import {\n  createJourney,\n} from './http/index.ts'",
    'src/http/index.ts': "export { createJourney } from './journey.ts'",
    'src/http/journey.ts':
      "/** `import` in a comment */\nimport express from 'express'\nimport type { Trip } from '../graph/index.ts'",
    'src/graph/index.ts': "export type { Trip } from './gate.ts'",
    'src/graph/gate.ts': "import { GatewayError } from '../errors.ts'",
    'src/reach.ts': '',
    'src/commands/doctor/index.ts':
      "import { outboundFor } from '../../reach.ts'\nimport type { Trip } from '../../graph/index.ts'",
    'src/errors.ts': '',
  }

  function faultsWith(changes: Readonly<Record<string, string>>): string[] {
    return faultsOf(new Map(Object.entries({ ...sound, ...changes })))
  }

  test('finds nothing in a house that is as it should be', () => {
    assert.deepEqual(faultsWith({}), [])
  })

  const broken: readonly [what: string, file: string, source: string, fault: RegExp][] = [
    [
      'a turned arrow',
      'src/graph/gate.ts',
      "import { j } from '../http/index.ts'",
      /graph → http is no arrow/,
    ],
    [
      'a turned arrow of types',
      'src/graph/gate.ts',
      "import type { J } from '../http/index.ts'",
      /graph → http/,
    ],
    [
      'a turned arrow on demand',
      'src/graph/gate.ts',
      "const j = await import('../http/index.ts')",
      /graph → http/,
    ],
    ['a turned arrow passed on', 'src/graph/gate.ts', "export * from '../http/index.ts'", /graph → http/],
    [
      'a turned arrow over several lines',
      'src/graph/gate.ts',
      "import {\n  j,\n} from '../http/index.ts'",
      /graph → http/,
    ],
    ['a common file that knows a room', 'src/errors.ts', "import '../src/graph/index.ts'", /common → graph/],
    [
      'an emulator that knows the house',
      'src/emulator/index.ts',
      "import '../errors.ts'",
      /emulator → common/,
    ],
    ['a way round a door', 'src/http/journey.ts', "import '../graph/gate.ts'", /not its door/],
    [
      'a way round the composition root',
      'src/commands/serve.ts',
      "import '../parts.ts'",
      /does not exist|not its door/,
    ],
    [
      'a way of another command to the parts',
      'src/commands/purge.ts',
      "import { exchangeFor } from '../reach.ts'",
      /does not exist|not its door/,
    ],
    [
      'a way of another command to a room that doctor and explain ask',
      'src/commands/serve.ts',
      "import type { Trip } from '../graph/index.ts'",
      /commands → graph is no arrow/,
    ],
    ['doctor by a back door', 'src/commands/doctor/index.ts', "import '../../graph/gate.ts'", /not its door/],
    [
      'doctor with a room that is none of the parts it asks',
      'src/commands/doctor/index.ts',
      "import '../../http/index.ts'",
      /commands → http is no arrow/,
    ],
    ['a library in a foreign room', 'src/graph/gate.ts', "import { Agent } from 'undici'", /package undici/],
    ['a library that nobody has declared', 'src/graph/gate.ts', "import x from '@x/y/z'", /package @x\/y/],
    ['a session that knows the system', 'src/session/index.ts', "import 'node:fs'", /session is pure/],
    [
      'serve with the emulator',
      'src/commands/serve.ts',
      "import '../emulator/index.ts'",
      /serve\.ts: reaches/,
    ],
    ['a file that nobody imports', 'src/graph/old.ts', '', /nobody imports it/],
    ['an import of a computed name', 'src/graph/gate.ts', 'await import(name)', /cannot read/],
    ['require', 'src/graph/gate.ts', "const x = require('undici')", /cannot read/],
  ]
  for (const [what, file, source, fault] of broken) {
    test(`reports ${what}`, () => {
      const faults = faultsWith({ [file]: source })
      assert.ok(
        faults.some((line) => line.startsWith(file) && fault.test(line)),
        `found only: ${faults.join('\n')}`,
      )
    })
  }
})

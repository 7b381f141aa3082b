/** A process of its own: MSAL decides once for all whom it asks. */

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { test } from 'node:test'
import { failureOf } from './entra.ts'
import { startMachine } from './imds.ts'

test('on a machine of Arc, which MSAL knows by a file, nobody is asked', async (context) => {
  await using machine = await startMachine()
  const { accessSync } = fs
  context.mock.method(fs, 'accessSync', (path: fs.PathLike, mode?: number) => {
    if (path !== '/opt/azcmagent/bin/himds') accessSync(path, mode)
  })
  syncBuiltinESMExports()
  const { message } = await failureOf(machine.exchange())
  assert.match(
    message,
    /at IMDS only, and MSAL would ask http:\/\/127\.0\.0\.1:40342\/metadata.*What to do: on App Service/,
  )
  assert.equal(machine.emulator.imds.requests.length, 0)
})

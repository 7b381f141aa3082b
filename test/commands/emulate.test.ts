import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Agent, request } from 'undici'
import { parse } from 'yaml'
import { sessionId, sessionPath } from '../world/world.ts'
import { run, startProgram } from './program.ts'

describe('emulate', () => {
  test('prints what a gateway needs: with it, serve reads a session and a list', async () => {
    await using cleaning = new AsyncDisposableStack()
    await using emulator = startProgram(['emulate', '--port', '0'])
    await emulator.prints('stdout', /Ctrl-C ends it/)
    const snippet = parse(emulator.stdout)
    const folder = await mkdtemp(join(tmpdir(), 'session-gateway-emulate-'))
    cleaning.defer(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, 'emulated.yaml'), emulator.stdout)
    await writeFile(
      join(folder, 'rest.yaml'),
      `server: { listen: '127.0.0.1:0', management: { listen: '127.0.0.1:0' }, tls: off, drain: { delay: 0s } }`,
    )
    await using gateway = startProgram([
      'serve',
      '-c',
      join(folder, 'emulated.yaml'),
      join(folder, 'rest.yaml'),
    ])
    const [, port = ''] = await gateway.prints(
      'stderr',
      /"port":(\d+),"managementPort":(\d+),"msg":"listening"/,
    )

    // As curl would, with the two commands that the snippet shows.
    const [, tokenUrl = '', claims = ''] = /curl \S+ \S+ (\S+\/tokens) -d '(.*)'/.exec(emulator.stdout) ?? []
    const dispatcher = new Agent({ connect: { ca: await readFile(snippet.outbound.caFile, 'utf8') } })
    cleaning.defer(() => dispatcher.destroy())
    const made = await request(tokenUrl, { dispatcher, method: 'POST', body: claims })
    const { token } = JSON.parse(await made.body.text())
    const reply = await request(`http://127.0.0.1:${port}${sessionPath}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(reply.statusCode, 200)
    assert.equal(JSON.parse(await reply.body.text()).id, sessionId)
    const list = await request(`http://127.0.0.1:${port}/beta/security/securityCopilot/workspaces`, {
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(list.statusCode, 200)
    assert.equal(JSON.parse(await list.body.text()).value[0].id, 'default')

    const [, faultUrl = '', fault = ''] = /curl \S+ \S+ (\S+\/faults) -d '(.*)'/.exec(emulator.stdout) ?? []
    const failing = await request(faultUrl, { dispatcher, method: 'POST', body: fault })
    assert.equal(failing.statusCode, 200)
    await failing.body.dump()
    const throttled = await request(`http://127.0.0.1:${port}${sessionPath}?$select=id`, {
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(throttled.statusCode, 503)
    assert.equal(throttled.headers['retry-after'], '5')
    await throttled.body.dump()

    emulator.child.kill('SIGINT')
    assert.equal((await emulator.ended).code, 0)
    assert.equal(existsSync(snippet.outbound.caFile), false, 'nothing is left behind')
  })

  test('exits with 1 and says so when its port is taken', async () => {
    await using taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => void taken.once('listening', resolve))
    const address = taken.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    const { code, stdout, stderr } = await run(['emulate', '--port', String(port)])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /^the emulator cannot go on: listen EADDRINUSE.*\n$/)
  })
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { projectFolder } from '../commands/program.ts'

interface Audited {
  readonly code: number
  readonly stdout: string
  /** What npm asked the registry's audit. */
  readonly asked: readonly string[]
}

/** `make audit`, or what `make test` runs of it, in front of a registry that answers an audit like this. */
async function auditWith(status: number, answer: unknown, flags: readonly string[] = []): Promise<Audited> {
  const asked: string[] = []
  await using cleaning = new AsyncDisposableStack()
  const registry = createServer((request, response) => {
    request.resume()
    const isAudit = request.url === '/-/npm/v1/security/advisories/bulk'
    if (isAudit) asked.push(request.method ?? '')
    // Besides, npm asks which versions there are of what an advisory names.
    const versions = { '8.12.4': { name: 'undici', version: '8.12.4' } }
    const packument = { name: 'undici', versions, 'dist-tags': { latest: '8.12.4' } }
    response.writeHead(isAudit ? status : 200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(isAudit ? answer : packument))
  })
  registry.listen(0, '127.0.0.1')
  await once(registry, 'listening')
  cleaning.defer(() => void registry.close())
  const cache = await mkdtemp(join(tmpdir(), 'session-gateway-npm-'))
  cleaning.defer(() => rm(cache, { recursive: true, force: true }))
  const { port } = registry.address() as AddressInfo
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, ['supply-chain/audit.ts', ...flags], {
    cwd: projectFolder,
    env: { PATH, HOME, npm_config_registry: `http://127.0.0.1:${port}`, npm_config_cache: cache },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  return { code, stdout, asked }
}

function advisory(severity: string): object {
  const title = 'It gives everything away'
  return {
    undici: [
      { id: 1, url: 'https://advisories.example/1', title, severity, vulnerable_versions: '*', cwe: [] },
    ],
  }
}

test('an audit that finds a weakness of high or above fails, and names it', async () => {
  for (const severity of ['high', 'critical']) {
    const { code, stdout, asked } = await auditWith(200, advisory(severity))
    assert.equal(code, 1, stdout)
    assert.match(stdout, new RegExp(`^audit: undici: ${severity}: It gives everything away`, 'm'))
    assert.deepEqual(asked, ['POST'])
  }
})

test('an audit that finds nothing of high or above passes', async () => {
  for (const answer of [{}, advisory('moderate')]) {
    const { code, stdout, asked } = await auditWith(200, answer)
    assert.equal(code, 0, stdout)
    assert.match(stdout, /no dependency has a known weakness of high or above/)
    assert.deepEqual(asked, ['POST'])
  }
})

const silent = [401, 403, 404, 405, 429, 500, 501, 503]

test('where the registry answers no audits, nothing passes for checked', async () => {
  for (const status of silent) {
    const { code, stdout } = await auditWith(status, {})
    assert.equal(code, 1, stdout)
    assert.match(stdout, /^audit: NOTHING WAS CHECKED, .*\(.+\)\.\n^audit: whoever releases has to run/m)
  }
})

test('the audit of a build fails on findings alone, and says aloud when there was no answer', async () => {
  const flags = ['--where-answered']
  for (const status of silent) {
    const { code, stdout } = await auditWith(status, {}, flags)
    assert.equal(code, 0, stdout)
    assert.match(stdout, /^audit: NOTHING WAS CHECKED/m)
  }
  assert.equal((await auditWith(200, advisory('high'), flags)).code, 1)
  assert.equal((await auditWith(200, {}, flags)).code, 0)
})

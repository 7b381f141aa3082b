import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { loadConfig } from '../../src/config/index.ts'
import { config, load, problems, valid } from './written.ts'

async function placed(text: string | Uint8Array): Promise<string[]> {
  const loaded = await load([text])
  assert.ok(!loaded.ok)
  return loaded.problems.map(({ where, message }) => `${where} ${message}`)
}

test('a file that cannot be read is named with the reason', async () => {
  const loaded = await loadConfig({ files: ['/nowhere/gateway.yaml', tmpdir()], env: {} })
  assert.ok(!loaded.ok)
  assert.deepEqual(loaded.problems, [
    { path: '', message: 'no such file', where: '/nowhere/gateway.yaml' },
    { path: '', message: 'a directory, not a file: name each file', where: tmpdir() },
  ])
})

test('without any file there is one problem that says how to name one', async () => {
  const loaded = await loadConfig({ files: [], env: {} })
  assert.ok(!loaded.ok)
  assert.match(loaded.problems[0]?.message ?? '', /--config.*GATEWAY_CONFIG/)
})

test('what is not one YAML map is refused with its line and column', async () => {
  assert.deepEqual(await placed(''), ['1.yaml empty'])
  assert.deepEqual(await placed('# nothing\n'), ['1.yaml empty'])
  assert.deepEqual(await placed('- a\n'), [
    '1.yaml:1:1 expected a map of sections (server, graph, identity …) at the top',
  ])
  assert.deepEqual(await placed('a:\n\tb: 1\n'), ['1.yaml:2:1 not valid YAML: a tab: indent with spaces'])
  assert.deepEqual(await placed('log: {}\nlog: {}\n'), [
    '1.yaml:2:1 not valid YAML: this key stands here twice: keep one',
  ])
  assert.match((await placed('log: {}\n---\nlog: {}\n'))[0] ?? '', /^1.yaml:2:1 a second document/)
  assert.match((await placed('log: { level: !loud info }\n'))[0] ?? '', /^1.yaml:1:15 .*"!" needs quotes/)
  assert.match((await placed('%YAML 1.1\n---\nlog: {}\n'))[0] ?? '', /only YAML 1.2/)
  assert.match((await placed(new Uint8Array([0x61, 0xff])))[0] ?? '', /not UTF-8/)
  assert.match((await placed(`#${'x'.repeat(2 ** 20)}`))[0] ?? '', /larger than 1 MiB/)
  assert.match((await placed(`a: ${'['.repeat(50_000)}`))[0] ?? '', /not valid YAML/)
})

test('keys that are not text, or that objects inherit, are refused where they stand', async () => {
  const found = await problems([
    `${valid}\n1: x\n__proto__: { listen: x }\nconstructor: { prototype: { a: 1 } }\n`,
  ])
  assert.deepEqual(found, [
    ': a key must be text: put it in quotes',
    '__proto__: unknown key',
    'constructor: unknown key',
  ])
  assert.deepEqual(
    await problems([valid.replace('cluster: {', '__proto__: {').replace('issuer: cluster', 'issuer: x')]),
    [
      'issuers.__proto__: unknown key',
      'issuers: at least one issuer is needed: nobody could call',
      'access.triage.callers[0].issuer: no issuer is called "x". Known: none',
    ],
  )
})

test('aliases work, and cannot blow a small file up', async () => {
  const anchored = valid.replace('{ issuer: cluster,', '&triage { issuer: cluster,')
  const { access } = await config([`${anchored}  again: { callers: [*triage], workspaces: [x] }\n`])
  assert.deepEqual(access[0]?.callers, access[1]?.callers)

  const bomb = Array.from({ length: 20 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(9)}]`)
  assert.match((await placed(`a0: &a0 x\n${bomb.join('\n')}`)).join(), /too large or too deeply nested/)
  assert.match((await placed('a: &a { b: *a }')).join(), /too large or too deeply nested/)
  assert.match((await placed('a: *b')).join(), /needs quotes/)
})

test('any text and any JSON is answered with findings, and changes no prototype', async () => {
  const key = fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'server',
    'issuers',
    'access',
    'identity',
    'tls',
    'type',
  )
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof({ maxDepth: 4 }, fc.jsonValue(), fc.dictionary(key, tie('json')), fc.array(tie('json'))),
  }))
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    json.map((value) => JSON.stringify(value)),
  )
  await fc.assert(
    fc.asyncProperty(text, async (written) => {
      const loaded = await load([written, valid])
      if (!loaded.ok) {
        assert.ok(loaded.problems.length > 0)
        for (const { message } of loaded.problems) assert.ok(message.length < 400, message)
      }
      assert.deepEqual(Object.keys(Object.prototype), [])
    }),
    { numRuns: 200 },
  )
})

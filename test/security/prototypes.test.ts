import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { loadConfig } from '../../src/config/index.ts'
import { config, load, valid } from '../config/written.ts'
import { createForge, publish } from '../callers/forge.ts'
import { placeSession } from '../graph/answers.ts'
import { startEntra } from '../token/entra.ts'
import { audience, sessionPath, startWorld } from '../world/world.ts'

/** What every object is given, and every list and function: whoever changes it changes everything. */
const given = [Object.prototype, Array.prototype, Function.prototype, String.prototype]
const before = given.map((prototype) => Object.getOwnPropertyNames(prototype).join())

afterEach(() => {
  assert.deepEqual(
    given.map((prototype) => Object.getOwnPropertyNames(prototype).join()),
    before,
  )
  assert.equal(Reflect.get({}, 'polluted'), undefined)
})

const names = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
]
const pollution = '{"polluted":true,"sub":"reader","id":"x","roles":["a"],"callers":[],"admin":["purge"]}'

describe('names that every object has mean nothing', () => {
  test('as a section, an issuer, a rule or a key of the configuration', async () => {
    const places: readonly ((name: string) => string)[] = [
      (name) => `${name}: ${pollution}`,
      (name) => `server: { ${name}: ${pollution} }`,
      (name) => `server: { tls: { ${name}: ${pollution} } }`,
      (name) => `access: { ${name}: ${pollution} }`,
      (name) => `access: { triage: { ${name}: ${pollution} } }`,
      (name) => `issuers: { ${name}: ${pollution} }`,
      (name) => `issuers: { cluster: { ${name}: ${pollution} } }`,
      (name) => `identity: { credential: { ${name}: ${pollution} } }`,
      (name) => `cache: &a { ${name}: ${pollution} }\n<<: *a`,
      (name) => `? [${name}]\n: ${pollution}`,
      (name) => `"\\u005f${name.slice(1)}": ${pollution}`,
    ]
    for (const name of names) {
      for (const place of places) {
        const loaded = await load([valid, place(name)])
        assert.ok(!loaded.ok, place(name))
        assert.ok(loaded.problems.length > 0 && loaded.problems.every(({ message }) => message.length < 400))
      }
    }
  })

  test('as the claim that names a caller, or one that is required', async () => {
    for (const name of names) {
      for (const claims of [`subject: ${name}`, `require: { ${name}: x }`]) {
        const loaded = await load([
          valid.replace(
            'issuers:',
            `issuers:\n  e: { type: oidc, issuer: https://a.example, audience: b, ${claims} }`,
          ),
        ])
        if (!loaded.ok) continue
        const issuer = loaded.config.issuers.find(({ name: each }) => each === 'e')
        assert.ok(issuer?.type === 'oidc')
        assert.deepEqual(Object.keys(issuer.require), claims.startsWith('require') ? [name] : [])
      }
    }
  })

  test('in the environment, which may be an object like any other', async () => {
    const hostile: Record<string, string> = JSON.parse(
      '{"__proto__":{"GATEWAY_LISTEN":":1"},"constructor":"x","GATEWAY_":"x","GATEWAY___proto__":"x","toString":"x"}',
    )
    const loaded = await load([valid], hostile)
    assert.ok(loaded.ok)
    assert.deepEqual(loaded.config.server.listen, (await config([valid])).server.listen)
    const inherited: Record<string, string> = Object.create({ GATEWAY_LISTEN: ':1', GATEWAY_CONFIG: '/x' })
    const read = await load([valid], inherited)
    assert.ok(read.ok)
    assert.deepEqual(read.config.server.listen, loaded.config.server.listen)
    assert.ok(!(await loadConfig({ files: [], env: inherited })).ok)
  })

  test('in Entra’s answer', async () => {
    await using entra = await startEntra()
    const headers = { 'content-type': 'application/json' }
    for (const body of [
      `{"token_type":"Bearer","expires_in":3599,"access_token":"x.y.z","__proto__":${pollution},"constructor":{"prototype":${pollution}}}`,
      `{"__proto__":{"token_type":"Bearer","expires_in":3599,"access_token":"x.y.z"}}`,
      `{"error":"x","error_codes":["__proto__","constructor"],"__proto__":${pollution}}`,
    ]) {
      entra.emulator.fail('token', { kind: 'body', status: 200, headers, body })
      const outcome = await entra
        .exchange()()
        .then(
          ({ value }) => value,
          () => 'failed',
        )
      assert.equal(outcome, body.startsWith('{"token_type"') ? 'x.y.z' : 'failed')
    }
  })
})

describe('names that every object has mean nothing', async () => {
  const forge = createForge()
  const world = await startWorld({
    config: {
      // Nobody has claims of these names, so nobody is let in by them.
      access: { inherited: { callers: [{ issuer: 'oidc', subject: '[object Object]' }], workspaces: ['*'] } },
    },
    prepare: (emulator) =>
      publish(emulator, [
        JSON.parse(`{"__proto__":${JSON.stringify(forge.publicJwk)}}`),
        { kty: '__proto__' },
        JSON.parse(JSON.stringify(forge.publicJwk).replace('{', `{"__proto__":${pollution},`)),
      ]),
  })
  after(() => world[Symbol.asyncDispose]())
  const now = Math.floor(Date.now() / 1000)
  const claims = `"iss":"${world.emulator.issuer.url}","aud":"${audience}","exp":${now + 3600}`

  test('in a token, whose own claims alone count', async () => {
    for (const [payload, status] of [
      [`{${claims},"sub":"reader","__proto__":{"sub":"admin"}}`, 200],
      [`{${claims},"__proto__":{"sub":"reader"}}`, 401],
      [`{${claims},"constructor":{"prototype":{"sub":"reader"}}}`, 401],
      [`{${claims},"sub":{"toString":"reader"}}`, 401],
      [`{${claims},"sub":"__proto__"}`, 403],
      [`{${claims},"sub":"[object Object]","jti":{"__proto__":${pollution}}}`, 200],
      [`{"__proto__":{${claims},"sub":"reader"}}`, 401],
    ] as const) {
      const reply = await world.ask(`${sessionPath}?$select=id`, { token: forge.sign(payload) })
      assert.equal(reply.status, status, payload)
    }
  })

  test('in a header of a token', async () => {
    const header: object = JSON.parse(`{"__proto__":{"alg":"none","crit":[]},"constructor":"x"}`)
    const token = forge.sign(`{${claims},"sub":"reader"}`, header)
    assert.equal((await world.ask(`${sessionPath}?$select=id`, { token })).status, 200)
  })

  test('in Graph’s answer, which is passed on as it is or not at all', async () => {
    const headers = { 'Content-Type': 'application/json' }
    for (const [query, status] of [
      ['', 200],
      ['?$select=id', 502],
    ] as const) {
      for (const body of [
        `{"id":"ID","__proto__":${pollution}}`,
        `{"id":"ID","constructor":{"prototype":${pollution}}}`,
        `{"id":"ID","toString":1,"hasOwnProperty":2}`,
      ]) {
        const { id, path } = placeSession(world)
        const sent = body.replace('ID', id)
        world.emulator.fail('graph', { kind: 'body', status: 200, headers, body: sent })
        const reply = await world.ask(path + query)
        assert.equal(reply.status, status, body)
        if (status === 200) assert.equal(reply.body, sent)
      }
    }
    for (const body of [
      '{"__proto__":{"error":{"code":"x"}}}',
      `{"error":{"__proto__":{"code":"x","message":"y"}}}`,
    ]) {
      world.emulator.fail('graph', { kind: 'body', status: 404, headers, body })
      const reply = await world.ask(placeSession(world).path)
      assert.notEqual(reply.status, 200)
      assert.notEqual(reply.json.error.code, 'x')
    }
  })

  test('in a query or a path', async () => {
    const name = fc.constantFrom(...names, ...names.map((each) => each.replaceAll('_', '%5F')))
    const query = fc.array(
      fc.tuple(name, fc.constantFrom('', '=', '=id', '[polluted]=true', '.polluted=1')),
      {
        minLength: 1,
        maxLength: 4,
      },
    )
    const { calls } = world.emulator.graph
    await fc.assert(
      fc.asyncProperty(query, name, async (options, workspace) => {
        const written = options.map(([option, value]) => option + value).join('&')
        for (const path of [
          `${sessionPath}?${written}`,
          `${sessionPath}?$select=${options.map(([option]) => option).join(',')}`,
          sessionPath.replace('/workspaces/', `/${workspace}/`),
          `/${workspace}`,
        ]) {
          assert.ok([400, 404].includes((await world.ask(path)).status), path)
        }
      }),
      { numRuns: 50 },
    )
    assert.equal(world.emulator.graph.calls, calls)
    // As a workspace it is a name like any other, of which there is none.
    assert.equal((await world.ask(sessionPath.replace('default', 'constructor'))).status, 404)
    assert.equal((await world.ask(sessionPath.replace('default', '__proto__'))).status, 400)
  })
})

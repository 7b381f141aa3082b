import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { sessionPath, workspacePath } from '../world/world.ts'
import { hostile } from './hostile-headers.ts'
import { sharedWorld, untilClosed } from './wire.ts'

const usualHeaders = (origin: string): string[] =>
  [
    `host ${new URL(origin).host}`,
    'connection keep-alive',
    'authorization <ours>',
    'accept application/json',
    'accept-encoding identity',
    'client-request-id <fresh>',
    'user-agent session-gateway',
  ].flatMap((line) => line.split(' '))

describe('Graph receives the fixed request and nothing of the caller’s', () => {
  const world = sharedWorld()

  /** A session that nobody has asked for yet. */
  function newSession(): string {
    const id = randomUUID()
    const instant = '2025-10-22T20:10:54.4940649Z'
    world().emulator.graph.put('default', {
      id,
      createdDateTime: instant,
      lastModifiedDateTime: instant,
      displayName: id,
    })
    return id
  }

  /** The newest request to Graph, with what may differ put aside. */
  function received(callersToken: string): { headers: string[]; target: string } {
    const seen = world().emulator.graph.requests.at(-1)
    assert.ok(seen !== undefined)
    const { method, target, httpVersion, rawHeaders, body } = seen
    assert.deepEqual([method, httpVersion, body.length], ['GET', '1.1', 0])
    assert.doesNotMatch(rawHeaders.join('\n'), new RegExp(callersToken))
    const headers = rawHeaders.map((value, at) => {
      const name = rawHeaders[at - 1]?.toLowerCase()
      if (at % 2 === 0) return value.toLowerCase()
      if (name === 'authorization') {
        assert.match(value, /^Bearer eyJ/)
        return '<ours>'
      }
      if (name === 'client-request-id') {
        assert.match(value, /^[0-9a-f-]{36}$/)
        return '<fresh>'
      }
      return value
    })
    return { headers, target }
  }

  test('forty-five headers of every kind change no byte of it', async () => {
    const { emulator, url } = world()
    const token = await world().workloadToken('triage')
    const id = newSession()
    const lines = Object.entries({
      ...hostile,
      'client-request-id': 'callers-own',
      'if-none-match': '*',
    }).map(([name, value]) => `${name}: ${value}\r\n`)
    const calls = emulator.graph.calls
    const [answer] = await untilClosed(
      world(),
      `GET ${workspacePath}/sessions/${id} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nAuthorization: Bearer ${token}\r\n` +
        `Connection: close, authorization, accept, client-request-id, user-agent, x-hop\r\nx-hop: 1\r\n${lines.join('')}\r\n`,
    )
    assert.equal(answer?.status, 304)
    assert.equal(emulator.graph.calls, calls + 1)
    const { headers, target } = received(token)
    assert.deepEqual(headers, usualHeaders(emulator.url))
    assert.equal(target, `${workspacePath}/sessions/${id}`)
    assert.doesNotMatch(emulator.graph.requests.at(-1)?.rawHeaders.join() ?? '', /callers-own/)
  })

  test('each trip has a client-request-id of its own', async () => {
    const { emulator } = world()
    for (let turn = 0; turn < 3; turn += 1) await world().ask(`${workspacePath}/sessions/${newSession()}`)
    const ids = emulator.graph.requests
      .slice(-3)
      .map(({ rawHeaders }) => rawHeaders[rawHeaders.indexOf('client-request-id') + 1])
    assert.equal(new Set(ids).size, 3)
  })

  test('no header changes the bytes to Graph, nor the answer of a hit', async () => {
    const { emulator } = world()
    const token = await world().workloadToken('triage')
    // Framing, identity and conditions are the request's own business; the rest must be inert.
    const meant =
      /^(host|content-length|transfer-encoding|expect|connection|upgrade|keep-alive|authorization|if-none-match|client-request-id|te|trailer)$/
    const name = fc.oneof(
      fc.constantFrom(...Object.keys(hostile)),
      fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,30}$/),
    )
    const headers = fc.dictionary(
      name.filter((each) => !meant.test(each)),
      fc.stringMatching(/^([!-~][ -~]{0,40}[!-~])?$/),
      {
        maxKeys: 20,
        noNullPrototype: true,
      },
    )
    await fc.assert(
      fc.asyncProperty(headers, async (extra) => {
        const path = `${workspacePath}/sessions/${newSession()}`
        const miss = await world().ask(path, { token, headers: extra })
        assert.equal(miss.status, 200)
        const { headers: sent, target } = received(token)
        assert.deepEqual(sent, usualHeaders(emulator.url))
        assert.equal(target, path)
        const [plain, dressed] = [
          await world().ask(path, { token }),
          await world().ask(path, { token, headers: extra }),
        ]
        assert.equal(dressed.body, plain.body)
        const { 'request-id': one, date: _one, ...plainHeaders } = plain.headers
        const { 'request-id': other, date: _other, ...dressedHeaders } = dressed.headers
        assert.notEqual(one, other)
        for (const each of [plainHeaders, dressedHeaders]) {
          each['cache-status'] = String(each['cache-status']).replace(/ttl=\d+/, 'ttl=…')
          delete each['age']
        }
        assert.deepEqual(dressedHeaders, plainHeaders)
      }),
      { numRuns: 100 },
    )
  })

  test('no query but $select reaches Graph, and that only in its one form', async () => {
    const { emulator } = world()
    const extra = fc.stringMatching(/^[A-Za-z$%&=,.'()-]{1,30}$/)
    const names = /^(\$select|select|%24select)=((id|displayname|createddatetime|lastmodifieddatetime),?)+$/i
    await fc.assert(
      fc.asyncProperty(
        extra.filter((each) => !names.test(each)),
        async (query) => {
          const calls = emulator.graph.calls
          const { status } = await world().ask(`${sessionPath}?${query}`)
          assert.equal(status, 400)
          assert.equal(emulator.graph.calls, calls)
        },
      ),
      { numRuns: 200 },
    )
    const id = newSession()
    await world().ask(
      `${workspacePath.toUpperCase().replace('DEFAULT', 'default')}/sessions('${id.toUpperCase()}')?SELECT=displayName,ID,id`,
    )
    assert.equal(
      emulator.graph.requests.at(-1)?.target,
      `${workspacePath}/sessions/${id}?$select=displayName,id`,
    )
  })
})

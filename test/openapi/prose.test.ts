/** What the document says in words, sentence by sentence. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openApiDocument } from '../../src/http/openapi/index.ts'
import { sendRaw } from '../world/raw.ts'
import { sessionId, sessionPath } from '../world/world.ts'
import { readAnswers, sharedWorld, wireTo } from '../security/wire.ts'
import { Described, type Document } from './document.ts'
import { config, idsOf } from './known.ts'

const told = { version: '1', publicUrl: undefined, isSecure: true, selectable: ['id', 'displayName'] }
const { document, operations } = new Described(openApiDocument(told) as Document)
const sentences = [...document.info.description.matchAll(/^- (.*(?:\n {2}.*)*)/gm)].map(([, text = '']) =>
  text.replaceAll(/\s+/g, ' '),
)

/** Of the operations with this method, and ids put in. */
function targets(method: 'GET' | 'DELETE', isOfCallersPort: boolean): string[] {
  return [...operations.values()]
    .filter((each) => each.method === method && each.isOfCallersPort === isOfCallersPort)
    .map((each) => each.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(idsOf(each)[name])))
}
const reads = targets('GET', true)
const probes = targets('GET', false)
const purges = targets('DELETE', false)

describe('as the document says:', () => {
  const world = sharedWorld({ config: { ...config, server: { management: { tls: 'off' } } } })
  const untried = new Set(sentences)
  const others = ['POST', 'PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PURGE']

  function says(beginning: string, isSo: () => Promise<void>): void {
    const sentence = sentences.find((each) => each.startsWith(beginning))
    untried.delete(sentence ?? '')
    test(sentence ?? beginning, async () => {
      assert.ok(sentence !== undefined)
      await isSo()
    })
  }

  /** Status, error code and Allow of what comes to a request that is the last on its connection. */
  async function heard(
    port: 'callers' | 'management',
    line: string,
    { lines = 'Connection: close\r\n', as = 'triage' } = {},
  ): Promise<string> {
    const to = port === 'callers' ? wireTo(world()) : { port: world().gateway.managementAddress.port }
    const token = await world().workloadToken(as)
    const head = `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`
    const { text } = await sendRaw(`${head}${lines}\r\n`, to)
    const [answer] = readAnswers(text, line.startsWith('HEAD') && text.endsWith('\r\n\r\n'))
    if (answer === undefined) return 'nothing'
    const { status, headers, body } = answer
    assert.equal(headers['connection'], 'close')
    const { error } = status >= 400 && body !== '' ? JSON.parse(body) : {}
    const code = typeof error === 'string' ? 'error' : error?.code
    return [status, code, headers['allow']].filter((part) => part !== undefined).join(' ')
  }

  says('HEAD answers as GET does', async () => {
    for (const [port, path] of [
      ...[...reads, '/nowhere'].map((target) => ['ask', target] as const),
      ...[...probes, '/nowhere', '/cache'].map((target) => ['manage', target] as const),
    ]) {
      const [get, head] = [await world()[port](path), await world()[port](path, { method: 'HEAD' })]
      assert.deepEqual([head.status, head.body], [get.status, ''], path)
      for (const name of ['content-type', 'cache-control', 'etag', 'allow', 'proxy-status'])
        assert.equal(head.headers[name], get.headers[name], `${path}: ${name}`)
    }
  })

  says('A path of a read has as many spellings', async () => {
    for (const target of [
      sessionPath.replace('/default', `('default')`).replace(`/${sessionId}`, `('${sessionId}')`),
      sessionPath.replace('security/securityCopilot/workspaces', 'SECURITY/securitycopilot/Workspaces'),
      `${sessionPath}?SELECT=id`,
      `${sessionPath}?$Select=id`,
    ])
      assert.equal(await heard('callers', `GET ${target}`), '200', target)
  })

  says('A query option of a read that is not named here', async () => {
    for (const target of reads)
      assert.equal(await heard('callers', `GET ${target}?$orderby=id`), '400 invalidRequest', target)
  })

  says('On the callers’ port, any other method', async () => {
    for (const method of [...others, 'DELETE', 'CONNECT'])
      for (const target of [...reads, '/', '//x/../y', '/livez', '*'])
        assert.equal(await heard('callers', `${method} ${target}`), '405 notAllowed GET, HEAD')
  })

  says('On the callers’ port, a well-formed GET of any other path', async () => {
    for (const target of ['/', '/x', '/v1.0/x', ...probes, ...purges, ...reads.map((read) => `${read}/`)])
      assert.equal(await heard('callers', `GET ${target}`), '404 unknownPath', target)
  })

  says('At `/cache` and below', async () => {
    for (const method of [...others, 'GET'])
      for (const target of [...purges, '/cache/', '/cache/x', '/CACHE'])
        assert.equal(await heard('management', `${method} ${target}`), '405 notAllowed DELETE')
    for (const target of ['/cache/', '/cache/x', ...purges.slice(1).map((each) => `${each}/`)])
      assert.equal(await heard('management', `DELETE ${target}`), '404 unknownPath', target)
    for (const target of purges.map((each) => each.replace('/cache', '/Cache').replace('/work', '/WORK')))
      assert.equal(await heard('management', `DELETE ${target}`, { as: 'ops' }), '200', target)
  })

  says('On the rest of the management port', async () => {
    for (const method of [...others, 'DELETE'])
      for (const target of probes)
        assert.equal(await heard('management', `${method} ${target}`), '404 error', `${method} ${target}`)
    for (const target of [
      '/',
      '/cached',
      ...reads,
      ...probes.flatMap((each) => [`${each}/`, each.toUpperCase()]),
    ])
      assert.equal(await heard('management', `GET ${target}`), '404 error', target)
    assert.equal(await heard('management', 'CONNECT x:1'), 'nothing')
  })

  says('What could be read in two ways', async () => {
    for (const lines of ['Content-Length: 1\r\n', 'Host: y\r\n', 'Authorization: Bearer x\r\n']) {
      for (const line of [`GET ${sessionPath}`, 'GET /x', 'POST /x'])
        assert.equal(await heard('callers', line, { lines }), '400 invalidRequest', line + lines)
      for (const line of ['DELETE /cache', 'GET /cache/x'])
        assert.equal(await heard('management', line, { lines }), '400 invalidRequest', line + lines)
      assert.equal(await heard('management', 'GET /livez', { lines }), '200', lines)
      assert.equal(await heard('management', 'POST /livez', { lines }), '404 error', lines)
    }
  })

  says('What cannot be read as HTTP/1.1', async () => {
    const lines = 'no colon\r\n'
    for (const [line, more] of [
      ['FETCH /', {}],
      ['GET /', { lines }],
      ['HEAD /', { lines }],
    ] as const) {
      assert.equal(await heard('callers', line, more), '400 invalidRequest')
      assert.equal(await heard('management', line, more), '400')
    }
  })

  test('nothing else in a list of its own', () => assert.deepEqual([...untried], []))
})

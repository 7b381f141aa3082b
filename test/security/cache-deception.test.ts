import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { workspacePath } from '../world/world.ts'
import { sharedCapturedWorld } from './captured-graph.ts'
import { askDressed, newPath } from './inert.ts'
import { withoutTls } from './wire.ts'

// A cache in front takes `….css` for a file and keeps it for everybody, where whoever answers takes it for the session.
describe('what a cache in front could take for a file is not the session, whether that is kept or not:', () => {
  const captured = sharedCapturedWorld(withoutTls)

  /** What may stand behind the session's id, or before it. */
  const disguises: readonly (readonly [what: string, disguise: (path: string, id: string) => string])[] = [
    ...[
      ...'.css .js .json .css?x .ico.css ;.css ;x=y.css ;/x.css !.css ~.css @.css :.css ,.css'.split(' '),
      ...'/x.css /.css //x.css /..;/x.css /../x.css /%2e%2e/x.css /./ / /index.html /robots.txt'.split(' '),
      ...'%2ecss %2Ecss %2fx.css %2Fx.css %5cx.css %3bx.css %3Fx.css %23x.css %00.css %0a.css %0d%0a.css'.split(
        ' ',
      ),
      ...'%20.css %09.css %252fx.css %252e.css %c0%afx.css %e2%80%8b.css %ef%bc%8ex'.split(' '),
      ...'?.css ?/x.css ?x.css=1 ?$select=id/x.css ?$select=id.css ?$select=id;x.css ?$select=id&.css'.split(
        ' ',
      ),
      ...'?$select=id%23.css ?$select=id%00.css ?$select=id#.css #.css \\x.css'.split(' '),
    ].map((suffix) => [suffix, (path: string) => path + suffix] as const),
    ["('…').css", (_path, id) => `${workspacePath}/sessions('${id}').css`],
    ["('….css')", (_path, id) => `${workspacePath}/sessions('${id}.css')`],
    ["('…')/x.css", (_path, id) => `${workspacePath}/sessions('${id}')/x.css`],
    ["('…');x.css", (_path, id) => `${workspacePath}/sessions('${id}');x.css`],
    ["%28'…'%29.css", (_path, id) => `${workspacePath}/sessions%28'${id}'%29.css`],
    ['static/..%2f', (path) => `/static/..%2f${path.slice(1)}`],
    ['static/../', (path) => `/static/..${path}`],
    ['x.css/%2e%2e', (path) => `/x.css/%2e%2e${path}`],
    ['x.css;', (path) => `/x.css;${path}`],
    ['sessions;x.css', (path) => path.replace('/sessions/', '/sessions;x.css/')],
    ['beta.css', (path) => path.replace('/beta/', '/beta.css/')],
  ]

  for (const [what, disguise] of disguises) {
    test(what, async () => {
      const { world, taken, question } = captured()
      const path = newPath()
      const id = path.slice(-36)
      const deceive = async (): Promise<void> => {
        const { status, headers, body } = await askDressed(captured(), disguise(path, id), '')
        assert.ok(status === 400 || status === 404, String(status))
        // Nor is what it gets instead kept by whoever passes it on.
        assert.deepEqual([headers['cache-control'], headers['etag']], ['no-store', undefined])
        assert.equal(headers['cache-status'] ?? headers['age'], undefined)
        assert.equal(headers['content-type'], 'application/json; charset=utf-8')
        assert.doesNotMatch(body, new RegExp(id))
      }
      await deceive()
      assert.equal(await taken(), '')
      assert.equal(
        (await world.ask(path)).headers['cache-status'],
        'session-gateway; fwd=uri-miss; fwd-status=200; stored',
      )
      assert.equal(await taken(), question(path))
      await deceive()
      assert.equal(await taken(), '')
      assert.match(String((await world.ask(path)).headers['cache-status']), /; hit;/)
    })
  }

  test('and the session itself is kept by nobody who shares it', async () => {
    const { world } = captured()
    for (const method of ['GET', 'HEAD'] as const) {
      for (const headers of [{}, { 'if-none-match': '*' }]) {
        const reply = await world.ask(newPath(), { method, headers })
        assert.equal(reply.headers['cache-control'], 'private, no-cache')
        assert.equal(
          reply.headers['expires'] ?? reply.headers['pragma'] ?? reply.headers['last-modified'],
          undefined,
        )
      }
    }
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sharedCapturedWorld } from './captured-graph.ts'
import { askDressed, assertInert, newPath } from './inert.ts'
import { assertRefusal, untilClosed, withoutTls } from './wire.ts'

describe('what looks like the header that counts, and is another, opens nothing:', () => {
  const captured = sharedCapturedWorld(withoutTls)

  for (const name of [
    'Authorization_',
    '_Authorization',
    'Authorization.',
    'Authorisation',
    'HTTP_AUTHORIZATION',
    'HTTP-Authorization',
    'Proxy-Authorization',
    'X-Authorization',
    'X-Forwarded-Authorization',
    'X-Original-Authorization',
    'X-Forwarded-Access-Token',
    'X-Auth-Request-Access-Token',
    'X-MS-TOKEN-AAD-ACCESS-TOKEN',
    'X-Serverless-Authorization',
    'Authentication',
    'Bearer',
  ]) {
    test(name, async () => {
      const { world, taken } = captured()
      const token = await world.workloadToken('triage')
      for (const value of [`Bearer ${token}`, token]) {
        const found = await untilClosed(
          world,
          `GET ${newPath()} HTTP/1.1\r\nHost: a\r\n${name}: ${value}\r\nConnection: close\r\n\r\n`,
        )
        assert.equal(found.length, 1)
        assertRefusal(found[0], 401, 'unauthenticated')
        assert.equal(found[0]?.headers['www-authenticate'], 'Bearer realm="session-gateway"')
      }
      assert.equal(await taken(), '')
    })
  }

  test('a name that somebody else says we have', async () => {
    const { world, taken } = captured()
    for (const lines of [
      'X-MS-CLIENT-PRINCIPAL: eyJ1c2VySWQiOiJhZG1pbiJ9',
      'X-MS-CLIENT-PRINCIPAL-ID: admin\r\nX-MS-CLIENT-PRINCIPAL-IDP: aad',
      'X-Remote-User: system:serviceaccount:soc:triage\r\nX-Remote-Group: system:masters',
      'X-Forwarded-User: triage\r\nX-Forwarded-Email: a@b.example',
      'Impersonate-User: system:serviceaccount:soc:triage',
      'X-Forwarded-Client-Cert: By=spiffe://soc/triage',
      'Cookie: access_token=x; Authorization=Bearer x',
    ]) {
      const [answer] = await untilClosed(
        world,
        `GET ${newPath()} HTTP/1.1\r\nHost: a\r\n${lines}\r\nConnection: close\r\n\r\n`,
      )
      assertRefusal(answer, 401, 'unauthenticated')
    }
    assert.equal(await taken(), '')
  })
})

describe('beside the headers that count these change nothing:', () => {
  const captured = sharedCapturedWorld(withoutTls)

  for (const lines of [
    'Authorization_: Bearer x\r\nHTTP_AUTHORIZATION: Bearer x\r\nX-Authorization: Bearer x',
    'Host_: evil.example\r\nX-Host: evil.example\r\nX-Forwarded-Server: evil.example',
    'X-Original-URL: /beta/me\r\nX-Rewrite-URL: /beta/users',
    'X-Original-URI: /beta/me\r\nX-Forwarded-Uri: /x\r\nX-Forwarded-Path: /x\r\nX-Forwarded-Prefix: /x',
    'X-Original-Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Proto: http',
    'X-HTTP-Method-Override: DELETE\r\nX-HTTP-Method: PATCH\r\nX-Method-Override: POST\r\n_method: PUT',
    'X-Accel-Redirect: /etc/passwd\r\nX-Sendfile: /etc/passwd\r\nDestination: https://evil.example/',
    'Prefer: ms-graph-dev-mode',
    'Prefer: return=minimal, respond-async, odata.include-annotations="*"\r\nPrefer: include-unknown-enum-members',
    'Accept: text/html;q=1\r\nAccept: application/json;odata.metadata=full',
    'Accept-Encoding: gzip, br, zstd, *;q=0.1\r\nAccept_Encoding: gzip',
    'X-MS-Throttle-Priority: High\r\nx-ms-client-request-id: x\r\nX-MS-Version: 1',
    'SdkVersion: x\r\nConsistencyLevel: eventual\r\nOData-MaxVersion: 4.01\r\nX-AnchorMailbox: a@b.example',
    'If_None_Match: *\r\nIf-None-Match_: *\r\nX-If-None-Match: *',
    'If-Match: "x"\r\nIf-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT\r\nIf-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT',
    'Range: bytes=0-1,2-3\r\nIf-Range: "x"\r\nRequest-Range: bytes=0-1',
    'Cache-Control: no-cache\r\nCache-Control: no-store\r\nCache_Control: only-if-cached\r\nPragma: no-cache',
    'Cache-Control: x="only-if-cached"\r\nX-Cache-Control: only-if-cached',
    'client-request-id: a\r\nclient-request-id: a',
    'client-request-id: a,b\r\nClient_Request_Id: c',
    'request-id: evil\r\nX-Request-Id: evil\r\nX-Correlation-ID: evil\r\nreturn-client-request-id: true',
    'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b\r\nbaggage: a=b',
    'User-Agent: a\r\nUser-Agent: b\r\nFrom: a@b.example\r\nReferer: https://evil.example/',
    'Cookie: a=b\r\nCookie: c=d\r\nSet-Cookie: a=b',
    'Origin: https://evil.example\r\nAccess-Control-Request-Method: DELETE\r\nAccess-Control-Request-Private-Network: true',
    'Content-Type: application/x-www-form-urlencoded\r\nContent-Type: text/html\r\nContent-Encoding: gzip',
    'Content_Length: 5\r\nTransfer_Encoding: chunked\r\nContent-Length-: 5\r\nX-Content-Length: 5',
    '__proto__: x\r\nconstructor: y\r\nprototype: z\r\ntoString: w\r\nhasOwnProperty: v',
    "a'b: x\r\n!#$%&'*+.^_`|~: y\r\n0: z",
  ]) {
    test(lines.replaceAll('\r\n', ' + ').slice(0, 100), () => assertInert(captured(), `${lines}\r\n`))
  }
})

describe('a second header of those that count, or an odd one', () => {
  const captured = sharedCapturedWorld(withoutTls)

  for (const lines of [
    'Authorization: Bearer x',
    'authorization:',
    'AUTHORIZATION: Basic eDp5',
    'Host: gateway.example',
    'hOsT:',
  ]) {
    test(`${lines} before the good one is 400`, async () => {
      assertRefusal(await askDressed(captured(), newPath(), `${lines}\r\n`), 400, 'invalidRequest')
      assert.equal(await captured().taken(), '')
    })
  }

  for (const [what, dress, status] of [
    ['spaces and tabs around it', (token) => ` \t Bearer ${token} \t `, 200],
    ['more than one space in it', (token) => `Bearer   ${token}`, 200],
    ['a tab in it', (token) => `Bearer\t${token}`, 401],
    ['a tab behind the space', (token) => `Bearer \t${token}`, 401],
    ['no space in it', (token) => `Bearer${token}`, 401],
    ['a no-break space in it', (token) => `Bearer\xa0${token}`, 401],
    ['an equals sign in it', (token) => `Bearer=${token}`, 401],
    ['a colon in it', (token) => `Bearer: ${token}`, 401],
    ['a comma behind it', (token) => `Bearer ${token},`, 401],
    ['a comma before it', (token) => `,Bearer ${token}`, 401],
    ['a list, the good one last', (token) => `Basic eDp5, Bearer ${token}`, 401],
    ['parameters behind it', (token) => `Bearer ${token}; realm="x"`, 401],
    ['a second token behind it', (token) => `Bearer ${token} ${token}`, 401],
    ['the scheme twice', (token) => `Bearer Bearer ${token}`, 401],
    ['an encoded dot', (token) => `Bearer ${token.replace('.', '%2e')}`, 401],
    ['a byte beyond ASCII behind it', (token) => `Bearer ${token}\xff`, 401],
  ] as const satisfies readonly (readonly [string, (token: string) => string, number])[]) {
    test(`an Authorization with ${what} is ${status}`, async () => {
      const { world, taken, question } = captured()
      const path = newPath()
      const value = dress(await world.workloadToken('triage'))
      const found = await untilClosed(
        world,
        `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization:${value.startsWith(' ') ? '' : ' '}${value}\r\nConnection: close\r\n\r\n`,
      )
      assert.deepEqual(
        found.map((answer) => answer.status),
        [status],
      )
      // One trip where it was good, and none where it was not.
      assert.equal(await taken(), status === 200 ? question(path) : '')
    })
  }
})

/** Whatever a caller may say besides its question. */
export const hostile = Object.fromEntries(
  `
  accept: text/html
  accept-encoding: gzip, br
  accept-language: de
  accept-charset: utf-7
  cookie: session=1
  proxy-authorization: Basic eDp5
  x-ms-client-principal: admin
  dnt: 1
  x-forwarded-for: 10.0.0.1
  x-forwarded-host: evil.example
  x-forwarded-proto: http
  forwarded: for=10.0.0.1;host=evil.example
  via: 1.1 evil
  x-real-ip: 10.0.0.1
  x-original-url: /evil
  x-rewrite-url: /evil
  x-http-method-override: DELETE
  user-agent: evil/1.0
  referer: https://evil
  origin: https://evil
  prefer: ms-graph-dev-mode, return=minimal
  range: bytes=0-1
  if-range: "x"
  if-modified-since: Thu, 01 Jan 2099 00:00:00 GMT
  if-unmodified-since: Thu, 01 Jan 1970 00:00:00 GMT
  if-match: "x"
  cache-control: no-cache, no-store
  pragma: no-cache
  te: trailers, gzip
  trailer: authorization
  content-type: application/json
  content-encoding: gzip
  consistencylevel: eventual
  odata-version: 3.0
  odata-maxversion: 3.0
  return-client-request-id: true
  sdkversion: evil
  x-request-id: evil
  request-id: evil
  traceparent: 00-00000000000000000000000000000001-0000000000000001-01
  scenariotype: evil
  x-anchormailbox: evil
  sec-fetch-mode: cors
  priority: u=0
  `
    .trim()
    .split('\n')
    .map((line): [name: string, value: string] => {
      const [name = '', value = ''] = line.trim().split(': ')
      return [name, value]
    }),
)

/** Ways to hide a second request in a first one, or behind it. */

/** Behind which framing a second request may hide: header lines, and what comes after them. */
export type Disguise = readonly [
  name: string,
  lines: string,
  body: (hidden: string) => string,
  method?: string,
]

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
const chunked = (hidden: string): string => `${chunk(hidden)}0\r\n\r\n`
const plain = (hidden: string): string => hidden
const manyHeaders = 'a:\r\n'.repeat(2_100)

export const disguises: readonly Disguise[] = [
  ['a Content-Length that is too short', 'Content-Length: 5\r\n', (hidden) => `hello${hidden}`],
  ['a Content-Length that is too long', 'Content-Length: 99999\r\n', plain],
  ['a Content-Length on HEAD', 'Content-Length: 5\r\n', (hidden) => `hello${hidden}`, 'HEAD'],
  ['a Content-Length on POST', 'Content-Length: 5\r\n', (hidden) => `hello${hidden}`, 'POST'],
  ['a Content-Length of 00', 'Content-Length: 00\r\n', plain],
  ['an empty Content-Length', 'Content-Length:\r\n', plain],
  ['a signed Content-Length', 'Content-Length: +5\r\n', (hidden) => `hello${hidden}`],
  ['a negative Content-Length', 'Content-Length: -1\r\n', plain],
  ['a hexadecimal Content-Length', 'Content-Length: 0x5\r\n', (hidden) => `hello${hidden}`],
  ['a list of lengths', 'Content-Length: 0, 5\r\n', (hidden) => `hello${hidden}`],
  ['a Content-Length beyond 64 bits', 'Content-Length: 18446744073709551616\r\n', plain],
  ['two Content-Lengths that agree', 'Content-Length: 0\r\nContent-Length: 0\r\n', plain],
  ['two Content-Lengths that differ', 'Content-Length: 0\r\nContent-Length: 5\r\n', plain],
  [
    'a Content-Length behind 2,100 headers',
    `${manyHeaders}Content-Length: 5\r\n`,
    (hidden) => `hello${hidden}`,
  ],
  ['chunks behind 2,100 headers', `${manyHeaders}Transfer-Encoding: chunked\r\n`, chunked],
  ['a second request in a chunk', 'Transfer-Encoding: chunked\r\n', chunked],
  ['a second request in a chunk, on HEAD', 'Transfer-Encoding: chunked\r\n', chunked, 'HEAD'],
  [
    'a second request behind the last chunk',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `0\r\n\r\n${hidden}`,
  ],
  [
    'trailers',
    'Trailer: Host\r\nTransfer-Encoding: chunked\r\n',
    (hidden) => `0\r\nHost: evil\r\n\r\n${hidden}`,
  ],
  ['a chunk extension', 'Transfer-Encoding: chunked\r\n', (hidden) => `1;a=b\r\nx\r\n0\r\n\r\n${hidden}`],
  [
    'a chunk size that is no number',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `ZZ\r\n${hidden}\r\n0\r\n\r\n`,
  ],
  [
    'a chunk size beyond 64 bits',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `${'f'.repeat(17)}\r\n${hidden}`,
  ],
  ['chunks that end in a bare LF', 'Transfer-Encoding: chunked\r\n', (hidden) => `1\nx\n0\n\n${hidden}`],
  [
    'a CONNECT behind the last chunk',
    'Transfer-Encoding: chunked\r\n',
    () => '0\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
  ],
  ['an unknown transfer coding', 'Transfer-Encoding: xchunked\r\n', chunked],
  ['identity', 'Transfer-Encoding: identity\r\n', plain],
  ['an empty Transfer-Encoding', 'Transfer-Encoding:\r\n', plain],
  ['gzip before chunked', 'Transfer-Encoding: gzip, chunked\r\n', chunked],
  ['chunked before identity', 'Transfer-Encoding: chunked, identity\r\n', chunked],
  ['two Transfer-Encodings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', chunked],
  ['a quoted coding', 'Transfer-Encoding: "chunked"\r\n', chunked],
  ['a tab before the coding', 'Transfer-Encoding:\tchunked\r\n', chunked],
  ['a vertical tab before the coding', 'Transfer-Encoding: \x0bchunked\r\n', chunked],
  [
    'a Content-Length and a Transfer-Encoding',
    'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
    chunked,
  ],
  [
    'a Transfer-Encoding and a Content-Length',
    'Transfer-Encoding: chunked\r\nContent-Length: 0\r\n',
    chunked,
  ],
  ['a space before the colon', 'Transfer-Encoding : chunked\r\n', chunked],
  ['a folded header', 'X: a\r\n Transfer-Encoding: chunked\r\n', chunked],
  ['a folded coding', 'Transfer-Encoding:\r\n chunked\r\n', chunked],
  ['a header behind a bare LF', 'X: a\nTransfer-Encoding: chunked\r\n', chunked],
  ['a header behind a bare CR', 'X: a\rTransfer-Encoding: chunked\r\n', chunked],
  ['a NUL in a header’s name', 'Transfer-Encoding\0: chunked\r\n', chunked],
  ['a NUL in a header’s value', 'X: a\0b\r\n', plain],
  [
    'an underscore in the name, and a length',
    'Transfer_Encoding: chunked\r\nContent-Length: 5\r\n',
    (hidden) => `hello${hidden}`,
  ],
  ['a second Host', 'Host: evil.example\r\n', plain],
  ['a second Host that is the same', 'Host: gateway.example\r\n', plain],
  ['a second Host behind 2,100 headers', `${manyHeaders}Host: evil.example\r\n`, plain],
  ['a second Authorization', 'Authorization: Bearer x\r\n', plain],
  ['a second Authorization, empty', 'authorization:\r\n', plain],
]

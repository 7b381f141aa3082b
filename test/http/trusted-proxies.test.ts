import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createPeerOf } from '../../src/http/index.ts'
import { problems, valid } from '../config/written.ts'
import { startWorld } from '../world/world.ts'

type Request = Parameters<ReturnType<typeof createPeerOf>>[0]

/** A request as `createPeerOf` looks at it. */
function from(remoteAddress: string, forwardedFor?: string): Request {
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a socket it needs no more
  return { socket: { remoteAddress, remotePort: 1234 }, headers } as unknown as Request
}

const peerOf = createPeerOf([
  { address: '10.0.0.0', prefix: 8 },
  { address: '2001:db8::', prefix: 32 },
])
const seen = (remoteAddress: string, forwardedFor?: string): readonly unknown[] => {
  const { ip, port, proxies } = peerOf(from(remoteAddress, forwardedFor))
  return [ip, port, proxies]
}

test('a header of somebody who is not trusted is not read', () => {
  assert.deepEqual(seen('192.0.2.1', '198.51.100.7'), ['192.0.2.1', 1234, undefined])
  assert.deepEqual(seen('::ffff:192.0.2.1', '198.51.100.7'), ['192.0.2.1', 1234, undefined])
  const nobody = createPeerOf([])
  assert.equal(nobody(from('10.0.0.1', '198.51.100.7')).ip, '10.0.0.1')
})

test('behind trusted proxies the caller is the first address from the right that is none of theirs', () => {
  const cases: readonly [header: string | undefined, ip: string, proxies?: readonly string[]][] = [
    [undefined, '10.0.0.1'],
    ['', '10.0.0.1'],
    ['192.0.2.1', '192.0.2.1', ['10.0.0.1']],
    ['192.0.2.9, 192.0.2.1', '192.0.2.1', ['10.0.0.1']],
    ['192.0.2.1 ,\t10.9.9.9', '192.0.2.1', ['10.9.9.9', '10.0.0.1']],
    ['192.0.2.1,2001:DB8:0::7,10.9.9.9', '192.0.2.1', ['2001:db8::7', '10.9.9.9', '10.0.0.1']],
    // All of them are trusted: the outermost is as far as anybody has looked.
    ['10.3.3.3, 10.2.2.2', '10.3.3.3', ['10.2.2.2', '10.0.0.1']],
    // Nonsense ends the search at the last address.
    ['192.0.2.1, nonsense', '10.0.0.1'],
    ['192.0.2.1, nonsense, 10.2.2.2', '10.2.2.2', ['10.0.0.1']],
    ['192.0.2.1,, 10.2.2.2', '10.2.2.2', ['10.0.0.1']],
    ['192.0.2.1, 10.2.2.2,', '10.0.0.1'],
    ['192.0.2.1:443', '192.0.2.1', ['10.0.0.1']],
    ['[2001:db9::1]:443', '2001:db9::1', ['10.0.0.1']],
    ['::ffff:192.0.2.1', '192.0.2.1', ['10.0.0.1']],
    ['fe80::1%eth0', 'fe80::1', ['10.0.0.1']],
    ['"192.0.2.1"', '10.0.0.1'],
    ['0300.0.2.1', '10.0.0.1'],
    ['unknown', '10.0.0.1'],
  ]
  for (const [header, ip, proxies] of cases) {
    assert.deepEqual(
      seen('10.0.0.1', header),
      [ip, proxies === undefined ? 1234 : undefined, proxies],
      `X-Forwarded-For: ${header}`,
    )
  }
})

test('whatever a header holds, what is left of the first address that nobody vouches for changes nothing', () => {
  const trusted = fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `10.${a}.${b}.1`)
  const untrusted = fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `192.${a}.${b}.1`)
  const nonsense = fc.constantFrom(
    '',
    'x',
    '1.2.3',
    '1.2.3.4.5',
    '::g',
    '"192.0.2.1"',
    ' ',
    '[::1',
    '10.0.0.1/8',
  )
  const entry = fc.oneof(trusted, untrusted, nonsense)
  const property = fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
    // The model: walk from the right, as long as it is a trusted address and there are fewer than eight.
    const chain = ['10.0.0.1']
    for (const each of entries.toReversed()) {
      if (chain.length > 8 || !/^(?:10|192)(?:\.\d+){3}$/.test(each)) break
      chain.unshift(each)
      if (each.startsWith('192.')) break
    }
    const header = entries.join(', ')
    const [ip, ...proxies] = chain
    const expected = proxies.length === 0 ? [ip, 1234, undefined] : [ip, undefined, proxies]
    assert.deepEqual(seen('10.0.0.1', header), expected)
  })
  fc.assert(property, { numRuns: 2_000 })
})

test('any text whatever is read without an error, and gives an address', () => {
  const property = fc.property(fc.string({ maxLength: 300, unit: 'binary' }), (header) => {
    const [ip, , proxies = []] = seen('10.0.0.1', header)
    assert.match(String(ip), /^[0-9a-f:.]+$/)
    assert.ok(Array.isArray(proxies) && proxies.length <= 8)
  })
  fc.assert(property, { numRuns: 2_000 })
})

test('the record names the caller that a trusted proxy saw, and the proxy', async () => {
  await using world = await startWorld({ config: { server: { trustedProxies: ['127.0.0.0/8'] } } })
  const headers = {
    'x-forwarded-for': '203.0.113.66, 192.0.2.1',
    'x-real-ip': '203.0.113.1',
    forwarded: 'for=203.0.113.2',
  }
  await world.ask(undefined, { headers })
  const [line] = world.trail.filter((each) => each.includes('session.get'))
  assert.deepEqual(JSON.parse(line ?? '').src_endpoint, {
    ip: '192.0.2.1',
    intermediate_ips: ['127.0.0.1'],
  })
})

test('without trustedProxies the record has the socket’s address, whatever the headers say', async () => {
  await using world = await startWorld()
  const headers = { 'x-forwarded-for': '192.0.2.1', 'x-real-ip': '192.0.2.1', forwarded: 'for=192.0.2.1' }
  await world.ask(undefined, { headers })
  const [line] = world.trail.filter((each) => each.includes('session.get'))
  const { ip, intermediate_ips: between } = JSON.parse(line ?? '').src_endpoint
  assert.deepEqual([ip, between], ['127.0.0.1', undefined])
})

test('what is no network, or everybody, is refused with what to write instead', async () => {
  const refused: readonly [written: string, message: RegExp][] = [
    ['10.0.0.0/0', /\/0 is every address/],
    ['::/0', /\/0 is every address/],
    ['::/64', /holds every IPv4 address/],
    ['::/1', /holds every IPv4 address/],
    ['::fffe:0:0/95', /holds every IPv4 address/],
    ['10.0.0.1/8', /has bits beyond \/8/],
    ['2001:db8::1/64', /has bits beyond \/64/],
    ['10.0.0.0/33', /at most \/32/],
    ['2001:db8::/129', /at most \/128/],
    ['::ffff:10.0.0.1', /write IPv4 as IPv4: 10\.0\.0\.1/],
    ['::ffff:0a00:0001/128', /write IPv4 as IPv4: 10\.0\.0\.1/],
    ['10.0.0', /expected an address or a network/],
    ['proxy.example', /expected an address or a network/],
    ['10.0.0.0/8/8', /expected an address or a network/],
  ]
  for (const [written, message] of refused) {
    const found = await problems([valid.replace('server: {', `server: { trustedProxies: ["${written}"],`)])
    assert.equal(found.length, 1, written)
    assert.match(found[0] ?? '', /^server\.trustedProxies\[0\]: /)
    assert.match(found[0] ?? '', message)
  }
  const good = '["10.0.0.0/8", "192.0.2.7", "2001:DB8::/32", "::1", "192.0.2.128/25"]'
  assert.deepEqual(await problems([valid.replace('server: {', `server: { trustedProxies: ${good},`)]), [])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createIsExempt, type Exemption } from '../../src/outbound/exemptions.ts'

const example = { domain: 'internal.example', hasItself: true }

for (const [what, hosts, direct, through] of [
  [
    'a domain is itself and all below it',
    example,
    [
      'internal.example',
      'INTERNAL.example',
      'internal.example.',
      'a.internal.example',
      'a.b.internal.example',
    ],
    ['example', 'notinternal.example', 'internal.example.org', 'internal-example', '10.0.0.1'],
  ],
  [
    'a domain with a dot before it is what is below it only',
    { ...example, hasItself: false },
    ['a.internal.example', 'a.b.internal.example'],
    ['internal.example', 'ainternal.example'],
  ],
  ['* is everybody', '*', ['graph.microsoft.com', '10.0.0.1', '[2001:db8::1]'], []],
  [
    'a network is the addresses in it, and no name',
    { address: '10.20.0.0', prefix: 16 },
    ['10.20.0.0', '10.20.255.255', '[::ffff:10.20.1.1]', '::ffff:a14:101'],
    ['10.21.0.0', '10.19.255.255', '[::10.20.1.1]', 'ten.example'],
  ],
  ['bits beyond the prefix do not count', { address: '10.20.30.40', prefix: 8 }, ['10.99.0.1'], ['11.0.0.1']],
  [
    'a network of IPv6 is no IPv4, however wide',
    { address: '::', prefix: 0 },
    ['[2001:db8::1]', '::2'],
    ['10.0.0.1'],
  ],
  [
    'an address is itself',
    { address: '2001:db8::7', prefix: 128 },
    ['[2001:db8:0:0:0:0:0:7]'],
    ['[2001:db8::8]'],
  ],
] as const) {
  test(`noProxy: ${what}`, () => {
    const isExempt = createIsExempt([{ hosts }])
    for (const host of direct) assert.ok(isExempt(host, 443), host)
    for (const host of through) assert.ok(!isExempt(host, 443), host)
  })
}

test('noProxy: with a port it is that port only, and nothing written is nobody but this machine', () => {
  const isExempt = createIsExempt([{ hosts: example, port: 8443 }])
  assert.deepEqual([isExempt('internal.example', 8443), isExempt('internal.example', 443)], [true, false])
  const nobody = createIsExempt([])
  for (const host of ['localhost', 'a.localhost', '127.0.0.1', '127.8.8.8', '[::1]', '::ffff:127.0.0.1']) {
    assert.ok(nobody(host, 443), host)
  }
  for (const host of ['graph.microsoft.com', 'localhost.example', '128.0.0.1', '[::2]', '10.0.0.1']) {
    assert.ok(!nobody(host, 443), host)
  }
})

/** The same, thought of as text: an address is its bits, and a name its labels. */
function model(exemptions: readonly Exemption[], host: string, port: number): boolean {
  return exemptions.some(({ hosts, port: only }) => {
    if (only !== undefined && only !== port) return false
    if (hosts === '*') return true
    if ('domain' in hosts) {
      const [labels, of] = [host.split('.').toReversed(), hosts.domain.split('.').toReversed()]
      const isUnder = of.every((label, index) => labels[index] === label)
      return isUnder && (hosts.hasItself || labels.length > of.length)
    }
    const bits = (address: string): string =>
      address
        .split('.')
        .map((part) => Number(part).toString(2).padStart(8, '0'))
        .join('')
    return (
      /^[\d.]+$/.test(host) &&
      bits(host).slice(0, hosts.prefix) === bits(hosts.address).slice(0, hosts.prefix)
    )
  })
}

test('noProxy: any list exempts exactly whom a plain reading of it does', () => {
  const label = fc.constantFrom('a', 'b', 'ab', 'x')
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
  const octet = fc.constantFrom(0, 1, 10, 11, 128, 255)
  // 127 is this machine's, and no matter of the list.
  const address = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.'))
  const hosts: fc.Arbitrary<Exemption['hosts']> = fc.oneof(
    { weight: 1, arbitrary: fc.constant('*' as const) },
    { weight: 8, arbitrary: fc.record({ domain: name, hasItself: fc.boolean() }) },
    { weight: 8, arbitrary: fc.record({ address, prefix: fc.integer({ min: 0, max: 32 }) }) },
  )
  const port = fc.constantFrom(443, 8443)
  const exemption = fc.oneof(fc.record({ hosts }), fc.record({ hosts, port }))
  const outcomes = { true: 0, false: 0 }
  fc.assert(
    fc.property(fc.array(exemption, { maxLength: 4 }), fc.oneof(name, address), port, (list, host, at) => {
      const expected = model(list, host, at)
      outcomes[`${expected}`] += 1
      assert.equal(createIsExempt(list)(host, at), expected)
      assert.equal(createIsExempt(list)(`${host.toUpperCase()}.`, at), expected)
    }),
    { numRuns: 2_000 },
  )
  assert.ok(outcomes.true > 200 && outcomes.false > 200, JSON.stringify(outcomes))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isLoopback, parseHttpsUrl, parseListen, parseOrigin } from '../../src/config/addresses.ts'
import { parseDuration, parsePercent, parseRate, parseSize } from '../../src/config/units.ts'

const count = fc.nat({ max: 999_999_999 })

test('a whole number with a unit is that many times the unit', () => {
  const durations = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  const sizes = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }
  fc.assert(
    fc.property(count, (n) => {
      for (const [unit, factor] of Object.entries(durations))
        assert.equal(parseDuration(`${n}${unit}`), n * factor)
      for (const [unit, factor] of Object.entries(sizes)) assert.equal(parseSize(`${n}${unit}`), n * factor)
      const rate = n === 0 ? undefined : { count: n, perMs: 60_000 }
      assert.deepEqual(parseRate(`${n}/m`), rate)
    }),
  )
})

test('a percentage is a share of one', () => {
  for (const [text, share] of [
    ['0%', 0],
    ['10%', 0.1],
    ['100%', 1],
  ] as const) {
    assert.equal(parsePercent(text), share)
  }
  for (const text of ['', '%', '10', '1.5%', '-1%', '10 %', '1000%'])
    assert.equal(parsePercent(text), undefined, text)
})

test('any other text is no quantity', () => {
  for (const text of ['', '5', 's', '5 s', '-5s', '5.5s', '5S', '1d', '1e3s', '٣s', '5s\n', '9999999999s']) {
    assert.equal(parseDuration(text), undefined, text)
  }
  for (const text of ['', '1', '1MB', '1mib', '1 MiB', '0x1MiB'])
    assert.equal(parseSize(text), undefined, text)
  for (const text of ['', '50', '/s', '50/h', '0/s', '50 / s']) assert.equal(parseRate(text), undefined, text)
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [parseDuration, parseSize, parseRate]) {
        assert.ok(parse(text) === undefined || /^\d+\/?[A-Za-z]+$/.test(text))
      }
    }),
  )
})

test('an address is a port, or a host and a port', () => {
  const addresses = {
    ':8443': { host: '::', port: 8443 },
    '0.0.0.0:80': { host: '0.0.0.0', port: 80 },
    '[::]:8080': { host: '::', port: 8080 },
    '[::1]:0': { host: '::1', port: 0 },
    'localhost:65535': { host: 'localhost', port: 65_535 },
  }
  for (const [text, listen] of Object.entries(addresses)) assert.deepEqual(parseListen(text), listen)
  for (const text of [
    '',
    '8080',
    ':',
    ':65536',
    '::1:80',
    '[::1]',
    '[x]:1',
    '300.1.1.1:1',
    '-a:1',
    'a b:1',
    ':1 ',
  ]) {
    assert.equal(parseListen(text), undefined, text)
  }
})

test('only this machine reaches a loopback address', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) assert.ok(isLoopback(host), host)
  for (const host of ['::', '0.0.0.0', '128.0.0.1', '127.example.com', 'localhost.example.com', '10.0.0.1']) {
    assert.ok(!isLoopback(host), host)
  }
})

test('an origin is https and nothing but a host and a port', () => {
  assert.equal(parseOrigin('https://Graph.Microsoft.com/'), 'https://graph.microsoft.com')
  assert.equal(parseOrigin('https://localhost:8443'), 'https://localhost:8443')
  const others = [
    'http://a',
    'https://a/b',
    'https://a?b',
    'https://a#b',
    'https://u@a',
    'https://u:p@a',
    'https://',
    'a',
  ]
  for (const text of [...others, 'https://a\\b', 'https://a b', 'https://a//', 'https://a:99999']) {
    assert.equal(parseOrigin(text), undefined, text)
  }
})

test("an issuer's URL is kept character for character", () => {
  assert.equal(parseHttpsUrl('https://Login.Example.com/A/'), 'https://Login.Example.com/A/')
  for (const text of ['http://a', 'https://u:p@a/', 'https://a/#b', 'https://']) {
    assert.equal(parseHttpsUrl(text), undefined, text)
  }
})

import assert from 'node:assert/strict'
import { createHmac, createSecretKey, webcrypto } from 'node:crypto'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { createSealing, type Key, type Keys, type Sealing } from '../../src/shared/index.ts'

const bytesOf = (seed: number): Buffer => Buffer.from(Array.from({ length: 32 }, (_, index) => index + seed))
const keyOf = (id: string, seed: number): Key => ({ id, master: createSecretKey(bytesOf(seed)) })
const keysOf = (writing: Key, ...others: Key[]): Keys => ({ writing, readable: [writing, ...others] })
const sealingWith = (...keys: [Key, ...Key[]]): Sealing => createSealing(() => keysOf(...keys))

const [one, two] = [keyOf('2026-11', 1), keyOf('2026-12', 101)]
const sealing = sealingWith(one)
const about = 'workspaces/default/sessions/1'
const plain = Buffer.from('{"displayName":"Phishing in the finance department"}')

const saltAt = 2 + one.id.length
const textAt = saltAt + 16

const anyBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
const anyText = fc.string({ unit: 'binary', maxLength: 60 })

/** RFC 5869 §2, step by step. */
function hkdf(master: Buffer, salt: Buffer, info: Buffer, length: number): Buffer<ArrayBuffer> {
  const hmac = (key: Buffer, ...parts: Buffer[]): Buffer<ArrayBuffer> =>
    Buffer.from(createHmac('sha256', key).update(Buffer.concat(parts)).digest())
  const extracted = hmac(salt.length === 0 ? Buffer.alloc(32) : salt, master)
  let [block, output] = [Buffer.alloc(0), Buffer.alloc(0)]
  for (let counter = 1; output.length < length; counter += 1) {
    block = hmac(extracted, block, info, Buffer.of(counter))
    output = Buffer.concat([output, block])
  }
  return output.subarray(0, length)
}

test('the derivation that the others are checked by is that of RFC 5869, A.1 and A.3', () => {
  const [ikm, salt] = [Buffer.alloc(22, 0x0b), Buffer.from('000102030405060708090a0b0c', 'hex')]
  const derived = (of: Buffer, info: Buffer): string => hkdf(ikm, of, info, 42).toString('hex')
  assert.equal(
    derived(salt, Buffer.from('f0f1f2f3f4f5f6f7f8f9', 'hex')),
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  )
  assert.equal(
    derived(Buffer.alloc(0), Buffer.alloc(0)),
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  )
})

describe('what is sealed', () => {
  test('opens by the layout, RFC 5869 and AES-256-GCM, computed by other means', async () => {
    const sealed = Buffer.from(sealing.seal(plain, about))
    assert.deepEqual([sealed[0], sealed[1], sealed.toString('latin1', 2, saltAt)], [1, one.id.length, one.id])
    assert.equal(sealed.length, textAt + plain.length + 16)
    const derived = hkdf(
      bytesOf(1),
      sealed.subarray(saltAt, textAt),
      Buffer.from('session-gateway shared tier, version 1: value'),
      44,
    )
    const key = await webcrypto.subtle.importKey('raw', derived.subarray(0, 32), 'AES-GCM', false, [
      'decrypt',
    ])
    const bound = Buffer.concat([sealed.subarray(0, textAt), Buffer.from(about, 'utf16le')])
    const opened = await webcrypto.subtle.decrypt(
      { name: 'AES-GCM', iv: derived.subarray(32), additionalData: bound, tagLength: 128 },
      key,
      sealed.subarray(textAt),
    )
    assert.deepEqual(Buffer.from(opened), plain)
  })

  test('opens when an earlier gateway has sealed it: version 1 does not change', () => {
    const sealed = Buffer.from(
      'AQcyMDI2LTExTHhFJPcphp5+RyRx33SNBKi04I1Okv0vcI03AS82bm93ljyHwhMGYUufjC3RfdsR8Ce+eDegx+GRDPanmH62lW1dCyxSRwdHygxk4oo09s6o7vDc',
      'base64',
    )
    assert.deepEqual(sealing.open(sealed, about), { plain })
  })

  test('opens as it was, whatever it was and whatever it belongs to', () => {
    fc.assert(
      fc.property(anyBytes, anyText, (bytes, of) => {
        assert.deepEqual(sealing.open(sealing.seal(bytes, of), of), { plain: bytes })
      }),
    )
  })

  test('opens nowhere but where it belongs', () => {
    fc.assert(
      fc.property(anyText, anyText, (of, other) => {
        fc.pre(of !== other)
        assert.deepEqual(sealing.open(sealing.seal(plain, of), other), { refused: 'altered' })
      }),
    )
    for (const [of, other] of [
      ['\ud800', '\ufffd'],
      ['a', 'a\0'],
      ['', '\0'],
    ] as const) {
      assert.deepEqual(sealing.open(sealing.seal(plain, of), other), { refused: 'altered' })
    }
  })

  test('is refused for the right reason when one bit is another, wherever', () => {
    const sealed = sealing.seal(plain, about)
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const at = Math.floor(bit / 8)
      const altered = Buffer.from(sealed)
      altered[at] = (altered[at] ?? 0) ^ (1 << (bit % 8))
      const opened = sealing.open(altered, about)
      assert.ok('refused' in opened, `bit ${bit}`)
      // Where the id ends is told by its length: a part of it, or more than it, is another id.
      const reasons =
        at === 0 ? ['version'] : at === 1 ? ['key', 'altered'] : at < saltAt ? ['key'] : ['altered']
      assert.ok(reasons.includes(opened.refused), `bit ${bit}: ${opened.refused}`)
    }
  })

  test('is refused when it is cut, at whichever byte and at either end, or has grown', () => {
    const sealed = sealing.seal(plain, about)
    for (let length = 0; length < sealed.length; length += 1) {
      const opened = sealing.open(sealed.subarray(0, length), about)
      assert.deepEqual(opened, { refused: 'altered' }, `${length} bytes`)
      assert.ok('refused' in sealing.open(sealed.subarray(length + 1), about))
    }
    assert.deepEqual(sealing.open(Buffer.concat([sealed, Buffer.of(0)]), about), { refused: 'altered' })
  })

  test('is refused when it is put together from two that are good', () => {
    const [first, second] = [sealing.seal(plain, about), sealing.seal(plain, about)]
    for (const cut of [saltAt, textAt, first.length - 16]) {
      const mixed = Buffer.concat([first.subarray(0, cut), second.subarray(cut)])
      const opened = sealing.open(mixed, about)
      // What begins with the salt of the other is the other, but for what stands before it, which is the same.
      assert.deepEqual(opened, cut === saltAt ? { plain } : { refused: 'altered' })
    }
  })

  test('is refused as of another version, whatever follows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), anyBytes, (version, rest) => {
        fc.pre(version !== 1)
        const opened = sealing.open(Buffer.concat([Buffer.of(version), rest]), about)
        assert.deepEqual(opened, { refused: 'version' })
      }),
    )
  })

  test('is refused without its key: one of another name is missing, one of the same name is another', () => {
    const sealed = sealing.seal(plain, about)
    assert.deepEqual(sealingWith(two).open(sealed, about), { refused: 'key' })
    assert.deepEqual(sealingWith(keyOf(one.id, 77)).open(sealed, about), { refused: 'altered' })
    assert.deepEqual(sealingWith(keyOf(two.id, 1)).open(sealed, about), { refused: 'key' })
  })

  test('shows nothing of what is in it or of what it belongs to, and is other bytes each time', () => {
    const sealed = Array.from({ length: 100 }, () => sealing.seal(plain, about))
    for (const each of sealed) {
      for (const word of ['displayName', 'Phishing', 'workspaces', 'default']) {
        assert.ok(!each.includes(word) && !each.includes(Buffer.from(word, 'utf16le')))
      }
    }
    const parts = (from: number, to: number): Set<string> =>
      new Set(sealed.map((each) => each.subarray(from, to).toString('hex')))
    for (const [from, to] of [
      [saltAt, textAt],
      [textAt, textAt + 16],
      [textAt + plain.length, Infinity],
    ] as const) {
      assert.equal(parts(from, to).size, sealed.length)
    }
  })

  test('never throws, whatever the bytes, nor does anything random open', () => {
    const header = fc
      .tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(0, 1, one.id.length, 32, 33, 255), anyBytes)
      .map(([version, length, rest]) => Buffer.concat([Buffer.of(version, length), rest]))
    const named = anyBytes.map((rest) =>
      Buffer.concat([Buffer.of(1, one.id.length), Buffer.from(one.id), rest]),
    )
    fc.assert(
      fc.property(fc.oneof(anyBytes, header, named), anyText, (bytes, of) => {
        assert.ok('refused' in sealing.open(bytes, of))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('while keys are exchanged', () => {
  const [before, after] = [sealingWith(one, two), sealingWith(two, one)]

  test('replicas with both keys, in either order, read what the other has sealed', () => {
    assert.deepEqual(after.open(before.seal(plain, about), about), { plain })
    assert.deepEqual(before.open(after.seal(plain, about), about), { plain })
    assert.deepEqual(sealingWith(one).open(before.seal(plain, about), about), { plain })
    assert.deepEqual(sealingWith(one).open(after.seal(plain, about), about), { refused: 'key' })
  })

  test('they look for each other’s names: the first one is that of the key that seals', () => {
    assert.deepEqual(before.names(about), after.names(about).toReversed())
    assert.deepEqual(sealingWith(one).names(about), before.names(about).slice(0, 1))
  })

  test('another file counts from the next call on', () => {
    let keys = keysOf(one)
    const changing = createSealing(() => keys)
    const [sealed, [name]] = [changing.seal(plain, about), changing.names(about)]
    keys = keysOf(two, one)
    assert.deepEqual(changing.open(sealed, about), { plain })
    assert.equal(changing.names(about)[1], name)
    assert.equal(changing.seal(plain, about).toString('latin1', 2, saltAt), two.id)
    keys = keysOf(two)
    assert.deepEqual(changing.open(sealed, about), { refused: 'key' })
    assert.ok(!changing.names(about).includes(name ?? ''))
  })
})

describe('names', () => {
  test('are HMAC-SHA-256 with a key of their own, computed by other means', () => {
    const info = Buffer.from('session-gateway shared tier, version 1: names')
    const key = hkdf(bytesOf(1), Buffer.alloc(0), info, 32)
    const expected = createHmac('sha256', key).update(about, 'utf16le').digest('base64url')
    assert.deepEqual(sealing.names(about), [expected])
  })

  test('are the same for the same, of one length, and others for others and under other keys', () => {
    fc.assert(
      fc.property(anyText, anyText, (of, other) => {
        const [name = ''] = sealing.names(of)
        assert.match(name, /^[\w-]{43}$/)
        assert.deepEqual(sealing.names(of), [name])
        assert.equal(sealing.names(other)[0] === name, of === other)
        assert.notEqual(sealingWith(two).names(of)[0], name)
      }),
    )
  })
})

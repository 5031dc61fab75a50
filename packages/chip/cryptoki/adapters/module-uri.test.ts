import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { parsePkcs11Uri, renamePinSource } from './index.ts'

test('a URI names module, token, object and PIN', () => {
  const token = 'token=The%20Token;manufacturer=Snake%20Oil;serial=12;model=v%3b1;slot-id=327'
  const object = 'object=k%C3%B6;id=%01%ff;type=private'
  const path = `${token};${object}`
  assert.deepEqual(parsePkcs11Uri(`pkcs11:${path}?module-path=/a/b.so&pin-source=file:///c/pin&pin-value=%26x`), {
    modulePath: '/a/b.so',
    token: { label: 'The Token', serial: '12', manufacturer: 'Snake Oil', model: 'v;1', slotId: 327n },
    object: { label: 'kö', id: Uint8Array.of(1, 255) },
    pinSource: '/c/pin',
    pinValue: '&x',
  })
  const bare = parsePkcs11Uri('pkcs11:')
  assert.deepEqual(bare, { modulePath: undefined, token: {}, object: {}, pinSource: undefined, pinValue: undefined })
  assert.equal(parsePkcs11Uri('pkcs11:module-path=/x.so;object=a').modulePath, '/x.so')
  for (const [source, file] of [
    ['/a', '/a'],
    ['file:/a', '/a'],
    ['file://localhost/a', '/a'],
    ['b/c', 'b/c'],
  ]) {
    assert.equal(parsePkcs11Uri(`pkcs11:?pin-source=${source}`).pinSource, file)
  }
})

test('the file of the PIN gets another name, and all else stays as it was', () => {
  const rename = (path: string): string => `/run/a&b;c?/${path}`
  assert.equal(renamePinSource('pkcs11:object=a', rename), 'pkcs11:object=a')
  assert.equal(
    renamePinSource('pkcs11:object=a%20b?pin-source=file:p%26q&x=1', rename),
    'pkcs11:object=a%20b?pin-source=/run/a%26b%3Bc%3F/p%26q&x=1',
  )
  const before = renamePinSource('pkcs11:pin-source=p;object=a', rename)
  assert.deepEqual(parsePkcs11Uri(before), { ...parsePkcs11Uri('pkcs11:object=a'), pinSource: '/run/a&b;c?/p' })
})

test('what is no URI, or one that would start a command, is refused', () => {
  for (const uri of [
    '',
    'pkcs12:token=a',
    'pkcs11:token',
    'pkcs11:token=%4',
    'pkcs11:token=%ff',
    'pkcs11:token=a;token=b',
    'pkcs11:object=a?object=b',
    'pkcs11:?a=b?c=d',
    'pkcs11:slot-id=-1',
    'pkcs11:?pin-source=|rm',
    'pkcs11:?pin-source=https://a/b',
    'pkcs11:?pin-source=',
    `pkcs11:object=${'a'.repeat(20_000)}`,
  ]) {
    assert.throws(
      () => parsePkcs11Uri(uri),
      (error) => isFault(error, 'CRYPTOKI_URI_INVALID'),
      uri,
    )
  }
})

test('any text is a URI or refused; any label and id come back', () => {
  const isRefusal = (error: unknown): boolean => isFault(error, 'CRYPTOKI_URI_INVALID')
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parsePkcs11Uri(`pkcs11:${text}`)
      } catch (error) {
        assert.ok(isRefusal(error), String(error))
      }
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.uint8Array(), (label, id) => {
      const hex = [...id].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
      const { object } = parsePkcs11Uri(`pkcs11:object=${encodeURIComponent(label)};id=${hex}`)
      assert.deepEqual(object, { label, id })
    }),
  )
})

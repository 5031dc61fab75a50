import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeUtf8 } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { utf8Length, writeUtf8 } from './utf8.ts'

test('text is written as the platform writes it, lone surrogates included', () => {
  const unit = fc.oneof(fc.nat(0x7f), fc.nat(0xffff), fc.integer({ min: 0xd800, max: 0xdfff }))
  fc.assert(
    fc.property(fc.array(unit), fc.nat(3), (units, at) => {
      const text = String.fromCharCode(...units)
      const expected = encodeUtf8(text)
      assert.equal(utf8Length(text), expected.length)
      const bytes = new Uint8Array(at + expected.length)
      assert.equal(writeUtf8(text, bytes, at), bytes.length)
      assert.deepEqual(bytes.subarray(at), expected)
    }),
    { numRuns: 500 },
  )
})

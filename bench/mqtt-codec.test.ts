import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureCodec } from './mqtt-codec.ts'

test('the codec benchmark reads and writes the same on both sides', () => {
  const comparisons = measureCodec({ packets: 1000, rounds: 1 })
  assert.equal(comparisons.length, 6)
  for (const { what, ours, theirs, checksums } of comparisons) {
    assert.ok(ours > 0 && theirs > 0, what)
    assert.equal(checksums[0], checksums[1], what)
  }
})

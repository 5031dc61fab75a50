import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeUtf8 } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { Reader } from './reader.ts'
import { TextMemory } from './text-memory.ts'

test('what a memory gives is what its decoder gives, whatever was read before', () => {
  const short = fc.uint8Array({ minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(fc.array(short, { maxLength: 50 }), (inputs) => {
      const memory = new TextMemory(latin1)
      for (const bytes of inputs) assert.equal(memory.read(bytes, 0, bytes.length), latin1(bytes))
    }),
  )
})

test('text that was read before is the same string, and is not decoded again', () => {
  let decoded = 0
  const memory = new TextMemory((bytes) => {
    decoded += 1
    return latin1(bytes)
  })
  const bytes = encodeUtf8('xxa/byy')
  for (let again = 0; again < 3; again += 1) assert.equal(memory.read(bytes, 2, 3), 'a/b')
  assert.equal(decoded, 1)
})

test('ill-formed bytes do not pass for a remembered text with the same UTF-16 units', () => {
  // 'ü' has the unit fc, and the byte fc is no UTF-8. Some of these texts share their place with such bytes.
  for (let index = 173_000; index < 174_000; index += 1) {
    const text = `ü${index}`
    assert.equal(readTopic(encodeUtf8(text)), text)
    assert.throws(() => readTopic(Uint8Array.from(text, (unit) => unit.charCodeAt(0))), { code: 'MQTT_TEXT_INVALID' })
  }
})

function readTopic(bytes: Uint8Array): string {
  const field = Uint8Array.of(0, bytes.length, ...bytes)
  const reader = new Reader()
  reader.open(field, 0, field.length)
  return reader.topicName()
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

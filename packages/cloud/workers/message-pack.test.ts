import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Message, NO_PROPERTIES, parseTopicName } from '@birthmark/cloud/mqtt'
import { instant } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { MessagePack, unpackEach } from './message-pack.ts'

const LIMITS = { topicBytesMax: 65_535, topicSlashesMax: 65_535 }

const message: fc.Arbitrary<Message> = fc.record(
  {
    topic: fc
      .string({ unit: 'binary', minLength: 1 })
      .filter((text) => !/[+#\0]/.test(text))
      .map((text) => parseTopicName(text, LIMITS)),
    payload: fc.uint8Array({ maxLength: 300 }),
    qos: fc.constantFrom(0, 1, 2),
    retain: fc.boolean(),
    clientId: fc.string({ unit: 'binary' }),
    properties: fc.oneof(
      fc.constant(NO_PROPERTIES),
      fc.record(
        {
          contentType: fc.string(),
          userProperties: fc.array(fc.tuple(fc.string(), fc.string())),
          messageExpiryInterval: fc.nat(),
        },
        { requiredKeys: [], noNullPrototype: true },
      ),
    ),
    publisher: fc.option(fc.uuid(), { nil: undefined }),
    receivedAt: fc.nat().map(instant),
  },
  { noNullPrototype: true, requiredKeys: ['topic', 'payload', 'qos', 'properties', 'publisher', 'receivedAt'] },
)

test('messages come out of a pack as they went in, and out of a second one that they were copied into', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(message, fc.nat(0xffff_ffff))), (sent) => {
      const first = new MessagePack()
      for (const [each, id] of sent) first.add(each, id)
      const second = new MessagePack()
      assert.deepEqual(
        read(first.take(), (each) => second.add(each, 0)),
        sent,
      )
      assert.deepEqual(read(second.take()), sent)
      assert.equal(second.take().length, 0)
    }),
  )
})

test('a copy of a message that came in a pack is what it says, whatever the pack said', () => {
  const pack = new MessagePack()
  const topic = parseTopicName('a', LIMITS)
  const at = { properties: NO_PROPERTIES, publisher: undefined, receivedAt: instant(0) }
  pack.add({ topic, payload: Uint8Array.of(1), qos: 1, ...at }, 7)
  const again = new MessagePack()
  unpackEach(pack.take(), (each) => again.add({ ...each, payload: Uint8Array.of(2) }, 8))
  assert.deepEqual(read(again.take()), [[{ topic, payload: Uint8Array.of(2), qos: 1, ...at }, 8]])
})

function read(bytes: Uint8Array, also: (message: Message) => void = () => undefined): (readonly [Message, number])[] {
  const found: (readonly [Message, number])[] = []
  unpackEach(Uint8Array.from(bytes), (each, id) => {
    also(each)
    found.push([{ ...each, payload: Uint8Array.from(each.payload) }, id])
  })
  return found
}

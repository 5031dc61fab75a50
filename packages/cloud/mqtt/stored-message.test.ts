import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant, isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { encodePacket } from './encode-packet.ts'
import { Delivery } from './message.ts'
import { readStoredMessage } from './stored-message.ts'
import { message } from './testing/conversation.ts'
import { anyPacket } from './testing/packets.ts'

const RECEIVED = { qos: 1, receivedAt: instant(7) } as const

test('a message is read back as it was stored', () => {
  fc.assert(
    fc.property(anyPacket(5), (packet) => {
      fc.pre(packet.type === 'publish' && packet.topic !== '')
      const { topicAlias: _alias, subscriptionIdentifiers: identifiers = [], ...properties } = packet.properties
      const stored = { ...message('a'), properties, payload: packet.payload, ...RECEIVED, publisher: undefined }
      const marks = { retain: packet.retain, identifiers }
      const read = readStoredMessage(new Delivery(stored, marks).qos0(5), RECEIVED)
      assert.deepEqual(read.marks, marks)
      const { message: kept } = read
      assert.deepEqual({ ...kept, payload: [...kept.payload] }, { ...stored, payload: [...stored.payload] })
    }),
  )
})

test('what is no stored message is refused by name', () => {
  for (const bytes of [new Uint8Array(0), encodePacket({ type: 'pingreq' }, 5)]) {
    assert.throws(
      () => readStoredMessage(bytes, RECEIVED),
      (error) => isFault(error, 'MQTT_STORED_MESSAGE_UNREADABLE'),
    )
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        readStoredMessage(bytes, RECEIVED)
      } catch (error) {
        assert.ok(isFault(error), String(error))
      }
    }),
  )
})

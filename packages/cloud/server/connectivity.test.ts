import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LocalBus } from '@birthmark/cloud/bus'
import { AWS_PROFILE, NO_PROPERTIES, parseTopicName } from '@birthmark/cloud/mqtt'
import { encodeUtf8, instant } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import { ConnectivityBook } from './connectivity.ts'

const HERE = { account: '111122223333', region: 'eu-central-1' }

test('clients are known from their lifecycle events, each in its account', async () => {
  const book = new ConnectivityBook()
  const bus = new LocalBus(AWS_PROFILE, systemEntropy)
  book.follow(HERE, bus)
  const tell = (topic: string, payload: object): Promise<void> =>
    bus.publish({
      topic: parseTopicName(`$aws/events/presence/${topic}`, AWS_PROFILE),
      payload: encodeUtf8(JSON.stringify(payload)),
      qos: 1,
      properties: NO_PROPERTIES,
      publisher: undefined,
      receivedAt: instant(0),
    })
  await tell('connected/a/b', { timestamp: 5 })
  assert.deepEqual(book.of(HERE, 'a/b'), { connected: true, at: 5, disconnectReason: undefined })
  await tell('disconnected/a/b', { timestamp: 6, disconnectReason: 'CONNECTION_LOST' })
  assert.deepEqual(book.of(HERE, 'a/b'), { connected: false, at: 6, disconnectReason: 'CONNECTION_LOST' })
  await tell('connect_failed/c', { timestamp: 7 })
  assert.equal(book.of(HERE, 'c'), undefined)
  assert.equal(book.of({ ...HERE, region: 'us-east-1' }, 'a/b'), undefined)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AWS_PROFILE, type Delivery, NO_PROPERTIES, parseTopicFilter, parseTopicName } from '@birthmark/cloud/mqtt'
import { instant } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import { LocalBus } from './local-bus.ts'
import { busSuite } from './testing/bus-suite.ts'

busSuite('local bus', () =>
  Promise.resolve({
    bus: new LocalBus({ hashMatchesParent: false }, systemEntropy),
    settle: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }),
)

test('all receivers of a message share one delivery, and have it when publish returns', () => {
  const bus = new LocalBus({ hashMatchesParent: false }, systemEntropy)
  const deliveries: Delivery[] = []
  for (const connectionId of ['1', '2']) {
    const receiver = { connectionId, deliver: (delivery: Delivery) => void deliveries.push(delivery) }
    bus.subscribe(parseTopicFilter('a', AWS_PROFILE), receiver, { qos: 0, noLocal: false })
  }
  void bus.publish({
    topic: parseTopicName('a', AWS_PROFILE),
    payload: new Uint8Array(0),
    qos: 0,
    properties: NO_PROPERTIES,
    publisher: undefined,
    receivedAt: instant(0),
  })
  assert.equal(deliveries.length, 2)
  assert.equal(deliveries[0], deliveries[1])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Delivery } from './message.ts'
import type { Publish } from './packet.ts'
import { AWS_PROFILE } from './profile.ts'
import { ServerSession } from './server-session.ts'
import { acceptedConnect, message, POLICY, START } from './testing/conversation.ts'
import { decodeOne } from './testing/decode.ts'

test('topics get aliases as far as the client allows [MQTT-3.1.2-26] [MQTT-3.3.2-11]', () => {
  const { send } = connection(2)
  const seen = ['a', 'b', 'c', 'a', 'b', 'c'].map((topic, index) => send(topic, index % 2 === 0 ? 0 : 1))
  assert.deepEqual(seen, ['a=1', 'b=2', 'c', '=1', '=2', 'c'])
})

test('a client that allows none gets none [MQTT-3.1.2-27]', () => {
  const { send } = connection(undefined)
  assert.deepEqual([send('a', 0), send('a', 1)], ['a', 'a'])
})

test('no more aliases than we take ourselves', () => {
  const { send } = connection(65_535)
  const last = Array.from({ length: 20 }, (_, index) => send(`t${index}`, 0)).at(-1)
  assert.equal(last, 't19')
  assert.equal(send('t7', 0), '=8')
  assert.equal(send('t8', 0), 't8')
})

test('a message that did not fit sets no alias', () => {
  const { send } = connection(2, 512)
  assert.equal(send('a', 0, 600), undefined)
  assert.equal(send('a', 0), 'a=1')
  assert.equal(send('a', 0), '=1')
})

/** Says of each message which topic and alias its PUBLISH had. */
function connection(
  topicAliasMaximum: number | undefined,
  maximumPacketSize = 10_000,
): { readonly send: (topic: string, qos: 0 | 1, bytes?: number) => string | undefined } {
  const properties = { maximumPacketSize, ...(topicAliasMaximum !== undefined && { topicAliasMaximum }) }
  const session = new ServerSession({
    accepted: acceptedConnect(5, { properties }),
    connectionId: 'this',
    policy: POLICY,
    profile: AWS_PROFILE,
    services: new Set<never>(),
    deniedSubscribe: 'close',
    now: START,
  })
  return {
    send: (topic, qos, bytes = 1) => {
      const delivery = new Delivery(message(topic, { payload: new Uint8Array(bytes) }))
      const effects = session.receive({ on: 'deliver', delivery, qos }, START)
      const sent = effects.flatMap((effect) => (effect.do === 'send' ? [decodeOne(5, effect.bytes)] : []))
      const packet = sent.find((one): one is Publish => one.type === 'publish')
      const alias = packet?.properties.topicAlias
      return packet && `${packet.topic}${alias === undefined ? '' : `=${alias}`}`
    },
  }
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPublishable, isSubscribable, type ReservedService } from './reserved-topics.ts'

const EVERYTHING: ReadonlySet<ReservedService> = new Set([
  'shadow',
  'jobs',
  'provisioning',
  'rules',
  'defender',
  'tunnels',
  'streams',
  'events',
  'commands',
])

test('topics that do not begin with $ are everybody’s', () => {
  for (const topic of ['a', '/$aws', 'aws/things']) assert.ok(isPublishable(topic, new Set()))
  for (const filter of ['#', '+/things/#', 'a/$aws']) assert.ok(isSubscribable(filter, new Set()))
})

/** Topic, whether a client may publish to it, and whether it may subscribe to it (AWS IoT Core developer guide). */
const RIGHTS: readonly (readonly [topic: string, publish: boolean, subscribe: boolean])[] = [
  ['$aws/things/t/shadow/get', true, true],
  ['$aws/things/t/shadow/get/accepted', false, true],
  ['$aws/things/t/shadow/name/s/update', true, true],
  ['$aws/things/t/shadow/name/s/update/delta', false, true],
  ['$aws/things/t/jobs/start-next', true, true],
  ['$aws/things/t/jobs/$next/get', true, true],
  ['$aws/things/t/jobs/j/update', true, true],
  ['$aws/things/t/jobs/notify', false, true],
  ['$aws/certificates/create/json', true, true],
  ['$aws/certificates/create', false, true],
  ['$aws/certificates/create-from-csr/cbor', true, true],
  ['$aws/certificates/create/json/accepted', false, true],
  ['$aws/provisioning-templates/p/provision/cbor', true, true],
  ['$aws/provisioning-templates/p/provision/xml', false, true],
  ['$aws/rules/r', true, false],
  ['$aws/rules/r/a/b', true, false],
  ['$aws/rules', false, false],
  ['$aws/things/t/defender/metrics/json', true, true],
  ['$aws/things/t/tunnels/notify', false, true],
  ['$aws/things/t/streams/s/get/json', true, true],
  ['$aws/things/t/streams/s/data/json', false, true],
  ['$aws/events/presence/connected/c', false, true],
  ['$aws/commands/things/t/executions/e/response/json', true, true],
  ['$aws/things/t', false, false],
  ['$aws/things/t/other', false, false],
  ['$aws/', false, false],
  ['$AWS/things/t/shadow/get', false, false],
  ['$SYS/broker', false, false],
  ['$', false, false],
]

for (const [topic, publish, subscribe] of RIGHTS) {
  test(`${topic}: ${publish ? 'publish' : 'do not publish'}, ${subscribe ? 'subscribe' : 'do not subscribe'}`, () => {
    assert.equal(isPublishable(topic, EVERYTHING), publish)
    assert.equal(isSubscribable(topic, EVERYTHING), subscribe)
    assert.ok(!isPublishable(topic, new Set()))
    assert.ok(!isSubscribable(topic, new Set()))
  })
}

test('a filter is allowed when it can match something that is', () => {
  const shadow: ReadonlySet<ReservedService> = new Set(['shadow'])
  for (const filter of ['$aws/#', '$aws/+/+/shadow/+/accepted', '$aws/things/t/+/get/+', '$aws/things/+/shadow/#']) {
    assert.ok(isSubscribable(filter, shadow), filter)
  }
  for (const filter of ['$aws/+', '$aws/things/+/jobs/#', '$aws/+/+/jobs/+', '$+/things/#', '$aws/events/#']) {
    assert.ok(!isSubscribable(filter, shadow), filter)
  }
})

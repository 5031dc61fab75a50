import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@birthmark/foundation/kernel'
import { connectedEvent, connectFailedEvent, disconnectedEvent, PresenceVersions, subscriptionEvent } from './index.ts'

const FACTS = {
  clientId: 'd1',
  at: instant(1_573_002_230_757),
  sessionIdentifier: 'b8b5b1f0-0000-4000-8000-000000000000',
  principalIdentifier: 'a'.repeat(64),
  ipAddress: '192.0.2.1',
  thingName: undefined,
}
const IDS = { sessionIdentifier: FACTS.sessionIdentifier, principalIdentifier: FACTS.principalIdentifier }

test('connected and disconnected carry what AWS documents', () => {
  assert.deepEqual(connectedEvent({ ...FACTS, thingName: 'press' }, 3), {
    topic: '$aws/events/presence/connected/d1',
    payload: {
      clientId: 'd1',
      thingName: 'press',
      timestamp: 1_573_002_230_757,
      eventType: 'connected',
      ...IDS,
      ipAddress: '192.0.2.1',
      versionNumber: 3,
    },
  })
  assert.deepEqual(disconnectedEvent(FACTS, 'CLIENT_INITIATED_DISCONNECT', 3), {
    topic: '$aws/events/presence/disconnected/d1',
    payload: {
      clientId: 'd1',
      timestamp: 1_573_002_230_757,
      eventType: 'disconnected',
      ...IDS,
      clientInitiatedDisconnect: true,
      disconnectReason: 'CLIENT_INITIATED_DISCONNECT',
      versionNumber: 3,
    },
  })
  assert.equal(disconnectedEvent(FACTS, 'CONNECTION_LOST', 0)?.payload['clientInitiatedDisconnect'], false)
})

test('refusals and subscriptions have topics of their own', () => {
  const failed = connectFailedEvent(FACTS)
  assert.equal(failed?.topic, '$aws/events/presence/connect_failed/d1')
  assert.equal(failed?.payload['connectFailureReason'], 'AUTHORIZATION_FAILED')
  assert.deepEqual(subscriptionEvent({ ...FACTS, what: 'unsubscribed', topics: ['a/b', 'c/+'] }), {
    topic: '$aws/events/subscriptions/unsubscribed/d1',
    payload: { clientId: 'd1', timestamp: FACTS.at, eventType: 'unsubscribed', ...IDS, topics: ['a/b', 'c/+'] },
  })
})

test('a client id that no topic can carry has no events', () => {
  for (const clientId of ['a#', '+', 'a/+/b']) assert.equal(connectedEvent({ ...FACTS, clientId }, 0), undefined)
})

test('connections of a client id are numbered, until it was away for an hour', () => {
  const versions = new PresenceVersions(2)
  assert.equal(versions.connected('a', instant(0)), 0)
  assert.equal(versions.connected('a', instant(10)), 1, 'taken over')
  versions.disconnected('a', instant(10))
  versions.disconnected('a', instant(20))
  assert.equal(versions.connected('a', instant(3_600_019)), 2)
  versions.disconnected('a', instant(4_000_000))
  assert.equal(versions.connected('a', instant(7_600_000)), 0)
  for (const other of ['b', 'c']) versions.connected(other, instant(7_600_000))
  assert.equal(versions.connected('a', instant(7_600_001)), 0, 'forgotten: two others came since')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRONT_LIMITS } from '@birthmark/cloud/front'
import { AWS_PROFILE, STANDARD_PROFILE } from '@birthmark/cloud/mqtt'
import { RETAINED_LIMITS } from '@birthmark/cloud/retained'
import { SESSION_LIMITS } from '@birthmark/cloud/sessions'
import { isFault } from '@birthmark/foundation/kernel'
import { brokerProfile, frontLimits, parseLimits, retainedLimits } from './broker-settings.ts'
import { LIMITS } from './limit-table.ts'

test('every limit of the broker has a name by which it is set', () => {
  const named = (of: string): string[] => LIMITS.filter((row) => row.of === of).map(({ member }) => member)
  const numbers = (limits: object): string[] =>
    Object.entries(limits).flatMap(([name, value]) => (typeof value === 'number' ? [name] : []))
  assert.deepEqual(
    named('profile').toSorted(),
    numbers(AWS_PROFILE)
      .filter((name) => name !== 'qosMax')
      .toSorted(),
  )
  assert.deepEqual(named('front').toSorted(), numbers(FRONT_LIMITS).toSorted())
  assert.deepEqual(named('sessions').toSorted(), numbers(SESSION_LIMITS).toSorted())
  assert.deepEqual(named('retained').toSorted(), numbers(RETAINED_LIMITS).toSorted())
  assert.equal(new Set(LIMITS.map(({ name }) => name)).size, LIMITS.length)
})

test('each one is set, and unlimited is as much as MQTT can say', () => {
  const seven = parseLimits(LIMITS.map(({ name }) => `${name}=7`))
  const profile = brokerProfile({ limits: seven })
  for (const { of, member } of LIMITS) {
    const value = of === 'profile' ? profile[member] : Reflect.get(seven[of], member)
    assert.equal(value, 7, member)
  }
  assert.deepEqual(frontLimits({ limits: seven }), seven.front)
  const most = parseLimits(LIMITS.map(({ name }) => `${name}=unlimited`))
  assert.equal(most.profile.inboundInflightMax, 65_535)
  assert.equal(most.profile.publishesInPerSecond, Number.POSITIVE_INFINITY)
})

test('the last of several values counts, and the session expiry has an option of its own', () => {
  const limits = parseLimits(['subscriptions=1', 'subscriptions=2'])
  assert.equal(brokerProfile({ limits, profile: 'standard', sessionExpiry: 60 }).subscriptionsMax, 2)
  assert.equal(brokerProfile({ sessionExpiry: 60 }).sessionExpiryMax, 60)
  assert.equal(brokerProfile({}).name, AWS_PROFILE.name)
  assert.deepEqual(brokerProfile({ profile: 'standard' }), STANDARD_PROFILE)
  assert.equal(frontLimits({}).connectsPerClientPerSecond, undefined)
  assert.equal(frontLimits({ profile: 'standard' }).connectsPerClientPerSecond, Number.POSITIVE_INFINITY)
  assert.deepEqual(retainedLimits({ profile: 'standard', limits: parseLimits(['retained-per-second=9']) }), {
    perTopicPerSecond: Number.POSITIVE_INFINITY,
    perSecond: 9,
  })
})

test('what is no limit, or no value of one, is refused by name', () => {
  for (const text of ['', 'speed=1', 'SUBSCRIPTIONS=1']) {
    assert.throws(
      () => parseLimits([text]),
      (error) => isFault(error, 'LIMIT_UNKNOWN'),
    )
  }
  const bad = ['subscriptions', 'subscriptions=', 'subscriptions=-1', 'subscriptions=1.5', 'subscriptions=1e3']
  for (const text of [...bad, 'subscriptions=1=2', 'publishes-in-per-second=0']) {
    assert.throws(
      () => parseLimits([text]),
      (error) => isFault(error, 'LIMIT_VALUE_INVALID'),
    )
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AWS_PROFILE, parseTopicFilter } from '@birthmark/cloud/mqtt'
import { decodeUtf8 } from '@birthmark/foundation/kernel'
import { closed, connected } from './testing/mqtt-client.ts'
import { commit, DEVICE_POLICY, idOf, now, openTestCloud, policyRecord } from './testing/test-cloud.ts'

for (const protocolVersion of [4, 5] as const) {
  test(`version ${protocolVersion}: the first connection provisions, the second is let in`, async (context) => {
    const cloud = await openTestCloud(context)
    const device = await cloud.device('press-7')

    const end = await closed(cloud.client(device, { clientId: 'press-7', protocolVersion }))
    assert.equal(end.code, undefined, 'no CONNACK and no DISCONNECT, as at AWS IoT')
    const first = await cloud.attemptWith('PROVISIONED_FIRST_CONNECTION')
    assert.equal(first.outcome, 'refused')
    assert.equal(first.clientId, 'press-7')
    assert.equal(first.certificateId, device.certificate.fingerprint)
    assert.equal(first.sni, 'localhost')
    assert.match(first.cause?.reason ?? '', /thing press-7, certificate ACTIVE/)
    const steps = new Set(first.steps.map(({ step }) => step))
    assert.deepEqual(
      [...steps],
      ['tls', 'client-certificate', 'certificate-status', 'issuer', 'connect', 'provisioning', 'end'],
    )

    const client = cloud.client(device, { clientId: 'press-7', protocolVersion })
    assert.equal((await connected(client)).sessionPresent, false)
    await client.endAsync()
    await cloud.untilLogged('front.connection', ({ outcome }) => outcome === 'ended')
    const [second] = cloud.front.attempts.list({ clientId: 'press-7', limit: 1 })
    assert.equal(second?.outcome, 'ended')
    assert.equal(second.cause, undefined)
  })
}

test('where first connections are inline, the first CONNECT succeeds', async (context) => {
  const cloud = await openTestCloud(context, { firstConnection: 'inline' })
  const device = await cloud.device('press-7')
  const client = cloud.client(device, { clientId: 'press-7' })
  await connected(client)
  await client.publishAsync('dt/press-7/x', 'here', { qos: 1 })
  assert.equal((await cloud.scoped.certificate(idOf(device.certificate)))?.status, 'ACTIVE')
})

test('several first connections of one device at once provision it once', async (context) => {
  const cloud = await openTestCloud(context)
  const device = await cloud.device('press-7')
  // One that comes late finds the device provisioned and is let in.
  const clients = Array.from({ length: 4 }, () => connected(cloud.client(device, { clientId: 'press-7' })))
  await Promise.allSettled(clients)
  assert.equal((await cloud.scoped.thingsOfPrincipal(idOf(device.certificate))).length, 1)
  assert.equal((await cloud.scoped.certificate(idOf(device.certificate)))?.status, 'ACTIVE')
  await connected(cloud.client(device, { clientId: 'press-7' }))
})

test('without a template a certificate is registered, and announced until it is activated', async (context) => {
  const cloud = await openTestCloud(context)
  const caId = idOf(cloud.ca.certificate)
  await commit(cloud.scoped, [{ do: 'update-ca', id: caId, registrationConfig: null, at: now() }])
  const device = await cloud.device('press-7')
  const id = idOf(device.certificate)
  const events: unknown[] = []
  cloud.bus.subscribe(
    parseTopicFilter('$aws/events/certificates/registered/#', AWS_PROFILE),
    {
      connectionId: undefined,
      deliver: ({ message }) => void events.push(JSON.parse(decodeUtf8(message.payload) ?? '')),
    },
    { qos: 1, noLocal: false },
  )
  for (const count of [1, 2]) {
    await closed(cloud.client(device, { clientId: 'press-7' }))
    await cloud.attemptWith('REGISTERED_PENDING_ACTIVATION')
    assert.equal(events.length, count)
  }
  assert.partialDeepStrictEqual(events[0], {
    certificateId: id,
    caCertificateId: caId,
    certificateStatus: 'PENDING_ACTIVATION',
    awsAccountId: '111122223333',
  })
  await commit(cloud.scoped, [
    { do: 'set-certificate-status', id, from: ['PENDING_ACTIVATION'], to: 'ACTIVE', at: now() },
  ])
  await closed(cloud.client(device, { clientId: 'press-7' }))
  await cloud.attemptWith('NO_POLICY_ATTACHED')
})

test('a template that cannot be followed is named, and the device comes in once it can', async (context) => {
  const cloud = await openTestCloud(context)
  await commit(cloud.scoped, [{ do: 'delete-policy', name: 'device' }])
  const device = await cloud.device('press-7')
  await closed(cloud.client(device, { clientId: 'press-7' }))
  const { cause } = await cloud.attemptWith('PROVISIONING_FAILED')
  assert.match(cause?.reason ?? '', /policy device of the template does not exist/)
  assert.match(cause?.remedy ?? '', /Create the policy/)
  assert.equal((await cloud.scoped.certificate(idOf(device.certificate)))?.status, 'PENDING_ACTIVATION')
  await commit(cloud.scoped, [{ do: 'create-policy', policy: policyRecord('device', DEVICE_POLICY) }])
  await closed(cloud.client(device, { clientId: 'press-7' }))
  await connected(cloud.client(device, { clientId: 'press-7' }))
})

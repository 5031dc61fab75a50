import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LocalBus } from '@birthmark/cloud/bus'
import { AWS_PROFILE, type Delivery, parseTopicFilter } from '@birthmark/cloud/mqtt'
import type { Scope } from '@birthmark/cloud/registry'
import { systemEntropy } from '@birthmark/foundation/system'
import type { MqttClient } from 'mqtt'
import { makeCa } from './testing/pki.ts'
import {
  caRecord,
  certificateRecord,
  commit,
  now,
  openTestCloud,
  policyRecord,
  type TestCloud,
} from './testing/test-cloud.ts'

/*
 * One front, three scopes: the default one, another account, and another region of the default account. The server name
 * decides.
 */

const HERE: Scope = { account: '111122223333', region: 'eu-central-1' }
const OTHER: Scope = { account: '444455556666', region: 'eu-central-1' }
const REGION: Scope = { account: '111122223333', region: 'us-east-1' }
const OTHER_NAME = 'a1-ats.iot.eu-central-1.localhost'
const REGION_NAME = 'a2-ats.iot.us-east-1.localhost'
const ALLOW_ALL = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
})

interface Accounts {
  readonly cloud: TestCloud
  readonly buses: ReadonlyMap<string, LocalBus>
}

async function openAccounts(context: TestContext): Promise<Accounts> {
  const byName = new Map([
    [OTHER_NAME, OTHER],
    [REGION_NAME, REGION],
    ['localhost', HERE],
  ])
  const buses = new Map([HERE, OTHER, REGION].map((scope) => [keyOf(scope), new LocalBus(AWS_PROFILE, systemEntropy)]))
  const cloud = await openTestCloud(context, {
    names: { defaultScope: HERE, scopeOf: (name) => byName.get(name) },
    busOf: (scope) => buses.get(keyOf(scope)) ?? assert.fail('no such scope'),
  })
  for (const [index, scope] of [HERE, OTHER, REGION].entries()) {
    const open = { do: 'open-scope', endpointPrefix: `a${index}`, at: now() } as const
    await commit(cloud.registry.in(scope), [open, { do: 'create-policy', policy: policyRecord('all', ALLOW_ALL) }])
  }
  return { cloud, buses }
}

function keyOf({ account, region }: Scope): string {
  return `${account}/${region}`
}

function connected(client: MqttClient): Promise<unknown> {
  return new Promise((resolve) => client.once('connect', resolve))
}

test('one certificate is a device of its own in each account, and the server name chooses', async (context) => {
  const { cloud, buses } = await openAccounts(context)
  const device = await cloud.device('press-7')
  const record = certificateRecord(device.certificate, { mode: 'SNI_ONLY' })
  for (const scope of [OTHER, REGION]) {
    await commit(cloud.registry.in(scope), [
      { do: 'register-certificate', certificate: record },
      { do: 'attach-policy', policyName: 'all', certificateId: record.id },
    ])
  }
  const heard: string[] = []
  for (const [key, bus] of buses) {
    const receiver = {
      connectionId: undefined,
      deliver: ({ message }: Delivery) => void heard.push(`${key} ${message.topic}`),
    }
    bus.subscribe(parseTopicFilter('#', AWS_PROFILE), receiver, { qos: 0, noLocal: false })
  }
  for (const [serverName, topic] of [
    [OTHER_NAME, 'other'],
    [REGION_NAME, 'region'],
  ] as const) {
    const client = cloud.client(device, { serverName, clientId: 'press-7' })
    await connected(client)
    await client.publishAsync(topic, 'x', { qos: 1 })
  }
  assert.deepEqual(heard, [`${keyOf(OTHER)} other`, `${keyOf(REGION)} region`])
  const [latest] = cloud.front.attempts.list({ scope: REGION })
  assert.deepEqual([latest?.account, latest?.region], [REGION.account, REGION.region])
  assert.equal(cloud.front.attempts.list({ scope: HERE }).length, 0)
})

test('a change in one account does not end a session in another', async (context) => {
  const { cloud } = await openAccounts(context)
  const device = await cloud.device('press-7')
  const record = certificateRecord(device.certificate)
  for (const scope of [OTHER, REGION]) {
    await commit(cloud.registry.in(scope), [
      { do: 'register-certificate', certificate: record },
      { do: 'attach-policy', policyName: 'all', certificateId: record.id },
    ])
  }
  const stays = cloud.client(device, { serverName: OTHER_NAME, clientId: 'press-7' })
  const ends = cloud.client(device, { serverName: REGION_NAME, clientId: 'press-7' })
  await Promise.all([connected(stays), connected(ends)])
  const revoke = { do: 'set-certificate-status', id: record.id, from: ['ACTIVE'], to: 'REVOKED', at: now() } as const
  const ended = new Promise((resolve) => ends.once('close', () => resolve(undefined)))
  await commit(cloud.registry.in(REGION), [revoke])
  await ended
  await stays.publishAsync('still', 'here', { qos: 1 })
})

test('a device that comes to the wrong name is told where it is known', async (context) => {
  const { cloud } = await openAccounts(context)
  const device = await cloud.device('press-8')
  const record = certificateRecord(device.certificate)
  await commit(cloud.registry.in(REGION), [{ do: 'register-certificate', certificate: record }])
  cloud.client(device, { serverName: OTHER_NAME, clientId: 'x' })
  const registered = await cloud.attemptWith('CERTIFICATE_ELSEWHERE')
  assert.match(registered.cause?.reason ?? '', /is registered in another account, not here/)
  assert.equal(registered.account, OTHER.account)

  const stranger = await cloud.device('press-9')
  cloud.client(stranger, { serverName: REGION_NAME, clientId: 'x' })
  const issuer = await cloud.attemptWith('ISSUER_ELSEWHERE')
  assert.match(issuer.cause?.reason ?? '', /the CA that issued it is registered in region eu-central-1, not here/)
})

test('a CA of another account provisions there and nowhere else', async (context) => {
  const { cloud } = await openAccounts(context)
  const ca = await makeCa(cloud.root)
  await commit(cloud.registry.in(OTHER), [
    { do: 'register-ca', ca: caRecord(ca.certificate, { registrationConfig: undefined }) },
  ])
  const device = await cloud.device('press-10')
  cloud.client(device, { serverName: 'localhost', clientId: 'x' })
  await cloud.attemptWith('PROVISIONED_FIRST_CONNECTION')
  assert.equal((await cloud.registry.in(OTHER).certificates({ limit: 10 })).rows.length, 0)
  assert.equal((await cloud.scoped.certificates({ limit: 10 })).rows.length, 1)
})

test('a certificate in transfer lets nobody in, and its new account when it was accepted', async (context) => {
  const { cloud } = await openAccounts(context)
  const here = cloud.registry.in(HERE)
  const there = cloud.registry.in(OTHER)
  const device = await cloud.device('press-11')
  const record = certificateRecord(device.certificate, { status: 'INACTIVE' })
  await commit(here, [{ do: 'register-certificate', certificate: record }])
  const { id } = record
  const [message, at] = ['yours', now()]
  const sent = await here.commitWith([{ do: 'send-certificate', id, toAccount: OTHER.account, message, at }], {
    scope: OTHER,
    changes: [
      {
        do: 'receive-certificate',
        certificate: { ...record, status: 'PENDING_TRANSFER' },
        fromAccount: HERE.account,
        message,
        at,
      },
    ],
  })
  assert.deepEqual(sent, { ok: true })
  for (const [serverName, scope] of [
    ['localhost', HERE],
    [OTHER_NAME, OTHER],
  ] as const) {
    const client = cloud.client(device, { serverName, clientId: 'press-11' })
    await new Promise((resolve) => client.once('close', () => resolve(undefined)))
    while (cloud.front.attempts.list({ scope }).length === 0) await new Promise((resolve) => void setImmediate(resolve))
    assert.equal(cloud.front.attempts.list({ scope })[0]?.cause?.code, 'CERTIFICATE_PENDING_TRANSFER')
  }
  const accepted = await there.commitWith(
    [
      { do: 'accept-certificate', id, active: true, at: now() },
      { do: 'attach-policy', policyName: 'all', certificateId: id },
    ],
    { scope: HERE, changes: [{ do: 'remove-transferred', id }] },
  )
  assert.deepEqual(accepted, { ok: true })
  await connected(cloud.client(device, { serverName: OTHER_NAME, clientId: 'press-11' }))
})

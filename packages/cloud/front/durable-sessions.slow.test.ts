import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { AWS_PROFILE } from '@birthmark/cloud/mqtt'
import type { SessionChange, SessionStore } from '@birthmark/cloud/sessions'
import { openSqliteSessions } from '@birthmark/cloud/sessions/sqlite'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import type { IClientOptions, IConnackPacket, MqttClient } from 'mqtt'
import { closed, connected, Inbox } from './testing/mqtt-client.ts'
import type { TestIdentity } from './testing/pki.ts'
import { ARN, commit, idOf, now, openTestCloud, policyRecord, type TestCloud } from './testing/test-cloud.ts'

/** A device whose session outlives its connections, and another that publishes. */
interface Parts {
  readonly cloud: TestCloud
  readonly device: TestIdentity
  readonly publisher: MqttClient
}

type Version = 4 | 5
const VERSIONS: readonly Version[] = [4, 5]

async function parts(context: TestContext): Promise<Parts> {
  const cloud = await openTestCloud(context)
  const [device, other] = await Promise.all([cloud.registeredDevice('press-1'), cloud.registeredDevice('press-2')])
  const publisher = cloud.client(other, { clientId: 'press-2' })
  await connected(publisher)
  return { cloud, device, publisher }
}

interface Live {
  readonly client: MqttClient
  readonly inbox: Inbox
  readonly connack: IConnackPacket
}

/** Connects with a session that lasts for a minute. */
async function resume(
  { cloud, device }: Pick<Parts, 'cloud' | 'device'>,
  version: Version,
  options: IClientOptions = {},
): Promise<Live> {
  const client = cloud.client(device, {
    clientId: 'press-1',
    protocolVersion: version,
    clean: false,
    ...(version === 5 && { properties: { sessionExpiryInterval: 60 } }),
    ...options,
  })
  const inbox = new Inbox(client)
  return { client, inbox, connack: await connected(client) }
}

/** Goes without a word, and waits until the cloud knows. */
async function vanish({ cloud }: Parts, { client }: Live): Promise<void> {
  const lost = cloud.untilLogged('front.connection', ({ code }) => code === 'CONNECTION_LOST')
  client.stream.destroy()
  await lost
}

for (const version of VERSIONS) {
  test(`version ${version}: what is published while a client is away waits for it, in its order`, async (context) => {
    const all = await parts(context)
    const first = await resume(all, version)
    assert.equal(first.connack.sessionPresent, false)
    await first.client.subscribeAsync('all/+', { qos: 1 })
    await first.client.endAsync()
    const texts = Array.from({ length: 110 }, (_, index) => `message ${index}`)
    for (const text of texts) await all.publisher.publishAsync('all/news', text, { qos: 1 })
    await all.publisher.publishAsync('all/news', 'QoS 0 is for those who are there', { qos: 0 })

    const second = await resume(all, version)
    assert.equal(second.connack.sessionPresent, true)
    assert.deepEqual(await second.inbox.until(110), texts)
    await all.publisher.publishAsync('all/news', 'live', { qos: 0 })
    assert.equal((await second.inbox.until(111)).at(-1), 'live')
    await second.client.endAsync()

    const third = await resume(all, version)
    await all.publisher.publishAsync('all/news', 'the only one', { qos: 1 })
    assert.deepEqual(await third.inbox.until(1), ['the only one'])
  })

  test(`version ${version}: what was not acknowledged comes again on the next connection`, async (context) => {
    const all = await parts(context)
    const first = await resume(all, version)
    await first.client.subscribeAsync('all/+', { qos: 1 })
    first.client.handleMessage = () => undefined
    const sent = new Promise((resolve) => void first.client.once('packetreceive', resolve))
    await all.publisher.publishAsync('all/news', 'twice', { qos: 1 })
    await sent
    await vanish(all, first)
    const { inbox, client } = await resume(all, version)
    assert.deepEqual(await inbox.until(1), ['twice'])
    await client.endAsync()
    const third = await resume(all, version)
    await all.publisher.publishAsync('all/news', 'new', { qos: 1 })
    assert.deepEqual(await third.inbox.until(1), ['new'])
  })

  test(`version ${version}: a clean start forgets what was kept`, async (context) => {
    const all = await parts(context)
    const first = await resume(all, version)
    await first.client.subscribeAsync('all/+', { qos: 1 })
    await first.client.endAsync()
    await all.publisher.publishAsync('all/news', 'forgotten', { qos: 1 })
    const clean = await resume(all, version, { clean: true })
    assert.equal(clean.connack.sessionPresent, false)
    await clean.client.endAsync()
    const { connack, inbox, client } = await resume(all, version)
    // In 5.0 a session can begin clean and last; in 3.1.1 it ends with the connection.
    assert.equal(connack.sessionPresent, version === 5)
    await client.subscribeAsync('all/other', { qos: 1 })
    await all.publisher.publishAsync('all/news', 'nobody asked', { qos: 1 })
    await all.publisher.publishAsync('all/other', 'asked', { qos: 1 })
    assert.deepEqual(await inbox.until(1), ['asked'])
  })

  test(`version ${version}: unsubscribing lasts, and a take-over keeps the session`, async (context) => {
    const all = await parts(context)
    const first = await resume(all, version)
    await first.client.subscribeAsync(['all/a', 'all/b'], { qos: 1 })
    await first.client.unsubscribeAsync('all/a')
    const end = closed(first.client)
    const second = await resume(all, version)
    await end
    assert.equal(second.connack.sessionPresent, true)
    await all.publisher.publishAsync('all/a', 'no', { qos: 1 })
    await all.publisher.publishAsync('all/b', 'yes', { qos: 1 })
    assert.deepEqual(await second.inbox.until(1), ['yes'])
  })

  test(`version ${version}: what waits is judged by the policies of whoever comes for it`, async (context) => {
    const all = await parts(context)
    const first = await resume(all, version)
    await first.client.subscribeAsync(['all/+', 'dt/press-1/+'], { qos: 1 })
    await first.client.endAsync()
    await all.publisher.publishAsync('all/secret', 'for the old certificate', { qos: 1 })
    await all.publisher.publishAsync('all/open', 'for both', { qos: 1 })
    const { cloud } = all
    const statement = [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
      { Effect: 'Allow', Action: 'iot:Receive', Resource: `${ARN}topic/all/open` },
    ]
    const document = JSON.stringify({ Version: '2012-10-17', Statement: statement })
    const successor = await cloud.registeredDevice('press-1-again')
    const certificateId = idOf(successor.certificate)
    await commit(cloud.scoped, [
      {
        do: 'set-certificate-status',
        id: idOf(all.device.certificate),
        from: ['ACTIVE'],
        to: 'REVOKED',
        at: now(),
      },
      { do: 'create-policy', policy: policyRecord('few', document) },
      { do: 'detach-policy', policyName: 'device', certificateId },
      { do: 'attach-policy', policyName: 'few', certificateId },
    ])
    const second = await resume({ cloud, device: successor }, version)
    assert.equal(second.connack.sessionPresent, true)
    assert.deepEqual(await second.inbox.until(1), ['for both'])
    await all.publisher.publishAsync('all/open', 'last', { qos: 1 })
    assert.deepEqual(await second.inbox.until(2), ['for both', 'last'])
  })
}

test('without time for sessions, clients are told that theirs ends with the connection', async (context) => {
  const cloud = await openTestCloud(context, { profile: { ...AWS_PROFILE, sessionExpiryMax: 0 } })
  const all = { cloud, device: await cloud.registeredDevice('press-1') }
  const { client, connack } = await resume(all, 5)
  assert.equal(connack.properties?.sessionExpiryInterval, 0)
  await client.endAsync()
  for (const version of VERSIONS) {
    const again = await resume(all, version)
    assert.equal(again.connack.sessionPresent, false)
    await again.client.endAsync()
  }
})

test('a session of one version is not resumed with the other', async (context) => {
  const all = await parts(context)
  const first = await resume(all, 4)
  await first.client.subscribeAsync('all/+', { qos: 1 })
  await first.client.endAsync()
  const second = await resume(all, 5)
  assert.equal(second.connack.sessionPresent, false)
})

test('a DISCONNECT of version 5 ends the session, or lets it live', async (context) => {
  const all = await parts(context)
  const first = await resume(all, 5)
  await first.client.subscribeAsync('all/+', { qos: 1 })
  await first.client.endAsync(false, { properties: { sessionExpiryInterval: 120 } })
  const second = await resume(all, 5)
  assert.equal(second.connack.sessionPresent, true)
  await second.client.endAsync(false, { properties: { sessionExpiryInterval: 0 } })
  assert.equal((await resume(all, 5)).connack.sessionPresent, false)
})

test('an operator ends a connection, and its session if asked to', async (context) => {
  const all = await parts(context)
  const { front, scoped } = all.cloud
  for (const [cleanSession, isPresent] of [
    [false, true],
    [true, false],
  ] as const) {
    const { client } = await resume(all, 5)
    const end = closed(client)
    assert.ok(front.endConnection(scoped.scope, 'press-1', { cleanSession }))
    assert.equal((await end).code, 0x98)
    const { connack, client: next } = await resume(all, 5)
    assert.equal(connack.sessionPresent, isPresent)
    await next.endAsync()
  }
  assert.ok(!front.endConnection(scoped.scope, 'nobody', { cleanSession: true }))
  await all.cloud.attemptWith('CONNECTION_DELETED')
})

test('a will with a delay waits for the client to come back', async (context) => {
  const all = await parts(context)
  const inbox = new Inbox(all.publisher)
  await all.publisher.subscribeAsync('all/wills', { qos: 1 })
  const will = { topic: 'all/wills', payload: Buffer.from('gone'), qos: 1 as const, retain: false }
  const first = await resume(all, 5, { will: { ...will, properties: { willDelayInterval: 1 } } })
  await vanish(all, first)
  const second = await resume(all, 5, { will: { ...will, properties: { willDelayInterval: 1 } } })
  // The will of the first connection is gone with its return; this one's comes.
  second.client.stream.destroy()
  assert.deepEqual(await inbox.until(1), ['gone'])
  const third = await resume(all, 5)
  await third.client.publishAsync('all/wills', 'end', { qos: 1 })
  assert.deepEqual(await inbox.until(2), ['gone', 'end'])
})

test('a shared subscription keeps messages for members that are away', async (context) => {
  const all = await parts(context)
  const statement = { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `${ARN}topicfilter/$share/crew/all/+` }
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
  const certificateId = idOf(all.device.certificate)
  await commit(all.cloud.scoped, [
    { do: 'create-policy', policy: policyRecord('crew', document) },
    { do: 'attach-policy', policyName: 'crew', certificateId },
  ])
  const first = await resume(all, 4)
  await first.client.subscribeAsync('$share/crew/all/+', { qos: 1 })
  await first.client.endAsync()
  await all.publisher.publishAsync('all/work', 'kept', { qos: 1 })
  const second = await resume(all, 4)
  assert.deepEqual(await second.inbox.until(1), ['kept'])
})

test('sessions that end with their connection never touch the disk, and are told that they do', async (context) => {
  const disk = await scratchStore(context)
  const written: string[] = []
  const write = (change: SessionChange): Promise<void> => {
    written.push(change.do)
    return disk.write(change)
  }
  const store = { ...methodsOf(disk), write }
  const cloud = await openTestCloud(context, { sessions: { store, limits: { sessionsMax: 0 } } })
  const { client, connack, inbox } = await resume({ cloud, device: await cloud.registeredDevice('press-1') }, 5)
  assert.deepEqual([connack.sessionPresent, connack.properties?.sessionExpiryInterval], [false, 0])
  await client.subscribeAsync('all/+', { qos: 1 })
  await client.publishAsync('all/news', 'in memory', { qos: 1 })
  assert.deepEqual(await inbox.until(1), ['in memory'])
  assert.deepEqual(written, [])
})

test('what cannot be kept is not promised: no CONNACK, no SUBACK, no PUBACK', async (context) => {
  let isFull = false
  const disk = await scratchStore(context)
  const refuse = (): Promise<void> => {
    const refusal = Promise.reject(new Error('no space is left'))
    refusal.catch(() => undefined)
    return refusal
  }
  const write = (change: SessionChange): Promise<void> => (isFull ? refuse() : disk.write(change))
  const store = { ...methodsOf(disk), write }
  const cloud = await openTestCloud(context, { sessions: { store } })
  const all = { cloud, device: await cloud.registeredDevice('press-1') }
  const publisher = cloud.client(await cloud.registeredDevice('press-2'), { clientId: 'press-2', protocolVersion: 5 })
  await connected(publisher)
  const first = await resume(all, 5)
  await first.client.subscribeAsync('all/+', { qos: 1 })
  isFull = true
  const end = closed(first.client)
  await assert.rejects(publisher.publishAsync('all/news', 'not kept', { qos: 1 }), /Unspecified error/)
  await assert.rejects(first.client.subscribeAsync('all/a/+', { qos: 1 }))
  await end
  await assert.rejects(resume(all, 5), /closed before/)
  await cloud.attemptWith('SERVER_ERROR')
  isFull = false
  const { connack, inbox } = await resume(all, 5)
  assert.equal(connack.sessionPresent, true)
  await publisher.publishAsync('all/news', 'kept', { qos: 1 })
  assert.deepEqual(await inbox.until(1), ['kept'])
})

async function scratchStore(context: TestContext): Promise<SessionStore> {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-'))
  const store = openSqliteSessions({ folder, clock: systemClock, log: silentLog })
  context.after(async () => {
    store.close()
    await rm(folder, { recursive: true })
  })
  return store
}

/** Gives a store's methods one by one, to put others in their place. */
function methodsOf(store: SessionStore): SessionStore {
  return {
    get counts() {
      return store.counts
    },
    restore: () => store.restore(),
    newId: () => store.newId(),
    write: (change) => store.write(change),
    read: (...which) => store.read(...which),
    dropExpired: (...which) => store.dropExpired(...which),
    close: () => store.close(),
  }
}

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { CreatePolicyVersionCommand, DeletePolicyVersionCommand, UpdateCertificateCommand } from '@aws-sdk/client-iot'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { readAttempts } from 'birthmark/parts'
import { connect, type IClientOptions, type MqttClient } from 'mqtt'
import { untilNoProcessNames } from '../testkit/running.ts'
import { type FileDevice, type RunningCloud, startRunningCloud } from '../testkit/running-cloud.ts'
import { processWithPeer, workersOf } from '../testkit/worker-processes.ts'

/** Two workers, real clients: what is true of one process is true of two. */

let cloud: RunningCloud
let device: FileDevice
const clients = new Set<MqttClient>()

before(async () => {
  cloud = await startRunningCloud(undefined, { workers: 2, 'metrics-port': 0 })
  await cloud.createPolicy('everything', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
  device = await cloud.newDevice('press', 'everything')
})

after(async () => {
  for (const client of clients) client.end(true)
  await cloud.close()
})

test('a message reaches subscribers in both workers, once, and the SUBACK was not too early', async () => {
  const [left, right] = await onBoth('reader')
  const heard = [left, right].map((client) => record(client))
  for (let round = 0; round < 20; round += 1) {
    const topic = `across/${round}`
    for (const client of [left, right]) await client.subscribeAsync(topic, { qos: 1 })
    for (const [index, client] of [left, right].entries()) {
      await client.publishAsync(topic, `${round}-${index}-0`)
      await client.publishAsync(topic, `${round}-${index}-1`, { qos: 1 })
    }
  }
  const expected = Array.from({ length: 20 }, (_, round) =>
    ['0-0', '0-1', '1-0', '1-1'].map((rest) => `${round}-${rest}`),
  ).flat()
  for (const texts of heard) {
    await until(() => texts.length >= expected.length)
    assert.deepEqual(texts.toSorted(), expected.toSorted())
  }
})

test('what is retained by one worker is there for a subscriber of the other', async () => {
  const [left, right] = await onBoth('keeper')
  await left.publishAsync('kept/here', 'stays', { qos: 1, retain: true })
  const texts = record(right)
  await right.subscribeAsync('kept/here', { qos: 1 })
  await until(() => texts.length > 0)
  assert.deepEqual(texts, ['stays'])
})

test('a client that comes to the other worker takes its session along, and the connection before is told', async () => {
  const workers = workersOf(cloud.process.pid)
  const first = await open('mover', { clean: false, properties: { sessionExpiryInterval: 600 } })
  await first.subscribeAsync('to/mover', { qos: 1 })
  const reason = new Promise<number | undefined>((resolve) => {
    first.once('disconnect', (packet) => resolve(packet.reasonCode))
  })
  const ended = closing(first)
  const from = workerOf(first, workers)
  let moved: MqttClient | undefined
  let isPresent = false
  while (moved === undefined || workerOf(moved, workers) === from) {
    moved?.end(true)
    moved = await open('mover', { clean: false, properties: { sessionExpiryInterval: 600 } })
    isPresent = presence.get(moved) === true
  }
  await ended
  assert.equal(await reason, 0x8e)
  assert.ok(isPresent)
  const texts = record(moved)
  const [left, right] = await onBoth('sender')
  for (const [index, client] of [left, right].entries()) await client.publishAsync('to/mover', `m${index}`, { qos: 1 })
  await until(() => texts.length >= 2)
  assert.deepEqual(texts, ['m0', 'm1'])
})

test('messages wait for a client that is away, whoever publishes', async () => {
  const sleeper = await open('sleeper', { clean: false, properties: { sessionExpiryInterval: 600 } })
  await sleeper.subscribeAsync('to/sleeper', { qos: 1 })
  await sleeper.endAsync()
  const [left, right] = await onBoth('waker')
  const expected: string[] = []
  for (let n = 0; n < 50; n += 1) {
    expected.push(`w${n}`)
    await (n % 2 === 0 ? left : right).publishAsync('to/sleeper', `w${n}`, { qos: 1 })
  }
  const texts: string[] = []
  await open('sleeper', { clean: false, properties: { sessionExpiryInterval: 600 } }, (text) => texts.push(text))
  await until(() => texts.length >= expected.length)
  assert.deepEqual(texts, expected)
})

test('of a shared subscription with members in both workers each message reaches one', async () => {
  const members = await onBoth('member')
  const [publisher] = await onBoth('asker')
  const heard = members.map((client) => record(client))
  for (const member of members) await member.subscribeAsync('$share/crew/tasks/+', { qos: 1 })
  const sent = Array.from({ length: 60 }, (_, n) => `job-${n}`)
  for (const text of sent) await publisher.publishAsync(`tasks/${text}`, text, { qos: 1 })
  await until(() => heard.flat().length >= sent.length)
  assert.deepEqual(heard.flat().toSorted(), sent.toSorted())
  assert.ok(heard.every((texts) => texts.length > 0))
})

test('who comes and goes is told once, whichever worker has it', async () => {
  const [watcher] = await onBoth('watcher')
  const texts = record(watcher)
  await watcher.subscribeAsync('$aws/events/presence/#', { qos: 1 })
  const guests = await onBoth('guest')
  for (const guest of guests) await guest.endAsync()
  const told = (): string[] => texts.flatMap((text) => guestEvent(text) ?? [])
  const names = guests.map(({ options: { clientId } }) => clientId)
  await until(() => names.every((name) => lastOf(told(), name)?.includes(' disconnected ') === true))
  const events = told()
  assert.equal(events.length, new Set(events).size)
  const count = (what: string): number => events.filter((event) => event.includes(` ${what} `)).length
  assert.equal(count('connected'), count('disconnected'))
  const attempts = await readAttempts(cloud.access, {})
  for (const name of names) assert.ok(attempts.some(({ clientId }) => clientId === name))
})

test('a policy that changes, and a certificate that is revoked, are obeyed in both workers', async () => {
  await cloud.createPolicy('narrow', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
  const other = await cloud.newDevice('lathe', 'narrow')
  const both = await onBoth('worker', other)
  const [sender] = await onBoth('teller')
  const heard = both.map((client) => record(client))
  for (const client of both) await client.subscribeAsync('news', { qos: 1 })
  const deny = { Effect: 'Deny', Action: 'iot:Receive', Resource: '*' }
  const allow = { Effect: 'Allow', Action: 'iot:*', Resource: '*' }
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [allow, deny] })
  await cloud.iot.send(new CreatePolicyVersionCommand({ policyName: 'narrow', policyDocument, setAsDefault: true }))
  await pause(millis(1000))
  await sender.publishAsync('news', 'nobody may', { qos: 1 })
  await cloud.iot.send(
    new CreatePolicyVersionCommand({
      policyName: 'narrow',
      policyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [allow] }),
      setAsDefault: true,
    }),
  )
  await cloud.iot.send(new DeletePolicyVersionCommand({ policyName: 'narrow', policyVersionId: '2' }))
  await pause(millis(1000))
  await sender.publishAsync('news', 'all may', { qos: 1 })
  await until(() => heard.every((texts) => texts.length > 0))
  assert.deepEqual(heard, [['all may'], ['all may']])
  const closed = both.map((client) => closing(client))
  await cloud.iot.send(new UpdateCertificateCommand({ certificateId: other.certificateId, newStatus: 'REVOKED' }))
  await Promise.all(closed)
})

test('a worker that is killed: its wills are published, its sessions go on, nothing acknowledged is lost', async () => {
  const workers = workersOf(cloud.process.pid)
  const [left, right] = await onBoth('survivor')
  const victim = workerOf(right, workers)
  assert.ok(victim !== undefined)
  const wills = record(left)
  await left.subscribeAsync('wills/+', { qos: 1 })
  const dying = await at(victim, 'dying', {
    will: { topic: 'wills/dying', payload: Buffer.from('gone'), qos: 1, retain: false },
  })
  dying.on('error', () => undefined)
  const texts: string[] = []
  const lasting = { clean: false, properties: { sessionExpiryInterval: 600 } }
  const reader = await at(victim, 'lasting', { ...lasting, reconnectPeriod: 100 }, (text) => texts.push(text))
  reader.on('error', () => undefined)
  await reader.subscribeAsync('to/lasting', { qos: 1 })
  const sent: string[] = []
  let isStopped = false
  const storm = (async () => {
    for (let n = 0; !isStopped; n += 1) {
      await left.publishAsync('to/lasting', `s${n}`, { qos: 1 })
      sent.push(`s${n}`)
      // Below the rate that one connection has.
      await pause(millis(15))
    }
  })()
  await until(() => texts.length > 20)
  process.kill(victim, 'SIGKILL')
  await until(() => wills.includes('gone'))
  await until(() => workersOf(cloud.process.pid).length === 2)
  isStopped = true
  await storm
  await until(() => new Set(texts).size >= sent.length)
  assert.deepEqual([...new Set(texts)].toSorted(), sent.toSorted())
  assert.ok(!workersOf(cloud.process.pid).includes(victim))
  const [again, other] = await onBoth('later')
  const heard = record(other)
  await other.subscribeAsync('after', { qos: 1 })
  await again.publishAsync('after', 'the storm', { qos: 1 })
  await until(() => heard.length > 0)
})

test('over HTTP a worker publishes to both, reads what is retained, and ends a client of either', async () => {
  const [left, right] = await onBoth('web')
  const heard = [left, right].map((client) => record(client))
  for (const client of [left, right]) await client.subscribeAsync('web/+', { qos: 1 })
  const identity = { cert: readFileSync(device.certificate), key: readFileSync(device.key) }
  // Which protocol is spoken is said by ALPN.
  const agent = new Agent({ ca: readFileSync(cloud.rootPath), ALPNProtocols: ['x-amzn-http-ca'], ...identity })
  const ask = (method: string, path: string, body?: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const asked = request({ host: 'localhost', port: cloud.httpsPort, method, path, agent }, (response) => {
        response.resume()
        response.once('end', () => resolve(response.statusCode ?? 0))
      })
      asked.once('error', reject)
      asked.end(body)
    })
  assert.equal(await ask('POST', '/topics/web%2Fa?qos=1&retain=true', 'from the web'), 200)
  await until(() => heard.every((texts) => texts.includes('from the web')))
  for (const _ of [1, 2, 3, 4]) assert.equal(await ask('GET', '/retainedMessage/web%2Fa'), 200)
  const ended = [left, right].map((client) => closing(client))
  assert.equal(await ask('DELETE', '/connections/web-1'), 200)
  assert.equal(await ask('DELETE', '/connections/web-2'), 200)
  await Promise.all(ended)
})

test('a service of the main process answers the connection that asked, in either worker', async () => {
  for (const client of await onBoth('claimer')) {
    const heard = record(client)
    await client.subscribeAsync('$aws/certificates/create/json/accepted', { qos: 1 })
    await client.publishAsync('$aws/certificates/create/json', '{}', { qos: 1 })
    await until(() => heard.length > 0)
    const { certificatePem, certificateOwnershipToken } = JSON.parse(heard[0] ?? '') as Record<string, string>
    assert.match(certificatePem ?? '', /BEGIN CERTIFICATE/)
    assert.ok(certificateOwnershipToken)
    assert.equal(heard.length, 1)
  }
})

test('the metrics are those of all processes', async () => {
  const [client] = await onBoth('counter')
  const read = async (name: string): Promise<number> => {
    const text = await (await fetch(String(cloud.process.ready['metrics']))).text()
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
  }
  assert.equal(await read('birthmark_workers'), 2)
  const before = await read('birthmark_messages_in_total')
  for (let count = 0; count < 30; count += 1) await client.publishAsync('counted', 'x', { qos: 1 })
  while ((await read('birthmark_messages_in_total')) < before + 30) await pause(millis(50))
})

test('a second server is refused the ports, though workers share them', async () => {
  const ports = { mqtt: cloud.mqtt.port, controlHttp: 0 }
  await assert.rejects(startRunningCloud(ports, { workers: 2 }), /port .* is in use/)
})

test('by the standard QoS 2 and what is retained cross; killed, a server takes its workers along', async () => {
  const own = await startRunningCloud(undefined, { workers: 2, profile: 'standard' })
  const workers = workersOf(own.process.pid)
  assert.equal(workers.length, 2)
  await own.createPolicy('everything', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
  const theirs = await own.newDevice('press', 'everything')
  const lasting = { clean: false, properties: { sessionExpiryInterval: 600 } }
  const texts: string[] = []
  const readers = [
    await open('passing', {}, (text) => texts.push(text), theirs, own),
    await open('lasting', lasting, (text) => texts.push(text), theirs, own),
  ]
  for (const reader of readers) await reader.subscribeAsync('exactly/#', { qos: 2 })
  const senders = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => open(`sender-${n}`, {}, undefined, theirs, own)))
  for (const [n, sender] of senders.entries())
    await sender.publishAsync(`exactly/${n}`, `${n}`, { qos: 2, retain: true })
  await until(() => texts.length >= 12)
  assert.deepEqual(texts.toSorted(), ['0', '0', '1', '1', '2', '2', '3', '3', '4', '4', '5', '5'])
  const late: string[] = []
  const newcomer = await open('newcomer', {}, (text) => late.push(text), theirs, own)
  await newcomer.subscribeAsync('exactly/+', { qos: 2 })
  await until(() => late.length >= 6)
  await own.process.kill()
  await until(() => workers.every((pid) => !isAlive(pid)))
  await own.close()
  await untilNoProcessNames(own.folder)
})

/** What the CONNACK of a client said of its session. */
const presence = new WeakMap<MqttClient, boolean>()

async function open(
  clientId: string,
  options: IClientOptions = {},
  onText?: (text: string) => void,
  by: FileDevice = device,
  server: RunningCloud = cloud,
): Promise<MqttClient> {
  const client = connect({
    protocol: 'mqtts',
    host: 'localhost',
    port: server.mqtt.port,
    ca: readFileSync(server.rootPath),
    cert: readFileSync(by.certificate),
    key: readFileSync(by.key),
    reconnectPeriod: 0,
    protocolVersion: 5,
    resubscribe: false,
    clientId,
    ...options,
  })
  clients.add(client)
  client.on('error', () => undefined)
  client.on('connect', ({ sessionPresent }) => presence.set(client, sessionPresent))
  if (onText !== undefined) client.on('message', (_topic, payload) => onText(payload.toString()))
  await new Promise<void>((resolve) => {
    client.once('connect', () => resolve())
  })
  return client
}

function closing(client: MqttClient): Promise<void> {
  return new Promise((resolve) => {
    client.once('close', () => resolve())
  })
}

/** Gives a client in each of the two workers. */
async function onBoth(name: string, by: FileDevice = device): Promise<readonly [MqttClient, MqttClient]> {
  const [first, second] = workersOf(cloud.process.pid)
  assert.ok(first !== undefined && second !== undefined)
  return [await at(first, `${name}-1`, {}, undefined, by), await at(second, `${name}-2`, {}, undefined, by)]
}

/** Connects until the connection is in a certain worker: the system spreads them. */
async function at(
  worker: number,
  clientId: string,
  options: IClientOptions = {},
  onText?: (text: string) => void,
  by?: FileDevice,
): Promise<MqttClient> {
  for (;;) {
    const client = await open(clientId, options, onText, by)
    if (workerOf(client, workersOf(cloud.process.pid)) === worker) return client
    await client.endAsync(true)
  }
}

function workerOf(client: MqttClient, workers: readonly number[]): number | undefined {
  const { stream } = client
  const port = stream instanceof Socket ? stream.localPort : undefined
  return port === undefined ? undefined : processWithPeer(workers, port)
}

/** Gives who did what in which connection, for clients that are guests. */
function guestEvent(text: string): string | undefined {
  const event = JSON.parse(text) as Readonly<Record<string, string>>
  const { clientId = '', eventType, sessionIdentifier } = event
  return clientId.startsWith('guest') ? `${clientId} ${eventType} ${sessionIdentifier}` : undefined
}

function lastOf(events: readonly string[], name: string | undefined): string | undefined {
  return events.findLast((event) => event.startsWith(`${name} `))
}

function record(client: MqttClient): string[] {
  const texts: string[] = []
  client.on('message', (_topic, payload) => texts.push(payload.toString()))
  return texts
}

/** The test's own time limit ends a wait that has no end. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(millis(20))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CreatePolicyCommand } from '@aws-sdk/client-iot'
import { millis } from '@birthmark/foundation/kernel'
import { pause, systemEntropy } from '@birthmark/foundation/system'
import { iotClient, startCloud } from 'birthmark/parts'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { seededRandom } from '../testkit/random.ts'
import { steadyPort } from '../testkit/running.ts'
import { newDevice } from '../testkit/running-cloud.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** Messages of QoS 1 between unmodified clients, while somebody pulls the cloud's plug again and again. */

const KILLS = 10
/** Latest moment of a kill after the cloud was ready, in milliseconds. */
const KILL_AFTER_MAX = 600
/** Messages that a publisher has under way. */
const UNDER_WAY_MAX = 20

test('ten kills under load: what was acknowledged arrives where it belongs, repeats are allowed', (context) =>
  killAgainAndAgain(context, 0, KILLS))

test('five kills under load of a server with two workers: the same holds', (context) =>
  killAgainAndAgain(context, 2, KILLS / 2))

async function killAgainAndAgain(context: TestContext, workers: number, kills: number): Promise<void> {
  const random = printedRandom(context)
  const folder = await scratchFolder(context)
  const ports = { mqtt: await steadyPort(), controlHttp: await steadyPort() }
  // Kills make clients come more often than once a second, and this is a storm.
  const limits = ['connects-per-client-per-second', 'publishes-in-per-second', 'publishes-out-per-second']
  const options = { workers, limit: limits.map((name) => `${name}=unlimited`) }
  let cloud = await startCloud(join(folder, 'cloud'), ports, undefined, options)
  context.after(() => cloud.process.kill())
  const { access } = cloud
  const iot = iotClient(access)
  const everything = [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }]
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement: everything })
  await iot.send(new CreatePolicyCommand({ policyName: 'everything', policyDocument }))
  const device = await newDevice(iot, folder, 'crew', 'everything')
  const connecting: IClientOptions = {
    protocol: 'mqtts',
    host: 'localhost',
    port: ports.mqtt,
    ca: readFileSync(cloud.rootPath),
    cert: readFileSync(device.certificate),
    key: readFileSync(device.key),
    reconnectPeriod: 50,
  }
  const journal = new Journal()
  const readers = await Promise.all([
    Reader.connect(context, connecting, { name: 'old', version: 4, filter: 'to/old/+', journal }),
    Reader.connect(context, connecting, { name: 'new', version: 5, filter: 'to/new/+', journal }),
    Reader.connect(context, connecting, { name: 'rare', version: 5, filter: 'to/rare/+', journal }),
    Reader.connect(context, connecting, { name: 'one', version: 4, filter: '$share/crew/to/crew/+', journal }),
    Reader.connect(context, connecting, { name: 'two', version: 5, filter: '$share/crew/to/crew/+', journal }),
  ])
  const rare = readers.find(({ name }) => name === 'rare')
  const writers = await Promise.all(
    ([4, 5] as const).map((version) => Writer.connect(context, connecting, version, journal)),
  )
  for (const writer of writers) writer.start()
  for (let kill = 0; kill < kills; kill += 1) {
    if (kill % 2 === 1) rare?.sleep()
    await pause(millis(random() * KILL_AFTER_MAX))
    await cloud.process.kill()
    journal.killed()
    assert.equal(await cloud.process.ended, null)
    cloud = await startCloud(join(folder, 'cloud'), ports, access.secretAccessKey, options)
    if (kill % 2 === 1) rare?.wake()
  }
  for (const writer of writers) await writer.stop()
  await journal.untilAllArrived()
  journal.check()
  context.diagnostic(`${journal.acknowledged.size} messages, ${journal.repeats} came twice`)
  assert.ok(journal.acknowledged.size > 100)
  assert.ok(
    readers.every(({ lostSession }) => !lostSession),
    'a session was gone after a kill',
  )
  for (const client of [...readers, ...writers]) await client.client.endAsync(true)
  await cloud.process.stop()
}

/** Who said what to whom. Each message has its own text. */
class Journal {
  readonly acknowledged = new Map<string, string>()
  repeats = 0
  readonly #pending = new Map<string, string>()
  /** What was not acknowledged at a kill: its publisher sends it again. */
  readonly #uncertain = new Set<string>()
  readonly #arrivals = new Map<string, { readonly topic: string; readonly by: string; readonly connection: string }[]>()

  sent(text: string, topic: string): void {
    this.#pending.set(text, topic)
  }

  taken(text: string): void {
    this.acknowledged.set(text, this.#pending.get(text) ?? '')
    this.#pending.delete(text)
  }

  killed(): void {
    for (const text of this.#pending.keys()) this.uncertain(text)
  }

  uncertain(text: string): void {
    this.#uncertain.add(text)
  }

  arrived(text: string, topic: string, by: string, connection: string): void {
    const arrivals = this.#arrivals.get(text)
    if (arrivals === undefined) this.#arrivals.set(text, [{ topic, by, connection }])
    else arrivals.push({ topic, by, connection })
  }

  /** The test's own time limit ends a wait that has no end. */
  async untilAllArrived(): Promise<void> {
    for (let tries = 0; this.#missing().length > 0; tries += 1) {
      assert.ok(tries < TRIES_MAX, `lost: ${this.#missing().slice(0, 5).join(', ')} of ${this.#missing().length}`)
      await pause(LOOK_AGAIN)
    }
  }

  check(): void {
    for (const [text, arrivals] of this.#arrivals) {
      const sent = this.acknowledged.get(text)
      assert.ok(sent !== undefined, `${text} was never acknowledged, or never sent`)
      const isShared = sent.startsWith('to/crew/')
      for (const { topic, by } of arrivals) {
        assert.equal(topic, sent)
        assert.ok(isShared ? ['one', 'two'].includes(by) : sent.startsWith(`to/${by}/`), `${text} came to ${by}`)
      }
      if (arrivals.length > 1) this.repeats += 1
      const connections = new Set(arrivals.map(({ connection }) => connection))
      const isOnce = connections.size === arrivals.length
      assert.ok(isOnce || this.#uncertain.has(text), `${text} came twice on one connection`)
    }
  }

  #missing(): string[] {
    return [...this.acknowledged.keys()].filter((text) => !this.#arrivals.has(text))
  }
}

/** A client whose session outlives its connections, and the kills. */
class Reader {
  readonly client: MqttClient
  readonly name: string
  lostSession = false
  #connections = 1

  static async connect(
    context: TestContext,
    options: IClientOptions,
    { name, version, filter, journal }: { name: string; version: 4 | 5; filter: string; journal: Journal },
  ): Promise<Reader> {
    const client = await connectAsync({
      ...options,
      clientId: name,
      protocolVersion: version,
      clean: false,
      // What was subscribed to must last.
      resubscribe: false,
      ...(version === 5 && { properties: { sessionExpiryInterval: 600 } }),
    })
    context.after(() => client.end(true))
    const reader = new Reader(client, name, journal)
    await client.subscribeAsync(filter, { qos: 1 })
    return reader
  }

  constructor(client: MqttClient, name: string, journal: Journal) {
    this.client = client
    this.name = name
    client.on('error', () => undefined)
    client.on('connect', ({ sessionPresent }) => {
      this.#connections += 1
      if (!sessionPresent) this.lostSession = true
    })
    client.on('message', (topic, payload) => {
      journal.arrived(payload.toString(), topic, name, `${name} ${this.#connections}`)
    })
  }

  sleep(): void {
    this.client.end()
  }

  wake(): void {
    this.client.reconnect()
  }
}

/** A client that publishes as fast as it may. */
class Writer {
  readonly client: MqttClient
  readonly #name: string
  readonly #journal: Journal
  #count = 0
  #isStopped = false
  #running: Promise<unknown> = Promise.resolve()

  static async connect(
    context: TestContext,
    options: IClientOptions,
    protocolVersion: 4 | 5,
    journal: Journal,
  ): Promise<Writer> {
    const client = await connectAsync({ ...options, clientId: `writer-${protocolVersion}`, protocolVersion })
    context.after(() => client.end(true))
    client.on('error', () => undefined)
    return new Writer(client, `w${protocolVersion}`, journal)
  }

  constructor(client: MqttClient, name: string, journal: Journal) {
    this.client = client
    this.#name = name
    this.#journal = journal
  }

  start(): void {
    this.#running = Promise.all(Array.from({ length: UNDER_WAY_MAX }, () => this.#publish()))
  }

  /** Resolves when all it sent was acknowledged. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #publish(): Promise<void> {
    while (!this.#isStopped) {
      this.#count += 1
      const text = `${this.#name}-${this.#count}`
      const topic = `to/${RECEIVERS[this.#count % RECEIVERS.length]}/${this.#name}`
      this.#journal.sent(text, topic)
      await this.#untilTaken(topic, text)
      this.#journal.taken(text)
      await pause(BETWEEN)
    }
  }

  /** The client sends again by itself what was under way; what it had no chance to send it refuses to. */
  async #untilTaken(topic: string, text: string): Promise<void> {
    for (;;) {
      try {
        await this.client.publishAsync(topic, text, { qos: 1 })
        return
      } catch {
        this.#journal.uncertain(text)
        await pause(LOOK_AGAIN)
      }
    }
  }
}

/** Gives random numbers of a new seed, which the report names. */
function printedRandom(context: TestContext): () => number {
  const seed = new DataView(systemEntropy.bytes(4).buffer).getUint32(0)
  context.diagnostic(`seed ${seed}`)
  return seededRandom(seed)
}

const RECEIVERS = ['old', 'new', 'rare', 'crew']
const BETWEEN = millis(20)
const LOOK_AGAIN = millis(100)
const TRIES_MAX = 150

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CreatePolicyCommand } from '@aws-sdk/client-iot'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { iotClient, startCloud } from 'birthmark/parts'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { steadyPort } from '../testkit/running.ts'
import { newDevice } from '../testkit/running-cloud.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** QoS 2 and retained messages between unmodified clients, while somebody pulls the cloud's plug again and again. */

const KILLS = 4
const PAUSES = [150, 400, 90, 300]
const TOPICS = 8

test('kills under load: each QoS 2 message arrives once, retained is what was acknowledged last', async (context) => {
  const folder = await scratchFolder(context)
  const ports = { mqtt: await steadyPort(), controlHttp: await steadyPort() }
  const options = { profile: 'standard' }
  let cloud = await startCloud(join(folder, 'cloud'), ports, undefined, options)
  context.after(() => cloud.process.kill())
  const { access } = cloud
  const iot = iotClient(access)
  const Statement = [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }]
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement })
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
  const pairs = await Promise.all(([4, 5] as const).map((version) => Pair.connect(context, connecting, version)))
  const keeper = await Keeper.connect(context, connecting)
  for (const one of [...pairs, keeper]) one.start()
  for (let kill = 0; kill < KILLS; kill += 1) {
    await pause(millis(PAUSES[kill] ?? 0))
    await cloud.process.kill()
    cloud = await startCloud(join(folder, 'cloud'), ports, access.secretAccessKey, options)
  }
  await pause(millis(200))
  for (const one of [...pairs, keeper]) await one.stop()
  for (const { sent, arrived } of pairs) {
    const texts = Array.from({ length: sent }, (_, index) => `${index}`)
    while (arrived.length < sent) await pause(millis(20))
    assert.deepEqual(arrived.toSorted(byNumber), texts)
    assert.ok(sent > 20)
  }
  await cloud.process.kill()
  cloud = await startCloud(join(folder, 'cloud'), ports, access.secretAccessKey, options)
  const kept = await keeper.readBack(context, connecting)
  for (const [topic, { acknowledged, tried }] of keeper.last) {
    const value = kept.get(topic) ?? -1
    assert.ok(
      value >= acknowledged && value <= tried,
      `${topic} has ${value}, acknowledged ${acknowledged} of ${tried}`,
    )
  }
  await cloud.process.stop()
})

function byNumber(one: string, other: string): number {
  return Number(one) - Number(other)
}

/** One client that publishes numbers at QoS 2, and one that has a session and gets them. */
class Pair {
  readonly arrived: string[] = []
  sent = 0
  readonly #writer: MqttClient
  readonly #version: 4 | 5
  readonly #topic: string
  #isStopping = false
  #done = Promise.resolve()

  private constructor(version: 4 | 5, writer: MqttClient, reader: MqttClient) {
    this.#version = version
    this.#topic = `once/${version}`
    this.#writer = writer
    reader.on('message', (_topic, payload) => this.arrived.push(String(payload)))
  }

  static async connect(context: TestContext, options: IClientOptions, protocolVersion: 4 | 5): Promise<Pair> {
    const lasting = { ...options, protocolVersion, clean: false, properties: { sessionExpiryInterval: 600 } }
    const [writer, reader] = await Promise.all(
      ['writer', 'reader'].map((name) => connectAsync({ ...lasting, clientId: `${name}-${protocolVersion}` })),
    )
    assert.ok(writer !== undefined && reader !== undefined)
    context.after(() => void [writer, reader].map((client) => client.end(true)))
    const pair = new Pair(protocolVersion, writer, reader)
    await reader.subscribeAsync(pair.#topic, { qos: 2 })
    return pair
  }

  start(): void {
    assert.ok(this.#version > 3)
    this.#done = this.#write()
  }

  stop(): Promise<void> {
    this.#isStopping = true
    return this.#done
  }

  async #write(): Promise<void> {
    while (!this.#isStopping) {
      const batch = Array.from({ length: 5 }, () => `${this.sent++}`)
      await Promise.all(batch.map((text) => this.#writer.publishAsync(this.#topic, text, { qos: 2 })))
      await pause(millis(5))
    }
  }
}

/** A client that retains ever larger numbers, and knows which were acknowledged. */
class Keeper {
  readonly last = new Map<string, { acknowledged: number; tried: number }>()
  readonly #client: MqttClient
  #isStopping = false
  #done = Promise.resolve()

  private constructor(client: MqttClient) {
    this.#client = client
  }

  static async connect(context: TestContext, options: IClientOptions): Promise<Keeper> {
    const client = await connectAsync({ ...options, clientId: 'keeper' })
    context.after(() => client.end(true))
    return new Keeper(client)
  }

  start(): void {
    this.#done = this.#write()
  }

  stop(): Promise<void> {
    this.#isStopping = true
    return this.#done
  }

  async readBack(context: TestContext, options: IClientOptions): Promise<Map<string, number>> {
    const found = new Map<string, number>()
    const client = await connectAsync({ ...options, clientId: 'back' })
    context.after(() => client.end(true))
    client.on('message', (topic, payload, { retain }) => retain && found.set(topic, Number(String(payload))))
    await client.subscribeAsync('kept/#', { qos: 1 })
    while (found.size < this.last.size) await pause(millis(20))
    return found
  }

  async #write(): Promise<void> {
    for (let number = 0; !this.#isStopping; number++) {
      const topic = `kept/${number % TOPICS}`
      const state = this.last.get(topic) ?? { acknowledged: -1, tried: -1 }
      this.last.set(topic, state)
      state.tried = number
      await this.#client.publishAsync(topic, `${number}`, { qos: 1, retain: true })
      state.acknowledged = number
    }
  }
}

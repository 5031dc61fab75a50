import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Fleet, makeFleet } from './connects-fleet.ts'
import { type Broker, type BrokerName, cpuMsOf, startBroker } from './messages-brokers.ts'
import { LoadClient } from './messages-load.ts'

/*
 * Messages over mutual TLS, 128 bytes of payload, delivered per CPU-second of the broker: ours, Mosquitto and NATS's
 * MQTT listener, each with a policy of ten statements (lines, permissions), and a bare relay in Node, which is what
 * ours can reach at most, in turn in one run. As many messages are
 * under way as the shape says, never more: a broker that is slow makes its clients wait, so the load fits each.
 *
 *     node bench/messages.ts
 *
 * The broker is bound to the first core. Run it as `taskset -c 1 node bench/messages.ts` to give the clients the other.
 */

/** Who sends to whom. */
export interface Shape {
  readonly publishers: number
  readonly subscribers: number
  /** Messages of one publisher that are under way, and so many it sends at once. */
  readonly window: number
}

/** The shapes of the benchmark, by name. */
const SHAPES: Readonly<Record<string, Shape>> = {
  '1:1': { publishers: 1, subscribers: 1, window: 50 },
  '100:1': { publishers: 100, subscribers: 1, window: 10 },
  '1:100': { publishers: 1, subscribers: 100, window: 20 },
  '200:1': { publishers: 200, subscribers: 1, window: 1 },
}

/** How much is measured. */
export interface MessagesBenchSize {
  /** The time that compilers and caches get before anything counts, in milliseconds. */
  readonly warmUpMs: number
  /** Time that each broker is loaded with each shape, in milliseconds. */
  readonly measureMs: number
  /** Rounds, each of all brokers in turn; the median counts. */
  readonly rounds: number
  readonly brokers: readonly BrokerName[]
  readonly shapes: readonly string[]
}

/** Messages delivered per CPU-second of each broker. */
export interface MessagesBenchResult {
  readonly shape: string
  readonly qos: 0 | 1
  readonly rates: Readonly<Partial<Record<BrokerName, number>>>
}

/** Measures every shape with both QoS, and tells of each as soon as it is known. */
export async function measureMessages(
  size: MessagesBenchSize,
  tell: (result: MessagesBenchResult) => void,
): Promise<void> {
  const fleet = await makeFleet(201)
  for (const name of size.shapes) {
    const shape = SHAPES[name]
    if (shape === undefined) throw new TypeError(`no shape is called ${name}`)
    for (const qos of [0, 1] as const) tell({ shape: name, qos, rates: await measureShape(size, fleet, shape, qos) })
  }
}

async function measureShape(
  size: MessagesBenchSize,
  fleet: Fleet,
  shape: Shape,
  qos: 0 | 1,
): Promise<MessagesBenchResult['rates']> {
  const rates: Partial<Record<BrokerName, number[]>> = {}
  for (let round = 0; round < size.rounds; round++) {
    for (const name of size.brokers) {
      const rate = await withBroker(name, fleet, (broker) => load(broker, fleet, shape, qos, size))
      ;(rates[name] ??= []).push(rate)
    }
  }
  return Object.fromEntries(Object.entries(rates).map(([name, values]) => [name, median(values)]))
}

async function withBroker<Result>(
  name: BrokerName,
  fleet: Fleet,
  use: (broker: Broker) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-messages-'))
  const broker = await startBroker(name, folder, fleet)
  try {
    return await use(broker)
  } finally {
    await broker.stop()
    rmSync(folder, { recursive: true })
  }
}

/** Loads a broker for a while; gives the messages delivered per CPU-second. */
async function load(
  broker: Broker,
  fleet: Fleet,
  { publishers, subscribers, window }: Shape,
  qos: 0 | 1,
  { warmUpMs, measureMs }: MessagesBenchSize,
): Promise<number> {
  const connect = async (index: number): Promise<LoadClient> => {
    const device = fleet.devices[index]
    if (device === undefined) throw new RangeError(`the fleet has no device ${index}`)
    // A device's first connection may be for its provisioning alone.
    const once = (): Promise<LoadClient> => LoadClient.connect(broker.port, device, fleet.rootPem)
    return once().catch(once)
  }
  const clients = await Promise.all(Array.from({ length: publishers + subscribers }, (_, index) => connect(index)))
  const listeners = clients.slice(publishers)
  for (const listener of listeners) await listener.subscribe('bench/+/data', qos)
  const senders = clients.slice(0, publishers).map((client, index) => new Sender(client, `bench/${index}/data`, qos))
  const delivered = (): number => listeners.reduce((sum, { received }) => sum + received, 0)
  const run = (): void => {
    const sent = senders.reduce((sum, sender) => sum + sender.sent, 0)
    // Whoever sends waits until what is under way has arrived everywhere: nothing piles up in the broker.
    const room = window * publishers - (sent - Math.floor(delivered() / subscribers))
    if (room < (window * publishers) / 2) return
    for (const sender of senders) sender.send(Math.max(1, Math.floor(room / publishers)), window)
  }
  for (const client of clients) client.onProgress = run
  run()
  await sleep(warmUpMs)
  const before = { count: delivered(), cpuMs: cpuMsOf(broker.pid) }
  await sleep(measureMs)
  const rate = (delivered() - before.count) / ((cpuMsOf(broker.pid) - before.cpuMs) / 1000)
  for (const client of clients) client.onProgress = () => undefined
  await Promise.all(clients.map((client) => client.close()))
  return rate
}

class Sender {
  sent = 0
  readonly #client: LoadClient
  readonly #qos: 0 | 1
  readonly #publish: (count: number) => void

  constructor(client: LoadClient, topic: string, qos: 0 | 1) {
    this.#client = client
    this.#qos = qos
    this.#publish = client.publisher(topic, new Uint8Array(PAYLOAD_BYTES).fill(0x61), qos)
  }

  /** Sends as many as it may: no more than `window` without an acknowledgement. */
  send(wanted: number, window: number): void {
    const unacknowledged = this.#qos === 0 ? 0 : this.sent - this.#client.acknowledged
    const count = Math.min(wanted, window - unacknowledged)
    if (count <= 0) return
    this.sent += count
    this.#publish(count)
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0
}

const PAYLOAD_BYTES = 128

if (import.meta.main) {
  const shapes = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(SHAPES)
  const brokers: readonly BrokerName[] = ['birthmark', 'mosquitto', 'nats', 'relay']
  await measureMessages({ warmUpMs: 4000, measureMs: 4000, rounds: 3, brokers, shapes }, ({ shape, qos, rates }) => {
    const { birthmark = 0, ...others } = rates
    const peers = Object.entries(others).map(
      ([name, rate]) => `${name} ${rate.toFixed(0)} (${(birthmark / rate).toFixed(2)})`,
    )
    console.log(`${shape} QoS ${qos}: ${birthmark.toFixed(0)} messages per CPU-s; ${peers.join(', ')}`)
  })
}

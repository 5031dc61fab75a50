import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Fleet, makeFleet } from './connects-fleet.ts'
import { type Broker, type BrokerName, startBroker } from './messages-brokers.ts'
import { LoadClient } from './messages-load.ts'

/*
 * The time of one QoS 1 message over mutual TLS from a client to itself, while a hundred others publish QoS 1 to a
 * subscriber at half of the rate that the broker can take from them: ours beside Mosquitto, in turn in one run.
 *
 *     taskset -c 1 node bench/latency.ts
 */

/** How much is measured. */
export interface LatencyBenchSize {
  readonly publishers: number
  /** Time for finding the largest rate, and again for the round trips at half of it, in milliseconds. */
  readonly measureMs: number
  readonly brokers: readonly BrokerName[]
}

/** What was measured of one broker. */
export interface LatencyBenchResult {
  readonly broker: BrokerName
  /** Messages per second that the publishers got through, none waiting for another one's. */
  readonly largestRate: number
  /** Round trips at half of that rate, in milliseconds. */
  readonly median: number
  readonly percentile99: number
}

/** Measures each broker in turn. */
export async function measureLatency(size: LatencyBenchSize): Promise<LatencyBenchResult[]> {
  const fleet = await makeFleet(size.publishers + 2)
  const results: LatencyBenchResult[] = []
  for (const name of size.brokers) {
    const folder = mkdtempSync(join(tmpdir(), 'birthmark-latency-'))
    const broker = await startBroker(name, folder, fleet)
    try {
      results.push({ broker: name, ...(await measureBroker(broker, fleet, size)) })
    } finally {
      await broker.stop()
      rmSync(folder, { recursive: true })
    }
  }
  return results
}

async function measureBroker(
  broker: Broker,
  fleet: Fleet,
  { measureMs }: LatencyBenchSize,
): Promise<Omit<LatencyBenchResult, 'broker'>> {
  const clients = await Promise.all(fleet.devices.map((_, index) => connect(broker, fleet, index)))
  const [probe, listener, ...senders] = clients
  if (probe === undefined || listener === undefined) throw new RangeError('the fleet is too small')
  await listener.subscribe('bench/+/data', 1)
  await probe.subscribe('bench/probe/own', 1)
  const publish = senders.map((client, index) => client.publisher(`bench/${index}/data`, PAYLOAD, 1))
  const largestRate = await findRate(senders, publish, listener, measureMs)
  const stop = publishAt(largestRate / 2, publish)
  await sleep(measureMs / 4)
  const trips = await roundTrips(probe, measureMs)
  stop()
  await Promise.all(clients.map((client) => client.close()))
  const sorted = trips.toSorted((left, right) => left - right)
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN
  return { largestRate, median: at(0.5), percentile99: at(0.99) }
}

/** A device's first connection may be for its provisioning alone. */
function connect(broker: Broker, fleet: Fleet, index: number): Promise<LoadClient> {
  const device = fleet.devices[index]
  if (device === undefined) throw new RangeError(`the fleet has no device ${index}`)
  const once = (): Promise<LoadClient> => LoadClient.connect(broker.port, device, fleet.rootPem)
  return once().catch(once)
}

/** Lets each publisher send its next message when the last one is acknowledged; gives the messages per second. */
async function findRate(
  senders: readonly LoadClient[],
  publish: readonly ((count: number) => void)[],
  listener: LoadClient,
  measureMs: number,
): Promise<number> {
  for (const [index, client] of senders.entries()) {
    const next = (): void => publish[index]?.(1)
    client.onProgress = next
    next()
  }
  await sleep(measureMs / 2)
  const before = { received: listener.received, at: performance.now() }
  await sleep(measureMs / 2)
  const rate = (listener.received - before.received) / ((performance.now() - before.at) / 1000)
  for (const client of senders) client.onProgress = () => undefined
  await sleep(DRAIN_MS)
  return rate
}

/** Publishes at a rate in messages per second, each time by the next client; gives what stops it. */
function publishAt(rate: number, publish: readonly ((count: number) => void)[]): () => void {
  const startedAt = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * rate
    for (; sent < due; sent++) publish[sent % publish.length]?.(1)
  }, 1)
  return () => clearInterval(timer)
}

/** Gives the times of round trips, each begun a moment after the last one has ended, in milliseconds. */
async function roundTrips(probe: LoadClient, measureMs: number): Promise<number[]> {
  const publish = probe.publisher('bench/probe/own', PAYLOAD, 1)
  const trips: number[] = []
  const until = performance.now() + measureMs
  while (performance.now() < until) {
    const wanted = probe.received + 1
    const startedAt = performance.now()
    const arrived = new Promise<void>((resolve) => {
      probe.onProgress = () => probe.received >= wanted && resolve()
    })
    publish(1)
    await arrived
    trips.push(performance.now() - startedAt)
    await sleep(PAUSE_MS)
  }
  return trips
}

const PAYLOAD: Uint8Array = new Uint8Array(128).fill(0x61)
const PAUSE_MS = 2
const DRAIN_MS = 300

if (import.meta.main) {
  const size: LatencyBenchSize = { publishers: 100, measureMs: 8000, brokers: ['birthmark', 'mosquitto'] }
  for (const { broker, largestRate, median, percentile99 } of await measureLatency(size)) {
    const times = `median ${median.toFixed(2)} ms, 99th percentile ${percentile99.toFixed(2)} ms`
    console.log(`${broker}: at half of ${largestRate.toFixed(0)} messages/s: ${times}`)
  }
}

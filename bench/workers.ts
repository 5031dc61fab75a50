import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreatePolicyCommand } from '@aws-sdk/client-iot'
import { type DemoCloud, iotClient, startCloud } from 'birthmark/parts'
import { newDevice } from '../testing/testkit/running-cloud.ts'
import { workersOf } from '../testing/testkit/worker-processes.ts'
import { cpuMsOf } from './messages-brokers.ts'
import { LoadClient, type LoadIdentity } from './messages-load.ts'

/*
 * What several processes give and cost: messages from each of many clients to another one, and connects, in a second
 * and in a CPU-second of all processes of the server, of `birthmark server` in one process and with workers. Both in
 * turn, in one run. The clients are in this process: with as many workers as cores they take their part of the machine.
 *
 *     node bench/workers.ts
 */

/** How much is measured. */
export interface WorkersBenchSize {
  readonly workers: number
  /** Pairs of clients, one of which sends to the other. */
  readonly pairs: number
  /** Messages of one pair that are under way. */
  readonly window: number
  /** Time of each measurement, in milliseconds. */
  readonly measureMs: number
  /** Connections under way at a time. */
  readonly together: number
  readonly rounds: number
}

/** What a server reached. */
export interface Rates {
  readonly perSecond: number
  /** Of the CPU of all of its processes but the authority. */
  readonly perCpuSecond: number
}

/** One measurement of both servers. */
export interface WorkersBenchResult {
  readonly what: string
  readonly one: Rates
  readonly workers: Rates
}

/** Measures messages of QoS 0 and 1, and connects. */
export async function measureWorkers(size: WorkersBenchSize): Promise<readonly WorkersBenchResult[]> {
  const rounds: WorkersBenchResult[][] = []
  for (let round = 0; round < size.rounds; round++) {
    const one = await measureServer(0, size)
    const workers = await measureServer(size.workers, size)
    rounds.push(WHAT.map((what, index) => ({ what, one: at(one, index), workers: at(workers, index) })))
  }
  return WHAT.map((what, index) => {
    const results = rounds.map((round) => at(round, index))
    return { what, one: median(results.map(({ one }) => one)), workers: median(results.map(({ workers }) => workers)) }
  })
}

async function measureServer(workers: number, size: WorkersBenchSize): Promise<readonly Rates[]> {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-workers-'))
  const limits = [
    'connects-per-client-per-second',
    'publishes-in-per-second',
    'publishes-out-per-second',
    'bytes-in-per-second',
  ]
  const limit = limits.map((name) => `${name}=unlimited`)
  const cloud = await startCloud(join(folder, 'cloud'), { mqtt: 0, controlHttp: 0 }, undefined, { workers, limit })
  try {
    const identity = await makeIdentity(cloud, folder)
    const server = new Server(cloud, identity, workers)
    return [await server.messages(size, 0), await server.messages(size, 1), await server.connects(size)]
  } finally {
    await cloud.process.stop()
    rmSync(folder, { recursive: true })
  }
}

async function makeIdentity(cloud: DemoCloud, folder: string): Promise<Omit<LoadIdentity, 'name'>> {
  const iot = iotClient(cloud.access)
  const everything = [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }]
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement: everything })
  await iot.send(new CreatePolicyCommand({ policyName: 'bench', policyDocument }))
  const { certificate, key } = await newDevice(iot, folder, 'bench', 'bench')
  iot.destroy()
  return { certificatePem: readFileSync(certificate, 'utf8'), keyPem: readFileSync(key, 'utf8') }
}

class Server {
  readonly #cloud: DemoCloud
  readonly #identity: Omit<LoadIdentity, 'name'>
  readonly #pids: readonly number[]
  #connections = 0

  constructor(cloud: DemoCloud, identity: Omit<LoadIdentity, 'name'>, workers: number) {
    this.#cloud = cloud
    this.#identity = identity
    const { pid } = cloud.process
    this.#pids = workers === 0 ? [pid] : [pid, ...workersOf(pid)]
  }

  async messages({ pairs, window, measureMs }: WorkersBenchSize, qos: 0 | 1): Promise<Rates> {
    const clients: LoadClient[] = []
    for (let index = 0; index < pairs * 2; index++) clients.push(await this.#connect())
    const senders = clients.slice(0, pairs)
    const receivers = clients.slice(pairs)
    for (const [index, receiver] of receivers.entries()) await receiver.subscribe(`pair/${index}`, qos)
    for (const [index, receiver] of receivers.entries()) {
      const sender = at(senders, index)
      const publish = sender.publisher(`pair/${index}`, new Uint8Array(PAYLOAD_BYTES), qos)
      let sent = window
      const send = (): void => {
        // What the sender has heard of and what has arrived make room.
        const done = qos === 0 ? receiver.received : Math.min(receiver.received, sender.acknowledged)
        const room = window - (sent - done)
        if (room < window / 2) return
        sent += room
        publish(room)
      }
      receiver.onProgress = send
      sender.onProgress = send
      publish(window)
    }
    const received = (): number => receivers.reduce((sum, receiver) => sum + receiver.received, 0)
    await sleep(measureMs / 2)
    const rates = await this.#measure(received, () => sleep(measureMs))
    for (const client of clients) client.onProgress = () => undefined
    await Promise.all(clients.map((client) => client.close()))
    return rates
  }

  async connects({ together, measureMs }: WorkersBenchSize): Promise<Rates> {
    let count = 0
    const run = (): Promise<unknown> => {
      const until = performance.now() + measureMs
      const one = async (): Promise<void> => {
        while (performance.now() < until) {
          const client = await this.#connect()
          count++
          await client.close()
        }
      }
      return Promise.all(Array.from({ length: together }, one))
    }
    // Each process compiles what it uses much.
    await run()
    return this.#measure(() => count, run)
  }

  #connect(): Promise<LoadClient> {
    const identity = { ...this.#identity, name: `bench-${this.#connections++}` }
    return LoadClient.connect(this.#cloud.mqtt.port, identity, this.#cloud.root.toPem())
  }

  async #measure(count: () => number, run: () => Promise<unknown>): Promise<Rates> {
    const cpuMs = (): number => this.#pids.reduce((sum, pid) => sum + cpuMsOf(pid), 0)
    const before = { count: count(), cpuMs: cpuMs(), at: performance.now() }
    await run()
    const done = count() - before.count
    return {
      perSecond: (done * 1000) / (performance.now() - before.at),
      perCpuSecond: (done * 1000) / (cpuMs() - before.cpuMs),
    }
  }
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index]
  if (item === undefined) throw new RangeError(`there is no item ${index}`)
  return item
}

function median(rates: readonly Rates[]): Rates {
  const middle = (values: readonly number[]): number =>
    at(
      values.toSorted((a, b) => a - b),
      values.length >> 1,
    )
  return {
    perSecond: middle(rates.map(({ perSecond }) => perSecond)),
    perCpuSecond: middle(rates.map(({ perCpuSecond }) => perCpuSecond)),
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

const WHAT: readonly string[] = ['messages of QoS 0', 'messages of QoS 1', 'connects']
const PAYLOAD_BYTES = 128

if (import.meta.main) {
  const size = { workers: 2, pairs: 40, window: 20, measureMs: 3000, together: 32, rounds: 1 }
  for (const { what, one, workers } of await measureWorkers(size)) {
    const ratio = (rate: keyof Rates): string =>
      `${one[rate].toFixed(0)} -> ${workers[rate].toFixed(0)} (${(workers[rate] / one[rate]).toFixed(2)})`
    console.log(
      `${what}, 1 process -> 2 workers: ${ratio('perSecond')} in a second, ${ratio('perCpuSecond')} per CPU-s`,
    )
  }
}

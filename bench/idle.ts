import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Fleet, makeFleet } from './connects-fleet.ts'
import { type Broker, type BrokerName, startBroker } from './messages-brokers.ts'
import { LoadClient } from './messages-load.ts'

/*
 * Sessions that do nothing: memory of the server for each, above what a bare Node TLS socket of the same settings takes
 * (the relay of `bench/messages.ts`), beside Mosquitto's. Then a tenth of them is revoked at random, and the time until
 * the last of their clients sees its connection closed is told.
 *
 *     node bench/idle.ts [SESSIONS]
 */

/** How much is measured. */
export interface IdleBenchSize {
  readonly sessions: number
  readonly brokers: readonly BrokerName[]
}

/** What was measured. */
export interface IdleBenchResult {
  /** Memory of each broker for one session, in bytes of its resident set. */
  readonly sessionBytes: Readonly<Partial<Record<BrokerName, number>>>
  /** Sessions that were revoked, and the time until the last of them was closed. */
  readonly revoked: number
  readonly slowestCloseMs: number
}

/** Measures each broker in turn. @throws when a session that was not revoked ends, or one that was does not */
export async function measureIdle({ sessions, brokers }: IdleBenchSize): Promise<IdleBenchResult> {
  const fleet = await makeFleet(sessions)
  const sessionBytes: Partial<Record<BrokerName, number>> = {}
  let revocation = { revoked: 0, slowestCloseMs: 0 }
  for (const name of brokers) {
    await withBroker(name, fleet, async (broker) => {
      // What ours keeps of a device in its registry, and in the registry's cache, is not its session's memory.
      if (name === 'birthmark') await provisionAll(broker, fleet)
      // The first half pays for what a server needs once: code, pools, caches.
      const half = sessions >> 1
      const clients = await connectAll(broker, fleet, 0, half)
      await sleep(SETTLE_MS)
      const before = await residentBytes(broker)
      clients.push(...(await connectAll(broker, fleet, half, sessions)))
      await sleep(SETTLE_MS)
      sessionBytes[name] = ((await residentBytes(broker)) - before) / (sessions - half)
      if (name === 'birthmark') revocation = await revokeSome(broker, fleet, clients)
      await Promise.all(clients.map((client) => client.close()))
    })
  }
  return { sessionBytes, ...revocation }
}

async function withBroker(name: BrokerName, fleet: Fleet, use: (broker: Broker) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-idle-'))
  const broker = await startBroker(name, folder, fleet)
  try {
    await use(broker)
  } finally {
    await broker.stop()
    rmSync(folder, { recursive: true })
  }
}

/** Lets each device connect for the first time, which is for its provisioning alone. @throws when one is let in */
async function provisionAll(broker: Broker, fleet: Fleet): Promise<void> {
  await forEach(0, fleet.devices.length, async (index) => {
    const isIn = await connectOne(broker, fleet, index).then(
      () => true,
      () => false,
    )
    if (isIn) throw new Error(`device ${index} was known before its first connection`)
  })
}

/** Connects part of a fleet. */
async function connectAll(broker: Broker, fleet: Fleet, from: number, to: number): Promise<LoadClient[]> {
  const clients: LoadClient[] = []
  await forEach(from, to, async (index) => {
    clients[index - from] = await connectOne(broker, fleet, index)
  })
  return clients
}

async function connectOne(broker: Broker, { devices, rootPem }: Fleet, index: number): Promise<LoadClient> {
  const device = devices[index]
  if (device === undefined) throw new RangeError(`there is no device ${index}`)
  return LoadClient.connect(broker.port, device, rootPem)
}

/** Does something for each index, a few at a time. */
async function forEach(from: number, to: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = from
  const some = async (): Promise<void> => {
    for (let index = next++; index < to; index = next++) await work(index)
  }
  await Promise.all(Array.from({ length: TOGETHER }, some))
}

/** Revokes a tenth of the fleet, all at once, and waits until every one of them is gone. */
async function revokeSome(
  broker: Broker,
  { devices }: Fleet,
  clients: readonly LoadClient[],
): Promise<{ readonly revoked: number; readonly slowestCloseMs: number }> {
  const chosen = devices.map((_, index) => index).filter(() => Math.random() < REVOKED_SHARE)
  const ids = chosen.map((index) => {
    const { fingerprint256 } = new X509Certificate(devices[index]?.certificatePem ?? '')
    return fingerprint256.replaceAll(':', '').toLowerCase()
  })
  const orderedAt = performance.now()
  const closed = chosen.map(async (index) => {
    await clients[index]?.closed
    return performance.now() - orderedAt
  })
  await broker.order?.(ids.join(' '))
  const times = await Promise.all(closed)
  const survivors = clients.filter(({ isOpen }) => isOpen).length
  if (survivors !== devices.length - chosen.length) {
    throw new Error(`${survivors} of ${devices.length} are open after ${chosen.length} were revoked`)
  }
  return { revoked: chosen.length, slowestCloseMs: Math.max(0, ...times) }
}

/** Gives a broker's resident set, in bytes; one that we can order collects its garbage first. */
async function residentBytes(broker: Broker): Promise<number> {
  await broker.order?.('')
  // Field 2 of /proc/PID/statm (proc(5)), in pages.
  return Number(readFileSync(`/proc/${broker.pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES
}

const PAGE_BYTES = 4096
const TOGETHER = 32
const REVOKED_SHARE = 0.1

/** The time that buffers of handshakes get to be let go, in milliseconds. */
const SETTLE_MS = 3000

if (import.meta.main) {
  const sessions = Number(process.argv[2] ?? 10_000)
  const { sessionBytes, revoked, slowestCloseMs } = await measureIdle({
    sessions,
    brokers: ['relay', 'birthmark', 'mosquitto'],
  })
  const kib = (bytes = 0): string => `${(bytes / 1024).toFixed(1)} KiB`
  const { relay = 0, birthmark = 0, mosquitto } = sessionBytes
  console.log(`${sessions} idle sessions: ${kib(birthmark)} each, ${kib(birthmark - relay)} above a bare TLS socket`)
  console.log(`(bare TLS socket ${kib(relay)}; Mosquitto ${kib(mosquitto)})`)
  console.log(`${revoked} revoked at once: the last was closed after ${slowestCloseMs.toFixed(0)} ms`)
}

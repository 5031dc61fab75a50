import { createECDH, generateKeyPairSync, sign, verify } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { memoryBus } from '@birthmark/chip/i2c'
import { openVirtualChip, TrustX, type VirtualChip } from '@birthmark/chip/trust-x/adapters'
import { createAuthority, openAuthority } from '@birthmark/factory/authority'
import { Desk } from '@birthmark/factory/desk'
import { Ledger } from '@birthmark/factory/ledger'
import { DeskClient, type ElementSource, type LineOptions, type LineProgress, runLine } from '@birthmark/factory/line'
import { parseWorkOrder } from '@birthmark/factory/order'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { SoftwareSigner } from '@birthmark/foundation/x509'

/*
 * How much of what OpenSSL's arithmetic allows is left when a device is born: every step of the line, the chip's
 * commands over its I2C link, requests and ledger signed by the station, journal and ledger durable, against nothing
 * but the key, the three signatures (CSR, certificate, challenge) and the three verifications (the same) that a device
 * needs, through node:crypto, in the same run. Making the blank chips is not counted. The second figure of each side
 * is per second of CPU time of the whole process, helper threads included: what one core does when others want it too.
 *
 *     node bench/line.ts                       with `taskset -c 0` before it: all on one core
 *     node bench/line.ts --devices 1000000     so many in one run, and their memory; some 5 KB of disk each
 */

/** How much is measured. */
export interface LineBenchSize {
  readonly devices: number
  /** Sockets at work side by side, which share the flushes to disk. */
  readonly sockets: number
  /** Rounds, line and bare in turn; the median counts. */
  readonly rounds: number
}

/** Devices a second, and per second of CPU time. */
export interface LineRate {
  readonly perSecond: number
  readonly perCpuSecond: number
}

/** The medians of both sides, and how many devices of the last round are finished on record. */
export interface LineBenchResult {
  readonly made: LineRate
  readonly bare: LineRate
  /** The median of what the line does of the bare arithmetic of its own round, in CPU time. */
  readonly share: number
  readonly onRecord: number
}

/** Measures both sides in turn, each line in a folder of its own. */
export async function measureLine({ devices, sockets, rounds }: LineBenchSize): Promise<LineBenchResult> {
  const made: LineRate[] = []
  const bare: LineRate[] = []
  let onRecord = 0
  for (let round = 0; round < rounds; round += 1) {
    const measured = await personaliseAll(devices, sockets)
    made.push(measured.rate)
    bare.push(bareArithmetic(devices))
    onRecord = measured.onRecord
  }
  const shares = made.map(({ perCpuSecond }, at) => perCpuSecond / (bare[at]?.perCpuSecond ?? 1))
  return { made: medianRate(made), bare: medianRate(bare), share: median(shares), onRecord }
}

async function personaliseAll(
  count: number,
  parallel: number,
): Promise<{ readonly rate: LineRate; readonly onRecord: number }> {
  const chips: VirtualChip[] = []
  for (let n = 0; n < count; n += 1) chips.push(await openVirtualChip())
  return onBench(count, async (bench) => {
    const lap = startLap()
    const sockets = chips.map((chip) => () => TrustX.open(memoryBus(chip.slave)))
    const { finished: onRecord } = await runLine({ ...bench, sockets, parallel })
    return { rate: lap(count), onRecord }
  })
}

/** Gives a line whose station asks over signed messages, in a folder that is removed afterwards. */
async function onBench<Value>(
  count: number,
  work: (bench: Omit<LineOptions, 'sockets' | 'parallel'>) => Promise<Value>,
): Promise<Value> {
  const parent = await mkdtemp(join(tmpdir(), 'birthmark-bench-'))
  const ports = { clock: systemClock, entropy: systemEntropy, log: silentLog }
  const authority = await openedAuthority(join(parent, 'authority'))
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const desk = await Desk.open({ path: join(parent, 'desk.jsonl'), authority, signer, ...ports })
  const text = JSON.stringify({ ...ORDER, count, trustAnchor: authority.root.toPem() })
  const tokens = { load: () => '', save: () => undefined }
  const send = (line: string): Promise<string> => desk.handle(line)
  const session = await DeskClient.open({ send, signer, order: { id: ORDER.id, text }, tokens })
  const ledger = await Ledger.open({ path: join(parent, 'ledger.jsonl'), writer: { name: 'bench', signer }, ...ports })
  const manifestPath = join(parent, 'manifest.jsonl')
  try {
    return await work({ order: parseWorkOrder(text), authority: session, ledger, manifestPath, ...ports })
  } finally {
    await ledger.close()
    await desk.close()
    await authority.close()
    await rm(parent, { recursive: true })
  }
}

/**
 * Makes many devices in one run, each chip when its turn comes, and tells now and then how much memory that takes.
 *
 * @returns Resident memory in bytes after a tenth of the devices, and at the end.
 */
export async function runMany(
  count: number,
  parallel: number,
  tell: (line: string) => void,
): Promise<{ readonly early: number; readonly late: number; readonly onRecord: number }> {
  return onBench(count, async (bench) => {
    const lap = startLap()
    let early = 0
    let done = 0
    const chips = function* (): Generator<ElementSource> {
      for (let n = 0; n < count; n += 1) yield async () => TrustX.open(memoryBus((await openVirtualChip()).slave))
    }
    const onProgress = (event: LineProgress): void => {
      if (event.event !== 'device') return
      done += 1
      if (done % Math.ceil(count / TOLD_COUNT) !== 0) return
      const { rss, heapUsed } = process.memoryUsage()
      if (early === 0 && done >= count / 10) early = rss
      const { perSecond, perCpuSecond } = lap(done)
      const size = `resident ${Math.round(rss / 1e6)} MB, heap ${Math.round(heapUsed / 1e6)} MB`
      const speed = `${Math.round(perSecond)}/s, ${Math.round(perCpuSecond)} per CPU second, chips made as well`
      tell(`${done} devices  ${speed}  ${size}`)
    }
    const { finished: onRecord } = await runLine({ ...bench, sockets: chips(), parallel, onProgress })
    return { early, late: process.memoryUsage().rss, onRecord }
  })
}

async function openedAuthority(folder: string): ReturnType<typeof openAuthority> {
  const options = { folder, passphrase: 'bench', clock: systemClock, entropy: systemEntropy, log: silentLog }
  await createAuthority({
    ...options,
    rootName: [{ type: 'CN', value: 'Bench Root' }],
    issuingName: [{ type: 'CN', value: 'Bench Issuing CA' }],
  })
  return openAuthority(options)
}

/** The key, signatures and verifications of each device, over as many bytes as there would be. */
function bareArithmetic(count: number): LineRate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const messages = [Buffer.alloc(200, 1), Buffer.alloc(380, 2), Buffer.alloc(32, 3)]
  const lap = startLap()
  for (let n = 0; n < count; n += 1) {
    createECDH('prime256v1').generateKeys()
    for (const message of messages) {
      const signature = sign('sha256', message, privateKey)
      if (!verify('sha256', message, publicKey, signature)) throw new TypeError('OpenSSL refused its own signature')
    }
  }
  return lap(count)
}

/** Starts to measure. @returns What gives the rate since then. */
function startLap(): (count: number) => LineRate {
  const start = process.hrtime.bigint()
  const cpu = process.cpuUsage()
  return (count) => {
    const { user, system } = process.cpuUsage(cpu)
    const perSecond = (count * 1e9) / Number(process.hrtime.bigint() - start)
    return { perSecond, perCpuSecond: (count * 1e6) / Math.max(user + system, 1) }
  }
}

function medianRate(rates: readonly LineRate[]): LineRate {
  return {
    perSecond: median(rates.map(({ perSecond }) => perSecond)),
    perCpuSecond: median(rates.map(({ perCpuSecond }) => perCpuSecond)),
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0
}

const ORDER = {
  format: 'birthmark-work-order/2',
  id: 'BENCH-1',
  product: 'press',
  count: 1,
  profile: 'device',
  subject: { commonName: '{product}-{uidHash}', serialNumber: '{uid}' },
  locks: ['key', 'certificate', 'trustAnchor'],
}

/** How often a long run tells of itself. */
const TOLD_COUNT = 20

if (import.meta.main) {
  const { values } = parseArgs({ options: { devices: { type: 'string' } } })
  if (values.devices === undefined) await measureAll()
  else {
    const { onRecord } = await runMany(Number(values.devices), 64, (line) => console.log(line))
    console.log(`${onRecord} devices are finished on record`)
  }
}

async function measureAll(): Promise<void> {
  for (const [sockets, devices] of [
    [16, 1_000],
    [64, 2_000],
    [256, 2_000],
  ] as const) {
    const { made, bare, share } = await measureLine({ devices, sockets, rounds: 3 })
    const rates = ({ perSecond, perCpuSecond }: LineRate): string =>
      `${Math.round(perSecond)}/s (${Math.round(perCpuSecond)} per CPU second)`
    console.log(
      `line, ${sockets} sockets  ${rates(made)}  bare node:crypto ${rates(bare)}  share ${Math.round(share * 100)} %`,
    )
  }
}

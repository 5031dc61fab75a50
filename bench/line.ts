import { createECDH, generateKeyPairSync, sign, verify } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
 * needs, through node:crypto, in the same run. Both run on the main thread; making the blank chips is not counted.
 *
 *     node bench/line.ts
 *     node bench/line.ts 50000     so many devices in one run, with the memory that they take
 */

/** How much is measured. */
export interface LineBenchSize {
  readonly devices: number
  /** Sockets at work side by side, which share the flushes to disk. */
  readonly sockets: number
  /** Rounds, line and bare in turn; the median counts. */
  readonly rounds: number
}

/** Devices a second, and how many of the last round are finished on record. */
export interface LineBenchResult {
  readonly made: number
  readonly bare: number
  readonly onRecord: number
}

/** Measures both sides in turn, each line in a folder of its own. */
export async function measureLine({ devices, sockets, rounds }: LineBenchSize): Promise<LineBenchResult> {
  const made: number[] = []
  const bare: number[] = []
  let onRecord = 0
  for (let round = 0; round < rounds; round += 1) {
    const measured = await personaliseAll(devices, sockets)
    made.push(measured.perSecond)
    bare.push(bareArithmetic(devices))
    onRecord = measured.onRecord
  }
  return { made: median(made), bare: median(bare), onRecord }
}

async function personaliseAll(
  count: number,
  parallel: number,
): Promise<{ readonly perSecond: number; readonly onRecord: number }> {
  const chips: VirtualChip[] = []
  for (let n = 0; n < count; n += 1) chips.push(await openVirtualChip())
  return onBench(count, async (bench) => {
    const start = process.hrtime.bigint()
    const sockets = chips.map((chip) => () => TrustX.open(memoryBus(chip.slave)))
    const { finished: onRecord } = await runLine({ ...bench, sockets, parallel })
    return { perSecond: rate(count, start), onRecord }
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
    const start = process.hrtime.bigint()
    let early = 0
    let done = 0
    const chips = function* (): Generator<ElementSource> {
      for (let n = 0; n < count; n += 1) yield async () => TrustX.open(memoryBus((await openVirtualChip()).slave))
    }
    const onProgress = (event: LineProgress): void => {
      if (event.event !== 'device') return
      done += 1
      if (done % Math.ceil(count / 10) !== 0) return
      const { rss, heapUsed } = process.memoryUsage()
      if (early === 0) early = rss
      const size = `resident ${Math.round(rss / 1e6)} MB, heap ${Math.round(heapUsed / 1e6)} MB`
      tell(`${done} devices  ${Math.round(rate(done, start))}/s, chips made as well  ${size}`)
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
function bareArithmetic(count: number): number {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const messages = [Buffer.alloc(200, 1), Buffer.alloc(380, 2), Buffer.alloc(32, 3)]
  const start = process.hrtime.bigint()
  for (let n = 0; n < count; n += 1) {
    createECDH('prime256v1').generateKeys()
    for (const message of messages) {
      const signature = sign('sha256', message, privateKey)
      if (!verify('sha256', message, publicKey, signature)) throw new TypeError('OpenSSL refused its own signature')
    }
  }
  return rate(count, start)
}

function rate(count: number, start: bigint): number {
  return (count * 1e9) / Number(process.hrtime.bigint() - start)
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

if (import.meta.main && process.argv[2] !== undefined) {
  await runMany(Number(process.argv[2]), 64, (line) => console.log(line))
} else if (import.meta.main) {
  for (const [sockets, devices] of [
    [16, 1_000],
    [64, 2_000],
    [256, 2_000],
  ] as const) {
    const { made, bare } = await measureLine({ devices, sockets, rounds: 3 })
    const ratio = (made / bare).toFixed(2)
    console.log(
      `line, ${sockets} sockets  ${Math.round(made)} devices/s  bare node:crypto ${Math.round(bare)}/s  ratio ${ratio}`,
    )
  }
}

import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'

/*
 * How much of what OpenSSL does on this machine is left behind a virtual Trust X: P-256 signatures and key pairs
 * through driver, I2C protocol and chip, all in this process, against bare node:crypto in the same run.
 *
 *     node bench/virtual-chip.ts
 */

/** How much is measured. */
export interface ChipBenchSize {
  /** Signatures, and key pairs, in a round. */
  readonly count: number
  /** Rounds, chip and bare in turn; the median counts. */
  readonly rounds: number
}

/** So many a second. */
export interface ChipBenchResult {
  readonly chip: number
  readonly bare: number
}

/** Measures each kind of work on both sides in turn. */
export async function measureVirtualChip(
  size: ChipBenchSize,
): Promise<{ readonly signatures: ChipBenchResult; readonly keyPairs: ChipBenchResult }> {
  const element = await TrustX.open(await openVirtualChip())
  const { key } = element.defaultSlots
  await element.generateKey(key)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const message = Buffer.from('a message')
  const digest = createHash('sha256').update(message).digest()
  const signatures = await inTurn(
    size,
    () => element.signDigest(key, digest),
    () => sign('sha256', message, privateKey),
  )
  const keyPairs = await inTurn(
    size,
    () => element.generateKey(key),
    () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  )
  await element.close()
  return { signatures, keyPairs }
}

async function inTurn(
  { count, rounds }: ChipBenchSize,
  onChip: () => Promise<unknown>,
  bareWork: () => unknown,
): Promise<ChipBenchResult> {
  const chip: number[] = []
  const bare: number[] = []
  for (let round = 0; round < rounds; round++) {
    chip.push(
      await perSecond(count, async () => {
        for (let done = 0; done < count; done++) await onChip()
      }),
    )
    bare.push(
      await perSecond(count, async () => {
        for (let done = 0; done < count; done++) bareWork()
      }),
    )
  }
  return { chip: median(chip), bare: median(bare) }
}

async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
  const start = process.hrtime.bigint()
  await work()
  return (count * 1e9) / Number(process.hrtime.bigint() - start)
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0
}

if (process.argv[1] === import.meta.filename) {
  const { signatures, keyPairs } = await measureVirtualChip({ count: 500, rounds: 41 })
  for (const [what, { chip, bare }] of Object.entries({ signatures, 'key pairs': keyPairs })) {
    const share = ((100 * chip) / bare).toFixed(0)
    console.log(`P-256 ${what}/s: chip ${Math.round(chip)}, bare ${Math.round(bare)}, ${share} %`)
  }
}

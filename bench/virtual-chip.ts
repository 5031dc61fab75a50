import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'

/*
 * How much of what OpenSSL does on this machine is left behind a virtual Trust X: P-256 signatures through driver,
 * I2C protocol and chip, all in this process, against bare node:crypto in the same run.
 *
 *     node bench/virtual-chip.ts
 */

/** How much is measured. */
export interface ChipBenchSize {
  readonly signatures: number
  /** Rounds, chip and bare in turn; the median counts. */
  readonly rounds: number
}

/** Signatures a second through the chip and bare. */
export interface ChipBenchResult {
  readonly chip: number
  readonly bare: number
}

/** Measures both sides in turn. */
export async function measureVirtualChip({ signatures, rounds }: ChipBenchSize): Promise<ChipBenchResult> {
  const element = await TrustX.open(await openVirtualChip())
  await element.generateKey(element.defaultSlots.key)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const message = Buffer.from('a message')
  const digest = createHash('sha256').update(message).digest()
  const chip: number[] = []
  const bare: number[] = []
  for (let round = 0; round < rounds; round++) {
    chip.push(
      await perSecond(signatures, async () => {
        for (let count = 0; count < signatures; count++) await element.signDigest(element.defaultSlots.key, digest)
      }),
    )
    bare.push(
      await perSecond(signatures, async () => {
        for (let count = 0; count < signatures; count++) sign('sha256', message, privateKey)
      }),
    )
  }
  await element.close()
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
  const { chip, bare } = await measureVirtualChip({ signatures: 500, rounds: 41 })
  console.log(
    `P-256 signatures/s: chip ${Math.round(chip)}, bare ${Math.round(bare)}, ${((100 * chip) / bare).toFixed(0)} %`,
  )
}

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { memoryBus } from '@birthmark/chip/i2c'
import { openVirtualChip, TrustX, type VirtualChip } from '@birthmark/chip/trust-x/adapters'

/*
 * How much memory a tray of virtual chips takes in one process: each chip has its vendor's identity, a key of its own
 * and a certificate of 600 bytes, and has been talked to by a host that left again.
 *
 *     node bench/tray.ts
 */

/** Makes so many chips and gives what each of them holds in memory, in bytes, after a collection. */
export async function measureTray(count: number): Promise<{ readonly bytesPerChip: number; readonly chips: number }> {
  // What is made once for all chips is not theirs.
  await Promise.all(Array.from({ length: WARM_UP_COUNT }, makeChip))
  const before = usedBytes()
  const chips: VirtualChip[] = []
  for (let made = 0; made < count; made += 1) chips.push(await makeChip())
  const bytesPerChip = (usedBytes() - before) / count
  return { bytesPerChip, chips: new Set(chips.map(({ uid }) => uid)).size }
}

async function makeChip(): Promise<VirtualChip> {
  const chip = await openVirtualChip()
  const element = await TrustX.open(memoryBus(chip.slave))
  await element.generateKey(element.defaultSlots.key)
  await element.writeCertificate(element.defaultSlots.certificate, CERTIFICATE)
  await element.close()
  return chip
}

function usedBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect !== 'function') throw new TypeError('this engine offers no collection')
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const WARM_UP_COUNT = 50

/** Long enough for a device's; the chip does not look at it. */
const CERTIFICATE = new Uint8Array(600).fill(0x30)

if (import.meta.main) {
  const { bytesPerChip, chips } = await measureTray(10_000)
  console.log(`tray of ${chips} chips: ${(bytesPerChip / 1000).toFixed(1)} KB per chip`)
}

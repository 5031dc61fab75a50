import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'

/** Certificates that this program writes, in turn: one byte over and over, so that a half of one shows. */
export function certificateNumber(number: number): Uint8Array {
  const der = new Uint8Array(1500).fill(number & 0xff)
  der[0] = 0x30
  return der
}

if (process.argv[1] === import.meta.filename) {
  const [file = ''] = process.argv.slice(2)
  const element = await TrustX.open(await openVirtualChip({ file }))
  // The parent kills this program somewhere in the middle; it is told of each certificate that is safely written.
  for (let number = 1; ; number++) {
    await element.writeCertificate('0xE0E1', certificateNumber(number))
    process.send?.(number)
  }
}

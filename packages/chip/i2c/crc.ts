/**
 * Computes the frame check sequence over the bytes from `from` up to `end`: CRC-16 with x16+x12+x5+1, reflected,
 * initial value 0 ("KERMIT"; the check value of `123456789` is 2189).
 *
 * Source: IFX I2C protocol specification v1.65, data link layer.
 */
export function crc16(bytes: Uint8Array, end: number = bytes.length, from = 0): number {
  let crc = 0
  for (let at = from; at < end; at++) {
    crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  }
  return crc
}

/** The polynomial with its bits in reverse, as a reflected CRC uses it. */
const POLYNOMIAL = 0x8408

const TABLE: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  return crc
})

import { type Entropy, type Instant, toHex } from '@birthmark/foundation/kernel'

/** Gives the moment as the SDK's types want it. */
export function dateOf(moment: Instant): Date {
  return new Date(moment)
}

/** Makes a random UUID, version 4 (RFC 9562 §5.4). */
export function newUuid(entropy: Entropy): string {
  const bytes = Uint8Array.from(entropy.bytes(16), (byte, index) => {
    if (index === 6) return (byte & 0x0f) | 0x40
    return index === 8 ? (byte & 0x3f) | 0x80 : byte
  })
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

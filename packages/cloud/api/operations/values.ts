import { type Entropy, type Instant, toHex } from '@birthmark/foundation/kernel'

/** Gives the moment as the SDK's types want it. */
export function dateOf(moment: Instant): Date {
  return new Date(moment)
}

/** Makes a random UUID, version 4 (RFC 9562 §5.4). */
export function newUuid(entropy: Entropy): string {
  const bytes = Uint8Array.from(entropy.bytes(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = toHex(bytes)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

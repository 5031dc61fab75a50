import { toHex } from '@birthmark/foundation/kernel'

/**
 * Finds the DER certificates that lie one behind the other in a TPM's memory. An index is often longer than what is in
 * it: what follows the last certificate, mostly zeros or FF, is passed over.
 */
export function certificatesIn(memory: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = []
  for (let at = 0; ; ) {
    const length = certificateLength(memory, at)
    if (length === undefined || at + length > memory.length) return found
    found.push(memory.slice(at, at + length))
    at += length
  }
}

/** A certificate is a SEQUENCE of more than 255 and less than 65 536 octets. */
function certificateLength(memory: Uint8Array, at: number): number | undefined {
  const [tag, form, high, low] = memory.subarray(at, at + 4)
  if (tag !== 0x30 || form !== 0x82 || high === undefined || low === undefined) return undefined
  return 4 + high * 256 + low
}

/**
 * Tells whether a certificate holds this SubjectPublicKeyInfo, octet by octet, at any place. Enough for a device to
 * find which of its own keys is meant; who relies on the certificate parses it.
 */
export function namesKey(certificate: Uint8Array, spki: Uint8Array): boolean {
  const at = toHex(certificate).indexOf(toHex(spki))
  return at !== -1 && at % 2 === 0
}

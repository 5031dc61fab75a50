/**
 * Wraps one certificate as a TLS identity, the form in which E0E0 to E0E3 hold it: C0, length(2), then the body of a
 * TLS Certificate message with one entry. Nine bytes before the DER.
 *
 * Source: OPTIGA Trust X keys and certificates v1.30, certificate data objects.
 */
export function wrapIdentity(der: Uint8Array): Uint8Array {
  const blob = new Uint8Array(IDENTITY_HEADER_BYTES + der.length)
  const view = new DataView(blob.buffer)
  blob[0] = TAG_TLS_IDENTITY
  view.setUint16(1, der.length + 6)
  // The two lists have three-byte lengths; a certificate of this chip never needs the first.
  view.setUint16(4, der.length + 3)
  view.setUint16(7, der.length)
  blob.set(der, IDENTITY_HEADER_BYTES)
  return blob
}

/** Gives the first certificate of a slot's content, plain or as a TLS identity; `undefined` when it holds neither. */
export function certificateIn(blob: Uint8Array): Uint8Array | undefined {
  if (blob[0] === TAG_DER) return blob
  if (blob[0] !== TAG_TLS_IDENTITY || blob.length < IDENTITY_HEADER_BYTES) return undefined
  const view = new DataView(blob.buffer, blob.byteOffset, blob.length)
  const end = 3 + view.getUint16(1)
  const first = view.getUint8(6) * 0x10000 + view.getUint16(7)
  if (end > blob.length || IDENTITY_HEADER_BYTES + first > end) return undefined
  return blob.subarray(IDENTITY_HEADER_BYTES, IDENTITY_HEADER_BYTES + first)
}

/** What {@link wrapIdentity} adds, in bytes. */
const IDENTITY_HEADER_BYTES = 9

const TAG_DER = 0x30
const TAG_TLS_IDENTITY = 0xc0

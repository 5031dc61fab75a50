import { concat, equalBytes, fromHex } from '@birthmark/foundation/kernel'

/** The curves that tokens work with. */
export type TokenCurve = 'p256' | 'p384'

/** Everything that is fixed about one curve. */
export interface CurveRow {
  readonly name: TokenCurve
  readonly bits: bigint
  /** Of a scalar, of one coordinate, and of each half of a signature. */
  readonly bytes: number
  /** CKA_EC_PARAMS: the named curve in DER (RFC 5480 §2.1.1.1). */
  readonly parameters: Uint8Array
  /** A SubjectPublicKeyInfo up to the point (RFC 5480 §2). */
  readonly spkiPrefix: Uint8Array
}

/** The rows, by name. */
export const CURVES: Readonly<Record<TokenCurve, CurveRow>> = {
  p256: {
    name: 'p256',
    bits: 256n,
    bytes: 32,
    parameters: fromHex('06 08 2a8648ce3d030107'),
    spkiPrefix: fromHex('30 59 30 13 06 07 2a8648ce3d0201 06 08 2a8648ce3d030107 03 42 00'),
  },
  p384: {
    name: 'p384',
    bits: 384n,
    bytes: 48,
    parameters: fromHex('06 05 2b81040022'),
    spkiPrefix: fromHex('30 76 30 10 06 07 2a8648ce3d0201 06 05 2b81040022 03 62 00'),
  },
}

const ROWS: readonly CurveRow[] = Object.values(CURVES)

/** Finds a curve by CKA_EC_PARAMS. */
export function curveOfParameters(parameters: Uint8Array): CurveRow | undefined {
  return ROWS.find((row) => equalBytes(row.parameters, parameters))
}

/** A public key: its curve, and its uncompressed point 04 X Y. */
export interface PublicPoint {
  readonly curve: CurveRow
  readonly point: Uint8Array
}

/** Reads a SubjectPublicKeyInfo; `undefined` when it is no key with an uncompressed point on a curve of ours. */
export function readSpki(spki: Uint8Array): PublicPoint | undefined {
  const curve = ROWS.find(({ spkiPrefix }) => equalBytes(spki.subarray(0, spkiPrefix.length), spkiPrefix))
  const point = curve && spki.slice(curve.spkiPrefix.length)
  return curve !== undefined && point !== undefined && isUncompressed(curve, point) ? { curve, point } : undefined
}

/** Writes the SubjectPublicKeyInfo of a point. */
export function writeSpki({ curve, point }: PublicPoint): Uint8Array {
  return concat(curve.spkiPrefix, point)
}

/** Gives a point that is in CKA_EC_POINT's form, a DER OCTET STRING, or bare; `undefined` when it is neither. */
export function readPoint(curve: CurveRow, bytes: Uint8Array): Uint8Array | undefined {
  if (isUncompressed(curve, bytes)) return bytes
  const isWrapped = bytes[0] === OCTET_STRING && bytes[1] === bytes.length - 2
  return isWrapped && isUncompressed(curve, bytes.subarray(2)) ? bytes.subarray(2) : undefined
}

/** Gives CKA_EC_POINT of a point: a DER OCTET STRING around it. */
export function wrapPoint(point: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(OCTET_STRING, point.length), point)
}

function isUncompressed({ bytes }: CurveRow, point: Uint8Array): boolean {
  return point.length === 1 + 2 * bytes && point[0] === UNCOMPRESSED
}

const OCTET_STRING = 0x04
const UNCOMPRESSED = 0x04

import { concat, fromHex } from '@birthmark/foundation/kernel'

/** One DER value: its identifier octet, its content, and both with the length; views, not copies. */
interface Element {
  readonly tag: number
  readonly content: Uint8Array
  readonly raw: Uint8Array
  readonly next: number
}

/** The fields of a certificate that PKCS#11 shows, in DER as they stand there. */
export interface CertificateFields {
  readonly serialNumber: Uint8Array
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly publicKeyInfo: Uint8Array
}

/** Reads the fields of a DER certificate (RFC 5280 §4.1); `undefined` when it is none. */
export function readCertificateFields(der: Uint8Array): CertificateFields | undefined {
  const whole = element(der, 0)
  if (whole?.tag !== SEQUENCE || whole.next !== der.length) return undefined
  const tbs = element(whole.content, 0)
  if (tbs?.tag !== SEQUENCE) return undefined
  const fields = elements(tbs.content)
  const [serial, , issuer, , subject, key] = fields[0]?.tag === VERSION ? fields.slice(1) : fields
  if (serial?.tag !== INTEGER || issuer?.tag !== SEQUENCE) return undefined
  if (subject?.tag !== SEQUENCE || key?.tag !== SEQUENCE) return undefined
  return {
    serialNumber: serial.raw.slice(),
    issuer: issuer.raw.slice(),
    subject: subject.raw.slice(),
    publicKeyInfo: key.raw.slice(),
  }
}

/**
 * Turns a DER `ECDSA-Sig-Value` (RFC 3279 §2.2.3) into r and s; `undefined` when it is none.
 *
 * @param bytes Length of each of them: that of the curve, 32 for P-256.
 */
export function signatureHalves(der: Uint8Array, bytes: number = HALF_BYTES): Uint8Array | undefined {
  const whole = element(der, 0)
  if (whole?.tag !== SEQUENCE || whole.next !== der.length) return undefined
  const [r, s, ...others] = elements(whole.content)
  const halves = [half(r, bytes), half(s, bytes)]
  if (others.length > 0 || halves[0] === undefined || halves[1] === undefined) return undefined
  return concat(halves[0], halves[1])
}

/** Turns r and s of equal length into a DER `ECDSA-Sig-Value`. */
export function signatureFromHalves(halves: Uint8Array): Uint8Array {
  const middle = halves.length / 2
  const body = concat(integer(halves.subarray(0, middle)), integer(halves.subarray(middle)))
  return concat(Uint8Array.of(SEQUENCE, body.length), body)
}

/** Gives the DER OCTET STRING around the point of a P-256 SubjectPublicKeyInfo, which CKA_EC_POINT is. */
export function ecPointOf(spki: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(OCTET_STRING, POINT_BYTES), spki.subarray(-POINT_BYTES))
}

/** Gives the SubjectPublicKeyInfo of a P-256 CKA_EC_POINT, wrapped or bare; `undefined` when it is neither. */
export function spkiOfEcPoint(point: Uint8Array): Uint8Array | undefined {
  const wrapped = element(point, 0)
  const bare = wrapped?.tag === OCTET_STRING && wrapped.next === point.length ? wrapped.content : point
  return bare.length === POINT_BYTES && bare[0] === 0x04 ? concat(P256_PREFIX, bare) : undefined
}

/** CKA_EC_PARAMS of P-256: its named curve in DER (RFC 5480 §2.1.1.1). */
export const P256_PARAMETERS: Uint8Array = fromHex('06 08 2a8648ce3d030107')

/** Reads the element at `at`; lengths of up to two octets, which certificates of a chip never exceed. */
function element(bytes: Uint8Array, at: number): Element | undefined {
  const [tag, first, high = 0, low = 0] = bytes.subarray(at, at + 4)
  if (tag === undefined || first === undefined || first === 0x80 || first > 0x82) return undefined
  const length = first < 0x80 ? first : first === 0x81 ? high : high * 256 + low
  const start = at + (first < 0x80 ? 2 : first - 0x80 + 2)
  const next = start + length
  if (next > bytes.length) return undefined
  return { tag, content: bytes.subarray(start, next), raw: bytes.subarray(at, next), next }
}

function elements(content: Uint8Array): Element[] {
  const found: Element[] = []
  for (let at = 0; at < content.length; ) {
    const one = element(content, at)
    if (one === undefined) return []
    found.push(one)
    at = one.next
  }
  return found
}

function half(number: Element | undefined, bytes: number): Uint8Array | undefined {
  if (number?.tag !== INTEGER || number.content.length === 0) return undefined
  const digits = number.content[0] === 0 ? number.content.subarray(1) : number.content
  if (digits.length > bytes) return undefined
  const padded = new Uint8Array(bytes)
  padded.set(digits, bytes - digits.length)
  return padded
}

function integer(digits: Uint8Array): Uint8Array {
  const first = digits.findIndex((digit) => digit !== 0)
  const short = first === -1 ? Uint8Array.of(0) : digits.subarray(first)
  const content = (short[0] ?? 0) < 0x80 ? short : concat(Uint8Array.of(0), short)
  return concat(Uint8Array.of(INTEGER, content.length), content)
}

const INTEGER = 0x02
const OCTET_STRING = 0x04
const SEQUENCE = 0x30
const VERSION = 0xa0

/** Of a P-256 signature. */
const HALF_BYTES = 32
/** 04 X Y. */
const POINT_BYTES = 65
const P256_PREFIX = fromHex('30 59 30 13 06 07 2a8648ce3d0201 06 08 2a8648ce3d030107 03 42 00')

import { equalBytes } from '@birthmark/foundation/kernel'
import { CURVES, type Curve } from './curves.ts'
import { DER, type Element, readElement, readElements } from './der.ts'
import { CHIP_ERROR, type ErrorCode } from './errors.ts'

/**
 * Takes the public key out of a certificate as the chip's own parser does: X.509 v3, a serial number of 1 to 20 bytes,
 * signed with ECDSA whose identifier has no parameters, an issuer that is not empty, ecPublicKey on a named curve, an
 * uncompressed point, and a key usage that allows signatures. The validity is not looked at.
 *
 * Source: Trust M solution reference manual v3.70, VerifySign and certificate parser; Trust X release notes v1.60.
 *
 * @param parsesAllNames Whether names may hold attributes whose identifier does not begin with 2, e-mail addresses for
 *   example, which the silicon cannot parse.
 */
export function certificateKey(
  der: Uint8Array,
  parsesAllNames = false,
): { readonly curve: Curve; readonly point: Uint8Array } | ErrorCode {
  const certificate = readElement(der, 0)
  if (certificate?.tag !== DER.SEQUENCE || certificate.next !== der.length) return CHIP_ERROR.CERTIFICATE_FORMAT
  const tbs = readElement(certificate.content, 0)
  const parts = tbs?.tag === DER.SEQUENCE ? readElements(tbs.content) : undefined
  // [0] version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, ... [3] extensions
  const key = parts?.[6]
  if (parts === undefined || key === undefined || !isWellFormed(parts, parsesAllNames)) {
    return CHIP_ERROR.CERTIFICATE_FORMAT
  }
  if (!isSignedWithEcdsa(parts[2])) return CHIP_ERROR.UNSUPPORTED_ALGORITHM
  const extensions = parts.find((part) => part.tag === DER.CONTEXT_3)
  if (extensions !== undefined && !allowsSignatures(extensions)) return CHIP_ERROR.KEY_USAGE
  return publicKey(key)
}

/** Gives the point inside a BIT STRING `03 42 00 04 X Y`; `undefined` when it is none of this curve. */
export function bitStringPoint(bytes: Uint8Array, curve: Curve): Uint8Array | undefined {
  const element = readElement(bytes, 0)
  return element?.next === bytes.length ? pointIn(element, curve) : undefined
}

/** Looks at version, serial number and names. */
function isWellFormed([version, serial, , issuer, , subject]: readonly Element[], parsesAllNames: boolean): boolean {
  if (version?.tag !== DER.CONTEXT_0 || !equalBytes(version.content, VERSION_3)) return false
  const serialBytes = serial?.content.length ?? 0
  if (serial?.tag !== DER.INTEGER || serialBytes < 1 || serialBytes > SERIAL_BYTES_MAX) return false
  if (issuer?.tag !== DER.SEQUENCE || issuer.content.length === 0 || subject?.tag !== DER.SEQUENCE) return false
  return parsesAllNames || (hasOnlyX500Attributes(issuer) && hasOnlyX500Attributes(subject))
}

/** Whether the identifiers of all attributes of a name begin with 2 (X.660: their first byte is 80 or more). */
function hasOnlyX500Attributes(name: Element): boolean {
  const sets = readElements(name.content) ?? []
  return sets.every((set) => {
    const attributes = readElements(set.content) ?? []
    return attributes.every((attribute) => (readElement(attribute.content, 0)?.content[0] ?? 0) >= FIRST_BYTE_OF_2)
  })
}

function isSignedWithEcdsa(algorithm: Element | undefined): boolean {
  const fields = algorithm === undefined ? undefined : readElements(algorithm.content)
  const [id] = fields ?? []
  if (id === undefined || fields?.length !== 1) return false
  const { content } = id
  return content.length === OID_ECDSA_SHA2.length + 1 && equalBytes(content.subarray(0, -1), OID_ECDSA_SHA2)
}

function pointIn({ tag, content }: Element, curve: Curve): Uint8Array | undefined {
  const isPoint = tag === DER.BIT_STRING && content.length === 2 + 2 * curve.bytes
  return isPoint && content[0] === 0 && content[1] === UNCOMPRESSED ? content.subarray(1) : undefined
}

function publicKey(key: Element): { readonly curve: Curve; readonly point: Uint8Array } | ErrorCode {
  const [algorithm, bits] = readElements(key.content) ?? []
  const [type, parameters] = (algorithm === undefined ? undefined : readElements(algorithm.content)) ?? []
  if (type === undefined || parameters === undefined || bits === undefined) return CHIP_ERROR.CERTIFICATE_FORMAT
  const curve = [...CURVES.values()].find((row) => equalBytes(row.oid, parameters.content))
  if (curve === undefined || !equalBytes(type.content, OID_EC_PUBLIC_KEY)) return CHIP_ERROR.UNSUPPORTED_ALGORITHM
  const point = pointIn(bits, curve)
  return point === undefined ? CHIP_ERROR.CERTIFICATE_FORMAT : { curve, point }
}

/** A certificate without key usage may do anything (RFC 5280 §4.2.1.3). */
function allowsSignatures(extensions: Element): boolean {
  const list = readElement(extensions.content, 0)
  for (const extension of (list === undefined ? undefined : readElements(list.content)) ?? []) {
    const [id, ...rest] = readElements(extension.content) ?? []
    if (id === undefined || !equalBytes(id.content, OID_KEY_USAGE)) continue
    const value = rest.at(-1)
    const bits = value === undefined ? undefined : readElement(value.content, 0)
    return ((bits?.content[1] ?? 0) & (BIT_DIGITAL_SIGNATURE | BIT_KEY_CERT_SIGN)) !== 0
  }
  return true
}

const UNCOMPRESSED = 0x04

/** INTEGER 2, inside the tag of the version. */
const VERSION_3 = Uint8Array.of(0x02, 0x01, 0x02)
const SERIAL_BYTES_MAX = 20
const FIRST_BYTE_OF_2 = 80

/** 1.2.840.10045.4.3; the hash follows. */
const OID_ECDSA_SHA2 = Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03)

/** 1.2.840.10045.2.1 */
const OID_EC_PUBLIC_KEY = Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01)

/** 2.5.29.15 */
const OID_KEY_USAGE = Uint8Array.of(0x55, 0x1d, 0x0f)
const BIT_DIGITAL_SIGNATURE = 0x80
const BIT_KEY_CERT_SIGN = 0x04

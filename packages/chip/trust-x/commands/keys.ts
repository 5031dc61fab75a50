import { concatShortLived } from '@birthmark/foundation/kernel'
import { encodeField } from '../apdu.ts'
import { bitStringPoint, certificateKey } from '../certificate-key.ts'
import type { ChipState, PrivateKey } from '../chip-state.ts'
import { CURVES, type Curve, KEY_USAGE, KEY_USAGE_ALL } from '../curves.ts'
import { DER, integerBytes, readElements, writeInteger, writeShort } from '../der.ts'
import { CHIP_ERROR, type ErrorCode, isRefusal } from '../errors.ts'
import { certificateIn } from '../identity.ts'
import { OBJECTS } from '../objects.ts'
import { fieldsOf, NOTHING, type Outcome, oidIn } from './outcome.ts'

/** GenKeyPair: Param is the algorithm; into a key slot or session (01 OID, 02 usage), or out of the chip (07). */
export function genKeyPair(chip: ChipState, param: number, data: Uint8Array): Outcome {
  const curve = CURVES.get(param)
  if (curve === undefined) return CHIP_ERROR.INVALID_PARAM
  const fields = fieldsOf(data, [FIELD.OID, FIELD.USAGE, FIELD.EXPORT])
  if (isRefusal(fields)) return fields
  const usage = fields.get(FIELD.USAGE)
  const exported = fields.get(FIELD.EXPORT)
  if (exported !== undefined) {
    if (fields.size !== 1 || exported.length !== 0) return CHIP_ERROR.INVALID_FIELD
    const { scalar, point } = newKey(chip, curve)
    return concatShortLived(
      encodeField(0x01, writeShort(DER.OCTET_STRING, scalar)),
      encodeField(0x02, bitString(point)),
    )
  }
  const oid = oidIn(fields.get(FIELD.OID))
  const [bits = 0] = usage ?? []
  if (oid === undefined || usage?.length !== 1 || bits === 0 || bits > KEY_USAGE_ALL) return CHIP_ERROR.INVALID_FIELD
  return generateInto(chip, oid, curve, bits)
}

/** CalcSign: ECDSA over a digest (01) with a private key (03); answers two INTEGERs without a SEQUENCE. */
export function calcSign(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== SCHEME_ECDSA) return CHIP_ERROR.INVALID_PARAM
  const fields = fieldsOf(data, [FIELD.DIGEST, FIELD.KEY])
  if (isRefusal(fields)) return fields
  const oid = oidIn(fields.get(FIELD.KEY))
  const digest = fields.get(FIELD.DIGEST)
  if (oid === undefined || digest === undefined) return CHIP_ERROR.INVALID_FIELD
  const key = privateKey(chip, oid, KEY_USAGE.AUTHENTICATION | KEY_USAGE.SIGN)
  if (isRefusal(key)) return key
  if (digest.length < DIGEST_BYTES_MIN || digest.length > key.curve.bytes) return CHIP_ERROR.INVALID_FIELD
  return signWith(chip, oid, key, digest)
}

/** VerifySign: a signature (02) over a digest (01), with a certificate's key (04) or one from the host (05, 06). */
export function verifySign(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== SCHEME_ECDSA) return CHIP_ERROR.INVALID_PARAM
  const fields = fieldsOf(data, [FIELD.DIGEST, FIELD.SIGNATURE, FIELD.CERTIFICATE, FIELD.ALGORITHM, FIELD.PUBLIC_KEY])
  if (isRefusal(fields)) return fields
  const digest = fields.get(FIELD.DIGEST)
  const integers = readElements(fields.get(FIELD.SIGNATURE) ?? NOTHING)
  const key = fields.has(FIELD.CERTIFICATE)
    ? storedPublicKey(chip, oidIn(fields.get(FIELD.CERTIFICATE)), fields.size)
    : givenPublicKey(fields)
  if (isRefusal(key)) return key
  if (digest === undefined || digest.length === 0 || digest.length > key.curve.bytes) return CHIP_ERROR.INVALID_FIELD
  const [first, second] = integers ?? []
  if (first === undefined || second === undefined || integers?.length !== 2) return CHIP_ERROR.INVALID_FIELD
  const r = integerBytes(first, key.curve.bytes)
  const s = integerBytes(second, key.curve.bytes)
  if (r === undefined || s === undefined) return CHIP_ERROR.SIGNATURE_WRONG
  chip.curveBytes = key.curve.bytes
  return chip.crypto.verify(key.curve.name, key.point, digest, { r, s }) ? NOTHING : CHIP_ERROR.SIGNATURE_WRONG
}

/**
 * Finds a private key in a slot or a session and checks that it may be used, for one of the `usages`.
 *
 * @returns An empty slot or session has no usage, so it gives the code for a usage that is not allowed.
 */
export function privateKey(chip: ChipState, oid: number, usages: number): PrivateKey | ErrorCode {
  const kind = OBJECTS.get(oid)?.kind
  const object = chip.object(oid)
  if (object === undefined || (kind !== 'key' && kind !== 'session')) return CHIP_ERROR.INVALID_OID
  if (!chip.allows(object, 'execute')) return CHIP_ERROR.ACCESS_DENIED
  if (kind === 'session') {
    const context = chip.sessions.get(oid)
    return context?.kind === 'key' && (context.key.usage & usages) !== 0 ? context.key : CHIP_ERROR.KEY_USAGE
  }
  const curve = CURVES.get(object.algorithm ?? 0)
  const usage = object.usage ?? 0
  if (curve === undefined || (usage & usages) === 0) return CHIP_ERROR.KEY_USAGE
  return { curve, scalar: object.content, usage }
}

/** Signs with a key that {@link privateKey} gave; a stored key counts as a security event. */
export function signWith(chip: ChipState, oid: number, key: PrivateKey, digest: Uint8Array): Uint8Array {
  if (OBJECTS.get(oid)?.kind === 'key') chip.noteKeyUse()
  chip.curveBytes = key.curve.bytes
  const { r, s } = chip.crypto.sign(key.curve.name, key.scalar, digest)
  return concatShortLived(writeInteger(r), writeInteger(s))
}

function newKey(chip: ChipState, curve: Curve): ReturnType<ChipState['crypto']['generateKey']> {
  chip.curveBytes = curve.bytes
  return chip.crypto.generateKey(curve.name)
}

function generateInto(chip: ChipState, oid: number, curve: Curve, usage: number): Outcome {
  const kind = OBJECTS.get(oid)?.kind
  const object = chip.object(oid)
  if (object === undefined || (kind !== 'key' && kind !== 'session')) return CHIP_ERROR.INVALID_OID
  if (kind === 'key' && !chip.allows(object, 'change')) return CHIP_ERROR.ACCESS_DENIED
  const { scalar, point } = newKey(chip, curve)
  if (kind === 'session') chip.sessions.set(oid, { kind: 'key', key: { curve, scalar, usage } })
  else chip.store(oid, { ...object, algorithm: curve.algorithm, usage, content: scalar })
  return encodeField(0x02, bitString(point))
}

function storedPublicKey(
  chip: ChipState,
  oid: number | undefined,
  fieldCount: number,
): { readonly curve: Curve; readonly point: Uint8Array } | ErrorCode {
  if (oid === undefined || fieldCount !== 3) return CHIP_ERROR.INVALID_FIELD
  const kind = OBJECTS.get(oid)?.kind
  const object = chip.object(oid)
  if (object === undefined || (kind !== 'certificate' && kind !== 'trust-anchor')) return CHIP_ERROR.INVALID_OID
  if (!chip.allows(object, 'read')) return CHIP_ERROR.ACCESS_DENIED
  const der = chip.choices.identityVerifies ? certificateIn(object.content) : object.content
  return der === undefined || der.length === 0
    ? CHIP_ERROR.CERTIFICATE_FORMAT
    : certificateKey(der, chip.choices.parsesAllNames)
}

function givenPublicKey(
  fields: ReadonlyMap<number, Uint8Array>,
): { readonly curve: Curve; readonly point: Uint8Array } | ErrorCode {
  const [algorithm = 0] = fields.get(FIELD.ALGORITHM) ?? []
  const curve = CURVES.get(algorithm)
  if (curve === undefined || fields.get(FIELD.ALGORITHM)?.length !== 1) return CHIP_ERROR.INVALID_FIELD
  const point = bitStringPoint(fields.get(FIELD.PUBLIC_KEY) ?? NOTHING, curve)
  return point === undefined ? CHIP_ERROR.INVALID_FIELD : { curve, point }
}

function bitString(point: Uint8Array): Uint8Array {
  return writeShort(DER.BIT_STRING, concatShortLived(Uint8Array.of(0), point))
}

const FIELD = {
  /** The same tag means the digest in CalcSign and VerifySign, the key's place in GenKeyPair. */
  OID: 0x01,
  DIGEST: 0x01,
  USAGE: 0x02,
  SIGNATURE: 0x02,
  KEY: 0x03,
  CERTIFICATE: 0x04,
  ALGORITHM: 0x05,
  PUBLIC_KEY: 0x06,
  EXPORT: 0x07,
} as const

const SCHEME_ECDSA = 0x11

/** Shortest digest that CalcSign takes, in bytes (Trust M solution reference manual v3.70). */
const DIGEST_BYTES_MIN = 10

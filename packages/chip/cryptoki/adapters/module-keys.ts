import { createPublicKey } from 'node:crypto'
import {
  type Attribute,
  CKA,
  CKK,
  CKM,
  cryptokiFault,
  signatureFromHalves,
  signatureHalves,
} from '@birthmark/chip/cryptoki'
import { concat, fromHex, toHex } from '@birthmark/foundation/kernel'
import { type SignatureAlgorithm, spkiFromPoint } from '@birthmark/foundation/x509'

/** The kinds of keys that are made and used behind a module; RSA keys are used, not made. */
export type ModuleKeyKind = 'ec-p256' | 'ec-p384' | 'rsa'

/** Everything that is known about one kind of key. */
export interface KeyRow {
  readonly kind: ModuleKeyKind
  readonly algorithm: SignatureAlgorithm
  readonly hash: 'sha256' | 'sha384'
  readonly digestBytes: number
  readonly mechanism: number
  /** Makes what the mechanism signs from a digest. */
  readonly input: (digest: Uint8Array) => Uint8Array
  /** Makes a signature as certificates have it from the module's; `undefined` when it cannot be one. */
  readonly fromModule: (signature: Uint8Array) => Uint8Array | undefined
  /** Makes a signature as the module has it; `undefined` when it cannot be one. */
  readonly toModule: (signature: Uint8Array) => Uint8Array | undefined
}

/** Kinds of keys that are made. */
export type ModuleCurve = Exclude<ModuleKeyKind, 'rsa'>

/** Gives the row of a kind. */
export function rowOf(kind: ModuleKeyKind): KeyRow {
  return ROWS[kind]
}

/** CKA_EC_PARAMS of a curve: its name in DER. */
export function parametersOf(curve: ModuleCurve): Uint8Array {
  return PARAMETERS[curve]
}

/**
 * Tells the kind of a key from its attributes CKA_KEY_TYPE and CKA_EC_PARAMS.
 *
 * @throws `CRYPTOKI_KEY_UNSUPPORTED`
 */
export function kindOf(attributes: readonly Attribute[]): ModuleKeyKind {
  const type = valueOf(attributes, CKA.KEY_TYPE)
  if (type === CKK.RSA) return 'rsa'
  if (type !== CKK.EC) throw unsupported('it is neither RSA nor of an elliptic curve')
  const parameters = valueOf(attributes, CKA.EC_PARAMS)
  const named = parameters instanceof Uint8Array ? toHex(parameters) : ''
  for (const curve of CURVES) if (toHex(PARAMETERS[curve]) === named) return curve
  throw unsupported('its curve is neither P-256 nor P-384')
}

/** Makes the SubjectPublicKeyInfo of a public key from its attributes; `undefined` when they make none. */
export function spkiOf(kind: ModuleKeyKind, attributes: readonly Attribute[]): Uint8Array | undefined {
  try {
    return kind === 'rsa' ? rsaSpki(attributes) : ecSpki(kind, attributes)
  } catch {
    // OpenSSL or the reader of the point found it unsound.
    return undefined
  }
}

/** Gives the value of one attribute of a list. */
export function valueOf(attributes: readonly Attribute[], type: number): Attribute['value'] {
  return attributes.find((attribute) => attribute.type === type)?.value
}

function rsaSpki(attributes: readonly Attribute[]): Uint8Array | undefined {
  const modulus = valueOf(attributes, CKA.MODULUS)
  const exponent = valueOf(attributes, CKA.PUBLIC_EXPONENT)
  if (!(modulus instanceof Uint8Array) || !(exponent instanceof Uint8Array)) return undefined
  const [n, e] = [modulus, exponent].map((number) => Buffer.from(number).toString('base64url'))
  const key = createPublicKey({ key: { kty: 'RSA', n: n ?? '', e: e ?? '' }, format: 'jwk' })
  return new Uint8Array(key.export({ type: 'spki', format: 'der' }))
}

function ecSpki(curve: ModuleCurve, attributes: readonly Attribute[]): Uint8Array | undefined {
  const value = valueOf(attributes, CKA.EC_POINT)
  if (!(value instanceof Uint8Array)) return undefined
  // Wrapped as the standard has it, or bare as some modules do.
  const isWrapped = value[0] === OCTET_STRING && value[1] === value.length - 2
  return spkiFromPoint(curve === 'ec-p256' ? 'p256' : 'p384', isWrapped ? value.subarray(2) : value)
}

function ecRow(
  kind: ModuleCurve,
  hash: KeyRow['hash'],
  coordinateBytes: number,
  algorithm: SignatureAlgorithm,
): KeyRow {
  return {
    kind,
    algorithm,
    hash,
    digestBytes: coordinateBytes,
    mechanism: CKM.ECDSA,
    input: (digest) => digest,
    fromModule: (halves) => (halves.length === 2 * coordinateBytes ? signatureFromHalves(halves) : undefined),
    toModule: (der) => signatureHalves(der, coordinateBytes),
  }
}

function unsupported(why: string): Error {
  return cryptokiFault('CRYPTOKI_KEY_UNSUPPORTED', { why })
}

const ROWS: { readonly [Kind in ModuleKeyKind]: KeyRow } = {
  'ec-p256': ecRow('ec-p256', 'sha256', 32, 'ecdsa-p256-sha256'),
  'ec-p384': ecRow('ec-p384', 'sha384', 48, 'ecdsa-p384-sha384'),
  rsa: {
    kind: 'rsa',
    algorithm: 'rsa-pkcs1-sha256',
    hash: 'sha256',
    digestBytes: 32,
    mechanism: CKM.RSA_PKCS,
    // A module pads; the DigestInfo is the caller's (RFC 8017 §9.2, note 1).
    input: (digest) => concat(SHA256_DIGEST_INFO, digest),
    fromModule: (signature) => (RSA_SIGNATURE_BYTES.has(signature.length) ? signature : undefined),
    toModule: (signature) => signature,
  },
}

const CURVES = ['ec-p256', 'ec-p384'] as const

/** RFC 5480 §2.1.1.1. */
const PARAMETERS: { readonly [Curve in ModuleCurve]: Uint8Array } = {
  'ec-p256': fromHex('06 08 2a8648ce3d030107'),
  'ec-p384': fromHex('06 05 2b81040022'),
}

/** RFC 8017 §9.2, note 1. */
const SHA256_DIGEST_INFO = fromHex('30 31 30 0d 06 09 608648016503040201 05 00 04 20')

/** Of RSA-2048, RSA-3072 and RSA-4096. */
const RSA_SIGNATURE_BYTES: ReadonlySet<number> = new Set([256, 384, 512])

const OCTET_STRING = 0x04

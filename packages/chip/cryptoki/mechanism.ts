import { cryptokiFault } from './faults.ts'
import { CKM } from './standard.ts'
import { invalid, NULL, type WireReader, type WireWriter } from './wire.ts'

/**
 * Which of the three encodings the other side speaks: the version byte of its handshake.
 *
 * - 0: p11-kit up to 0.24; parameters other than those of RSA are one byte string
 * - 1: p11-kit 0.25.0 to 0.25.5; more parameters have a form of their own
 * - 2: p11-kit 0.25.6 and later; parameters say whether they are there, and most mechanisms send none
 */
export type Dialect = 0 | 1 | 2

/** A mechanism as a call names it. */
export interface Mechanism {
  readonly type: number
  readonly parameter?: MechanismParameter | undefined
}

/** The parameter of a mechanism, in the form that its type has. */
export type MechanismParameter =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'pss'; readonly hash: bigint; readonly mgf: bigint; readonly saltBytes: bigint }
  | {
      readonly kind: 'oaep'
      readonly hash: bigint
      readonly mgf: bigint
      readonly source: bigint
      readonly label: Bytes
    }
  | { readonly kind: 'ecdh'; readonly kdf: bigint; readonly shared: Bytes; readonly publicKey: Bytes }
  | { readonly kind: 'ctr'; readonly bits: bigint; readonly block: Bytes }
  | { readonly kind: 'gcm'; readonly iv: Bytes; readonly ivBits: bigint; readonly aad: Bytes; readonly tagBits: bigint }
  | { readonly kind: 'ulong'; readonly value: bigint }

/** A byte string that may be C's NULL. */
type Bytes = Uint8Array | undefined

/** @throws `CRYPTOKI_MESSAGE_INVALID` */
export function readMechanism(reader: WireReader, dialect: Dialect): Mechanism | undefined {
  const type = reader.uint32()
  if (type === NULL) return undefined
  if (dialect === 2) {
    if (WITHOUT_PARAMETER.has(type)) return { type }
    const isThere = reader.byte()
    if (isThere > 1) throw invalid('a mechanism’s parameter is neither there nor absent')
    return isThere === 0 ? { type } : withParameter(type, readParameter(reader, formOf(type, dialect)))
  }
  return withParameter(type, readParameter(reader, formOf(type, dialect)))
}

/** @throws `CRYPTOKI_VALUE_SHAPE` when the parameter has another form than its type, or must not be absent */
export function writeMechanism(writer: WireWriter, mechanism: Mechanism | undefined, dialect: Dialect): void {
  writer.uint32(mechanism === undefined ? NULL : mechanism.type)
  if (mechanism === undefined) return
  const { type, parameter } = mechanism
  if (dialect === 2) {
    if (WITHOUT_PARAMETER.has(type)) return
    writer.byte(parameter === undefined ? 0 : 1)
    if (parameter === undefined) return
  }
  const form = formOf(type, dialect)
  if ((parameter?.kind ?? 'bytes') !== form) throw wrongParameter(type)
  if (parameter === undefined) writer.byteString(undefined)
  else writeParameter(writer, parameter)
}

function withParameter(type: number, parameter: MechanismParameter | undefined): Mechanism {
  return parameter === undefined ? { type } : { type, parameter }
}

function readParameter(reader: WireReader, form: Form): MechanismParameter | undefined {
  switch (form) {
    case 'bytes': {
      const bytes = reader.byteString()
      return bytes && { kind: 'bytes', bytes }
    }
    case 'pss':
      return { kind: form, hash: reader.uint64(), mgf: reader.uint64(), saltBytes: reader.uint64() }
    case 'oaep':
      return {
        kind: form,
        hash: reader.uint64(),
        mgf: reader.uint64(),
        source: reader.uint64(),
        label: reader.byteString(),
      }
    case 'ecdh':
      return { kind: form, kdf: reader.uint64(), shared: reader.byteString(), publicKey: reader.byteString() }
    case 'ctr':
      return { kind: form, bits: reader.uint64(), block: reader.byteString() }
    case 'gcm':
      return {
        kind: form,
        iv: reader.byteString(),
        ivBits: reader.uint64(),
        aad: reader.byteString(),
        tagBits: reader.uint64(),
      }
    case 'ulong':
      return { kind: form, value: reader.uint64() }
  }
}

function writeParameter(writer: WireWriter, parameter: MechanismParameter): void {
  switch (parameter.kind) {
    case 'bytes':
      writer.byteString(parameter.bytes)
      break
    case 'pss':
      for (const value of [parameter.hash, parameter.mgf, parameter.saltBytes]) writer.uint64(value)
      break
    case 'oaep':
      for (const value of [parameter.hash, parameter.mgf, parameter.source]) writer.uint64(value)
      writer.byteString(parameter.label)
      break
    case 'ecdh':
      writer.uint64(parameter.kdf)
      for (const bytes of [parameter.shared, parameter.publicKey]) writer.byteString(bytes)
      break
    case 'ctr':
      writer.uint64(parameter.bits)
      writer.byteString(parameter.block)
      break
    case 'gcm':
      writer.byteString(parameter.iv)
      writer.uint64(parameter.ivBits)
      writer.byteString(parameter.aad)
      writer.uint64(parameter.tagBits)
      break
    case 'ulong':
      writer.uint64(parameter.value)
  }
}

type Form = MechanismParameter['kind']

function formOf(type: number, dialect: Dialect): Form {
  const always = RSA_FORMS.get(type)
  if (always !== undefined || dialect === 0) return always ?? 'bytes'
  return LATER_FORMS.get(type) ?? 'bytes'
}

function wrongParameter(type: number): Error {
  return cryptokiFault('CRYPTOKI_VALUE_SHAPE', { what: `mechanism 0x${type.toString(16)}` })
}

/** The forms that every dialect has. */
const RSA_FORMS: ReadonlyMap<number, Form> = new Map([
  ...[0x0d, 0x0e, 0x43, 0x44, 0x45, 0x47].map((type): [number, Form] => [type, 'pss']),
  [CKM.RSA_PKCS_OAEP, 'oaep'],
])

/** The forms that p11-kit 0.25.0 brought: ECDH, CTR, GCM, and the MACs of a chosen length (…_HMAC_GENERAL). */
const LATER_FORMS: ReadonlyMap<number, Form> = new Map([
  [CKM.ECDH1_DERIVE, 'ecdh'],
  [CKM.AES_CTR, 'ctr'],
  [CKM.AES_GCM, 'gcm'],
  ...[0x4a, 0x4e, 0x135, 0x137, 0x222, 0x252, 0x257, 0x262, 0x272, 0x1084, 0x108b].map((type): [number, Form] => [
    type,
    'ulong',
  ]),
])

/** Those that never have a parameter, of which dialect 2 sends the type alone (p11-kit 0.25.6, rpc-message.c). */
const WITHOUT_PARAMETER: ReadonlySet<number> = new Set([
  // RSA, DSA, DH
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0a, 0x0b, 0x0c, 0x10, 0x11, 0x12, 0x20, 0x30, 0x40, 0x41,
  0x42, 0x46, 0x2000, 0x2001, 0x2002,
  // hashes, their HMACs and key derivations
  0x48, 0x49, 0x4b, 0x4c, 0x4d, 0x4f, 0x50, 0x51, 0x53, 0x200, 0x201, 0x210, 0x211, 0x220, 0x221, 0x230, 0x231, 0x240,
  0x241, 0x250, 0x251, 0x255, 0x256, 0x260, 0x261, 0x270, 0x271, 0x392, 0x393, 0x394, 0x395, 0x396,
  // older ciphers
  0x100, 0x101, 0x103, 0x110, 0x111, 0x120, 0x121, 0x123, 0x130, 0x131, 0x132, 0x134, 0x138, 0x140, 0x141, 0x143, 0x300,
  0x301, 0x303, 0x310, 0x311, 0x313, 0x320, 0x321, 0x330, 0x331, 0x333, 0x340, 0x341, 0x343, 0x350, 0x370, 0x374, 0x380,
  0x381, 0x400, 0x1000, 0x1008, 0x1010, 0x1020, 0x1030, 0x1036, 0x1060, 0x1065, 0x1070,
  // elliptic curves, AES
  0x1040, 0x1041, 0x1042, 0x1043, 0x1044, 0x1045, 0x1046, 0x1055, 0x1080, 0x1081, 0x1083, 0x108a,
])

import { concat } from '@birthmark/foundation/kernel'
import { wordAt } from '../apdu.ts'
import { bitStringPoint } from '../certificate-key.ts'
import type { ChipState } from '../chip-state.ts'
import type { ChipCrypto } from '../crypto.ts'
import { CURVES, KEY_USAGE } from '../curves.ts'
import { CHIP_ERROR, type ErrorCode, isRefusal } from '../errors.ts'
import { OBJECTS } from '../objects.ts'
import { privateKey } from './keys.ts'
import { fieldsOf, NOTHING, type Outcome, oidIn } from './outcome.ts'

/** CalcSSec: ECDH with a private key (01) and a public key (05, 06); exported (07) or into a session (08). */
export function calcSSec(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== SCHEME_ECDH) return CHIP_ERROR.INVALID_PARAM
  const fields = fieldsOf(data, [FIELD.SOURCE, FIELD.ALGORITHM, FIELD.PUBLIC_KEY, FIELD.EXPORT, FIELD.SESSION])
  if (isRefusal(fields)) return fields
  const source = oidIn(fields.get(FIELD.SOURCE))
  const algorithm = fields.get(FIELD.ALGORITHM)
  const curve = algorithm?.length === 1 ? CURVES.get(algorithm[0] ?? 0) : undefined
  if (source === undefined || curve === undefined || fields.size !== 4) return CHIP_ERROR.INVALID_FIELD
  const target = targetOf(fields)
  if (isRefusal(target)) return target
  const key = privateKey(chip, source, KEY_USAGE.KEY_AGREEMENT)
  if (isRefusal(key)) return key
  const point = bitStringPoint(fields.get(FIELD.PUBLIC_KEY) ?? NOTHING, curve)
  if (key.curve !== curve || point === undefined) return CHIP_ERROR.INVALID_FIELD
  chip.curveBytes = curve.bytes
  const secret = chip.crypto.agree(curve.name, key.scalar, point)
  if (secret === undefined) return CHIP_ERROR.INVALID_FIELD
  if (OBJECTS.get(source)?.kind === 'key') chip.noteKeyUse()
  return deliver(chip, target, secret)
}

/** DeriveKey: TLS 1.2 PRF from a secret (01) and a seed (02), so many bytes (03); out (07) or to a session (08). */
export function deriveKey(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== SCHEME_TLS_PRF) return CHIP_ERROR.INVALID_PARAM
  const fields = fieldsOf(data, [FIELD.SOURCE, FIELD.SEED, FIELD.LENGTH, FIELD.EXPORT, FIELD.SESSION])
  if (isRefusal(fields)) return fields
  const source = oidIn(fields.get(FIELD.SOURCE))
  const seed = fields.get(FIELD.SEED)
  const length = fields.get(FIELD.LENGTH)
  if (source === undefined || seed === undefined || length?.length !== 2 || fields.size !== 4) {
    return CHIP_ERROR.INVALID_FIELD
  }
  const target = targetOf(fields)
  if (isRefusal(target)) return target
  const count = wordAt(length, 0)
  const countMax = target === 'export' ? EXPORTED_BYTES_MAX : chip.choices.sessionBytesMax
  if (count < DERIVED_BYTES_MIN || count > countMax) return CHIP_ERROR.INVALID_FIELD
  if (seed.length < SEED_BYTES_MIN || seed.length > SEED_BYTES_MAX) return CHIP_ERROR.INVALID_FIELD
  const secret = sharedSecret(chip, source)
  return isRefusal(secret) ? secret : deliver(chip, target, tlsPrf(chip.crypto, secret, seed, count))
}

/**
 * Computes P_SHA256(secret, seed), the pseudo-random function of TLS 1.2 (RFC 5246 §5) whose label is the seed's
 * beginning here.
 */
function tlsPrf(crypto: ChipCrypto, secret: Uint8Array, seed: Uint8Array, count: number): Uint8Array {
  const output = new Uint8Array(count)
  let a = seed
  for (let at = 0; at < count; ) {
    a = crypto.hmacSha256(secret, a)
    const block = crypto.hmacSha256(secret, concat(a, seed))
    output.set(block.subarray(0, count - at), at)
    at += block.length
  }
  return output
}

type Target = 'export' | { readonly session: number }

function targetOf(fields: ReadonlyMap<number, Uint8Array>): Target | ErrorCode {
  const exported = fields.get(FIELD.EXPORT)
  if (exported !== undefined) return exported.length === 0 ? 'export' : CHIP_ERROR.INVALID_FIELD
  const session = oidIn(fields.get(FIELD.SESSION))
  if (session === undefined) return CHIP_ERROR.INVALID_FIELD
  return OBJECTS.get(session)?.kind === 'session' ? { session } : CHIP_ERROR.INVALID_OID
}

function deliver(chip: ChipState, target: Target, secret: Uint8Array): Uint8Array {
  if (target === 'export') return secret
  chip.sessions.set(target.session, { kind: 'secret', secret })
  return NOTHING
}

/** A session's secret, or a data object's whose execute condition allows it. */
function sharedSecret(chip: ChipState, oid: number): Uint8Array | ErrorCode {
  const kind = OBJECTS.get(oid)?.kind
  const object = chip.object(oid)
  if (object === undefined || (kind !== 'session' && kind !== 'data')) return CHIP_ERROR.INVALID_OID
  if (!chip.allows(object, 'execute')) return CHIP_ERROR.ACCESS_DENIED
  if (kind === 'data') return object.content.length > 0 ? object.content : CHIP_ERROR.INVALID_FIELD
  const context = chip.sessions.get(oid)
  return context?.kind === 'secret' ? context.secret : CHIP_ERROR.OUT_OF_SEQUENCE
}

const FIELD = {
  SOURCE: 0x01,
  SEED: 0x02,
  LENGTH: 0x03,
  ALGORITHM: 0x05,
  PUBLIC_KEY: 0x06,
  EXPORT: 0x07,
  SESSION: 0x08,
} as const

const SCHEME_ECDH = 0x01
const SCHEME_TLS_PRF = 0x01

/** Limits of DeriveKey, in bytes (Trust M solution reference manual v3.70, version 1 parts). */
const SEED_BYTES_MIN = 8
const SEED_BYTES_MAX = 1024
const DERIVED_BYTES_MIN = 16
const EXPORTED_BYTES_MAX = 256

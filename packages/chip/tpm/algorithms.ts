/** Algorithms by their numbers (TCG Algorithm Registry; TPM 2.0 Library, Part 2, §6.3 and §6.4). */

/** A hash that names, policies and signatures may use here. SHA-1 is absent on purpose. */
export type TpmHash = 'sha256' | 'sha384' | 'sha512'

/** A curve of endorsement, attestation and device keys. */
export type TpmCurve = 'p256' | 'p384'

/** How a signature is made. */
export type TpmScheme = 'rsassa' | 'rsapss' | 'ecdsa'

export const ALG = {
  RSA: 0x0001,
  AES: 0x0006,
  NULL: 0x0010,
  ECC: 0x0023,
  CFB: 0x0043,
} as const

interface HashRow {
  readonly hash: TpmHash
  readonly id: number
  readonly bytes: number
}

export const HASHES: readonly HashRow[] = [
  { hash: 'sha256', id: 0x000b, bytes: 32 },
  { hash: 'sha384', id: 0x000c, bytes: 48 },
  { hash: 'sha512', id: 0x000d, bytes: 64 },
]

interface CurveRow {
  readonly curve: TpmCurve
  readonly id: number
  /** Of one coordinate. */
  readonly bytes: number
  /** Hex of the SubjectPublicKeyInfo before the point 04 X Y (RFC 5480 §2). */
  readonly spkiPrefix: string
}

export const CURVES: readonly CurveRow[] = [
  { curve: 'p256', id: 0x0003, bytes: 32, spkiPrefix: '3059301306072a8648ce3d020106082a8648ce3d030107034200' },
  { curve: 'p384', id: 0x0004, bytes: 48, spkiPrefix: '3076301006072a8648ce3d020106052b81040022036200' },
]

export const SCHEMES: readonly { readonly scheme: TpmScheme; readonly id: number }[] = [
  { scheme: 'rsassa', id: 0x0014 },
  { scheme: 'rsapss', id: 0x0016 },
  { scheme: 'ecdsa', id: 0x0018 },
]

/** Gives how many bytes a hash has. */
export function hashBytes(hash: TpmHash): number {
  return HASHES.find((row) => row.hash === hash)?.bytes ?? 0
}

/** Gives the number of a hash. */
export function hashId(hash: TpmHash): number {
  return HASHES.find((row) => row.hash === hash)?.id ?? ALG.NULL
}

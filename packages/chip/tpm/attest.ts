import { concat } from '@birthmark/foundation/kernel'
import { HASHES, SCHEMES, type TpmHash, type TpmScheme } from './algorithms.ts'
import { TpmReader } from './wire.ts'

/** What a TPM says about itself, under a signature (TPMS_ATTEST; TPM 2.0 Library, Part 2, §10.12.8). */
export interface TpmAttest {
  /** The qualified name of the key that signed. */
  readonly signer: Uint8Array
  /** What the asker passed as qualifying data. */
  readonly nonce: Uint8Array
  readonly clock: TpmClock
  /** The maker's version of the TPM's firmware. */
  readonly firmware: bigint
  readonly statement: TpmStatement
}

/** Time as the TPM keeps it (TPMS_CLOCK_INFO). */
export interface TpmClock {
  /** Milliseconds of powered life. */
  readonly milliseconds: bigint
  readonly resets: number
  readonly restarts: number
  /** Whether the TPM is sure that it never told a later time. */
  readonly isSafe: boolean
}

/** What is attested; kinds that nobody here asks for keep their number. */
export type TpmStatement =
  | { readonly kind: 'certify'; readonly name: Uint8Array; readonly qualifiedName: Uint8Array }
  | { readonly kind: 'quote'; readonly selections: readonly PcrSelection[]; readonly digest: Uint8Array }
  | { readonly kind: 'other'; readonly type: number }

/** Platform configuration registers of one bank (TPMS_PCR_SELECTION). */
export interface PcrSelection {
  /** The bank's algorithm; banks of SHA-1 exist. */
  readonly bank: number
  readonly registers: readonly number[]
}

/** A signature by a TPM (TPMT_SIGNATURE). ECDSA is r and s, each of the length of the longer. */
export interface TpmSignature {
  readonly scheme: TpmScheme
  readonly hash: TpmHash
  readonly parts: readonly Uint8Array[]
}

/** Banks that one quote may name; TPMs have up to four. At the limit: `TPM_STRUCTURE_INVALID`. */
export const PCR_BANKS_COUNT_MAX = 16

/**
 * Reads a TPMS_ATTEST. Who signed it is not judged here.
 *
 * @throws `TPM_STRUCTURE_INVALID` (peer), also when it does not begin as only the TPM's own words do
 */
export function parseAttest(bytes: Uint8Array): TpmAttest {
  const reader = new TpmReader(bytes, 'attestation')
  if (reader.uint32() !== GENERATED) throw reader.invalid('it does not begin with TPM_GENERATED_VALUE')
  const type = reader.uint16()
  const signer = reader.sized()
  const nonce = reader.sized()
  const clock = {
    milliseconds: reader.uint64(),
    resets: reader.uint32(),
    restarts: reader.uint32(),
    isSafe: reader.uint8() === 1,
  }
  const firmware = reader.uint64()
  return { signer, nonce, clock, firmware, statement: readStatement(reader, type) }
}

/**
 * Reads a TPMT_SIGNATURE.
 *
 * @throws `TPM_STRUCTURE_INVALID` (peer), also for schemes and hashes that are not used here
 */
export function parseSignature(bytes: Uint8Array): TpmSignature {
  const reader = new TpmReader(bytes, 'signature of a TPM')
  const signature = readSignature(reader)
  reader.end()
  return signature
}

function readSignature(reader: TpmReader): TpmSignature {
  const [id, hashNumber] = [reader.uint16(), reader.uint16()]
  const scheme = SCHEMES.find((row) => row.id === id)?.scheme
  const hash = HASHES.find((row) => row.id === hashNumber)?.hash
  if (scheme === undefined || hash === undefined) throw reader.invalid(`the scheme ${id} with the hash ${hashNumber}`)
  return { scheme, hash, parts: scheme === 'ecdsa' ? [reader.sized(), reader.sized()] : [reader.sized()] }
}

function readStatement(reader: TpmReader, type: number): TpmStatement {
  if (type === CERTIFY) {
    const statement = { kind: 'certify', name: reader.sized(), qualifiedName: reader.sized() } as const
    reader.end()
    return statement
  }
  if (type !== QUOTE) return { kind: 'other', type }
  const count = reader.uint32()
  if (count > PCR_BANKS_COUNT_MAX) throw reader.invalid(`${count} banks of registers`)
  const selections = Array.from({ length: count }, () => readSelection(reader))
  const digest = reader.sized()
  reader.end()
  return { kind: 'quote', selections, digest }
}

function readSelection(reader: TpmReader): PcrSelection {
  const bank = reader.uint16()
  const bits = reader.take(reader.uint8())
  const registers = [...bits].flatMap((octet, index) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (octet & (1 << bit)) !== 0).map((bit) => index * 8 + bit),
  )
  return { bank, registers }
}

/** Joins the parts of a signature, each padded to `bytes`; `undefined` when one is longer. */
export function joinParts(parts: readonly Uint8Array[], bytes: number): Uint8Array | undefined {
  if (parts.some((part) => part.length > bytes)) return undefined
  return concat(...parts.flatMap((part) => [new Uint8Array(bytes - part.length), part]))
}

/** "\xffTCG": nothing else that a restricted key signs may begin so. */
const GENERATED = 0xff54_4347
const CERTIFY = 0x8017
const QUOTE = 0x8018

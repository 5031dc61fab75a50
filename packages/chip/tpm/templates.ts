import { concat, fromHex } from '@birthmark/foundation/kernel'
import { ALG } from './algorithms.ts'
import { type AttributeName, attributeBits } from './attributes.ts'
import { sized, uint16s, uint32 } from './wire.ts'

/** A kind of endorsement key that the TCG has a template for. */
export type EndorsementKind = 'rsa-2048' | 'ec-p256' | 'ec-p384'

interface EndorsementRow {
  readonly kind: EndorsementKind
  /** Where the certificate lies in the TPM's memory. */
  readonly certificateIndex: number
  /** The TPMT_PUBLIC that makes the key again from the TPM's endorsement seed. */
  readonly template: Uint8Array
}

const SHA256 = 0x000b
const SHA384 = 0x000c

/** An ECC or RSA key for the parts of a TPMT_PUBLIC that come before its own. */
function head(type: number, hash: number, attributes: readonly AttributeName[], policy: Uint8Array): Uint8Array {
  return concat(uint16s(type, hash), uint32(attributeBits(...attributes)), sized(policy))
}

function aesCfb(bits: number): Uint8Array {
  return uint16s(ALG.AES, bits, ALG.CFB)
}

const STORAGE: readonly AttributeName[] = [
  'fixedTPM',
  'fixedParent',
  'sensitiveDataOrigin',
  'adminWithPolicy',
  'restricted',
  'decrypt',
]

/** PolicySecret(TPM_RH_ENDORSEMENT) with SHA-256: PolicyA of the profile's low range. */
const POLICY_A = fromHex('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa')
/** PolicyOR of the profile's high range with SHA-384; its keys also take a plain authorisation. */
const POLICY_B_SHA384 = fromHex(
  'b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12',
)

/**
 * Endorsement keys by preference: the TCG EK Credential Profile for TPM Family 2.0, §2.2.1.4 (indices) and Annex B
 * (templates L-1, L-2 and H-3).
 */
export const ENDORSEMENT_KEYS: readonly EndorsementRow[] = [
  {
    kind: 'rsa-2048',
    certificateIndex: 0x01c0_0002,
    template: concat(
      head(ALG.RSA, SHA256, STORAGE, POLICY_A),
      aesCfb(128),
      uint16s(ALG.NULL, 2048),
      uint32(0),
      sized(new Uint8Array(256)),
    ),
  },
  {
    kind: 'ec-p256',
    certificateIndex: 0x01c0_000a,
    template: concat(
      head(ALG.ECC, SHA256, STORAGE, POLICY_A),
      aesCfb(128),
      uint16s(ALG.NULL, 0x0003, ALG.NULL),
      sized(new Uint8Array(32)),
      sized(new Uint8Array(32)),
    ),
  },
  {
    kind: 'ec-p384',
    certificateIndex: 0x01c0_0016,
    template: concat(
      head(ALG.ECC, SHA384, [...STORAGE, 'userWithAuth'], POLICY_B_SHA384),
      aesCfb(256),
      uint16s(ALG.NULL, 0x0004, ALG.NULL, 0, 0),
    ),
  },
]

/**
 * The indices that hold the CA certificates above the endorsement certificates, where a maker put them
 * (§2.2.1.5.2).
 */
export const CHAIN_INDICES = { first: 0x01c0_0100, last: 0x01c0_01ff } as const

/** Where persistent endorsement keys are (TCG Handle Registry). */
export const ENDORSEMENT_HANDLES = { first: 0x8101_0000, last: 0x8101_ffff } as const

/**
 * The attestation key: P-256, restricted to sign what the TPM says. As a primary key it is made anew whenever it is
 * needed, always the same one, until the TPM is cleared; nothing has to be kept.
 */
export const ATTESTATION_TEMPLATE: Uint8Array = concat(
  head(
    ALG.ECC,
    SHA256,
    ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'userWithAuth', 'restricted', 'sign'],
    new Uint8Array(0),
  ),
  // No cipher; ECDSA with SHA-256; P-256; no derivation; nothing that makes this key differ from others of its kind.
  uint16s(ALG.NULL, 0x0018, SHA256, 0x0003, ALG.NULL, 0, 0),
)

import { CHIP_ERROR, type ErrorCode } from './errors.ts'

/**
 * What no public document says about a Trust X, and what this chip does instead. Each has a default that any host can
 * live with; change one to see how a host behaves when silicon decided otherwise. docs/reference/trust-x-choices.md
 * says where each question comes from.
 */
export interface ChipChoices {
  /** Error for lowering a lifecycle, of an object, the application or the chip, and for changing frozen metadata. */
  readonly frozenError: ErrorCode
  /** Error for reading the content of a key or a session. */
  readonly keyContentError: ErrorCode
  /** Whether keys show their read condition, never, which a missing one means anyway. */
  readonly keysShowRead: boolean
  /** Used size that the metadata of an object shows before anything was written to it. */
  readonly freshUsedSize: 'zero' | 'maximum'
  /** Contents of registers GUARD_TIME and TRANS_TIMEOUT; all ones means: use the default. */
  readonly guardTime: number
  readonly transTimeout: number
  /** How long a sleeping chip does not acknowledge its address after it was first addressed, in milliseconds. */
  readonly wakeMillis: number
  /** A write that starts behind the used size, without erasing: the gap reads zero, or it is a boundary error. */
  readonly gap: 'zeros' | 'refused'
  /** What one use of a stored key adds to the security event counter, or takes from the credit. */
  readonly securityEventsPerUse: number
  /** Most security events that quiet time earns. */
  readonly securityCreditMax: number
  /** Whether VerifySign takes a certificate that is wrapped as a TLS identity. */
  readonly identityVerifies: boolean
  /** Whether certificates may have names with attributes that the silicon is known not to parse. */
  readonly parsesAllNames: boolean
  /** Most bytes that DeriveKey puts into a session. */
  readonly sessionBytesMax: number
  /** Lifecycle in which E0E2, E0E3, E0E8 and E0EF leave the works: creation, or operational, which freezes them. */
  readonly delivered: 'creation' | 'operational'
}

/** The choices of a chip that is not told otherwise. */
export const DEFAULT_CHOICES: ChipChoices = {
  frozenError: CHIP_ERROR.ACCESS_DENIED,
  keyContentError: CHIP_ERROR.ACCESS_DENIED,
  keysShowRead: false,
  freshUsedSize: 'zero',
  guardTime: 0xffffffff,
  transTimeout: 0xffffffff,
  wakeMillis: 5,
  gap: 'zeros',
  securityEventsPerUse: 1,
  securityCreditMax: 5,
  identityVerifies: true,
  parsesAllNames: false,
  sessionBytesMax: 48,
  delivered: 'creation',
}

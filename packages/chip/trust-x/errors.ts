/** Why the chip refuses a command (OPTIGA Trust X host library, device errors; 0D, 2D: Trust M manual v3.70). */
export const CHIP_ERROR = {
  INVALID_OID: 0x01,
  INVALID_PARAM: 0x03,
  /** InLen, or a length inside InData, does not fit the bytes that are there. */
  INVALID_LENGTH: 0x04,
  /** A field of InData is missing, unexpected or out of its range. */
  INVALID_FIELD: 0x05,
  INTERNAL: 0x06,
  ACCESS_DENIED: 0x07,
  BOUNDARY_EXCEEDED: 0x08,
  METADATA_TRUNCATED: 0x09,
  INVALID_COMMAND: 0x0a,
  OUT_OF_SEQUENCE: 0x0b,
  NOT_AVAILABLE: 0x0c,
  INSUFFICIENT_MEMORY: 0x0d,
  /** Key usage or algorithm is not allowed for this key. */
  KEY_USAGE: 0x24,
  CERTIFICATE_FORMAT: 0x29,
  UNSUPPORTED_ALGORITHM: 0x2a,
  SIGNATURE_WRONG: 0x2c,
  INTEGRITY: 0x2d,
} as const

/** One byte that says why a command was refused; the host reads it from object F1C2. */
export type ErrorCode = (typeof CHIP_ERROR)[keyof typeof CHIP_ERROR]

/** Tells whether a command's outcome is a refusal. */
export function isRefusal<Value>(outcome: Value | ErrorCode): outcome is ErrorCode {
  return typeof outcome === 'number'
}

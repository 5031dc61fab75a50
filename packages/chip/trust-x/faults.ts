import { type Fault, type FaultContext, faults, type Raise } from '@birthmark/foundation/kernel'

/**
 * What can go wrong with a Trust X. The context's `executed` says whether a command took effect: `no`, `yes` or
 * `unknown`.
 * The first block has one row per error code of the chip.
 */
export const TRUST_X_FAULTS = {
  TRUST_X_INVALID_OID: {
    blame: 'caller',
    message: 'the chip has no such object for {command}',
    remedy: 'Name an object that the chip has and that this command takes.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_INVALID_PARAM: {
    blame: 'caller',
    message: 'the chip does not know this parameter of {command}',
    remedy: 'Use an algorithm or scheme that the chip has.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_INVALID_LENGTH: {
    blame: 'caller',
    message: 'the length of {command} is wrong',
    remedy: 'Keep to the lengths in the documentation of the call.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_INVALID_FIELD: {
    blame: 'caller',
    message: 'the chip does not accept a value in {command}',
    remedy: 'Keep to the ranges in the documentation of the call.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_INTERNAL: {
    blame: 'operator',
    message: 'the chip failed inside while it executed {command}',
    remedy: 'Reset the chip; a virtual chip says in its log what happened, a full disk for example.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_ACCESS_DENIED: {
    blame: 'caller',
    message: 'the access conditions of the object do not allow {command}',
    remedy: 'Read the object’s metadata: a locked object cannot be changed any more, a key cannot be read.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_BOUNDARY_EXCEEDED: {
    blame: 'caller',
    message: 'the data does not fit the object in {command}',
    remedy: 'Keep offset and length inside the object’s size.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_METADATA_TRUNCATED: {
    blame: 'caller',
    message: 'the metadata would grow beyond 28 bytes',
    remedy: 'Use shorter access conditions.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_INVALID_COMMAND: {
    blame: 'caller',
    message: 'the chip has no command {command}',
    remedy: 'Use another way; a virtual chip has no DTLS client.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_OUT_OF_SEQUENCE: {
    blame: 'caller',
    message: '{command} came out of sequence',
    remedy: 'Start the sequence again; a reset of the chip in between drops it.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_NOT_AVAILABLE: {
    blame: 'peer',
    message: 'the chip had lost its state, or is terminated, when {command} came',
    remedy: 'Try again: the application is opened anew. A terminated chip stays unusable.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_INSUFFICIENT_MEMORY: {
    blame: 'caller',
    message: 'the answer to {command} would be too long for the chip',
    remedy: 'Ask for less at a time.',
    spec: 'Trust M solution reference manual v3.70, error codes',
  },
  TRUST_X_HANDSHAKE_FAILED: {
    blame: 'peer',
    message: 'the chip’s DTLS client refused a message of the other side (error code {error})',
    remedy: 'Check version, cipher suite and certificates of the server.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_KEY_USAGE: {
    blame: 'caller',
    message: 'the key may not be used for {command}, or its slot is empty',
    remedy: 'Make a key with the right usage in this slot.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_TRUST_ANCHOR_REFUSED: {
    blame: 'operator',
    message: 'the chip does not accept its trust anchor (error code {error})',
    remedy: 'Write a valid certificate of the right kind into the trust anchor.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_CERTIFICATE_REFUSED: {
    blame: 'peer',
    message: 'the chip does not accept the certificate in {command} (error code {error})',
    remedy: 'Use an X.509 v3 certificate with a P-256 or P-384 key that is valid and may sign.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_SIGNATURE_WRONG: {
    blame: 'peer',
    message: 'the signature is not the one of this key over this digest',
    remedy: 'Refuse what was signed.',
    spec: 'OPTIGA Trust X host library, device errors',
  },
  TRUST_X_INTEGRITY: {
    blame: 'peer',
    message: 'the chip could not authenticate or decrypt the data of {command} (error code {error})',
    remedy: 'Refuse the data.',
    spec: 'Trust M solution reference manual v3.70, error codes',
  },
  TRUST_X_UNKNOWN_ERROR: {
    blame: 'peer',
    message: 'the chip refused {command} with the unknown error code {error}',
    remedy: 'Check which chip and firmware this is.',
  },
  TRUST_X_COMMAND_LOST: {
    blame: 'peer',
    message: 'the chip was lost during {command} ({why}); carried out: {executed}',
    remedy: 'Bring the chip back; where it does not say "no", look what the chip holds before you repeat.',
  },
  TRUST_X_CANCELLED: {
    blame: 'caller',
    message: '{command} was cancelled; carried out: {executed}',
    remedy: 'Look what the chip holds before you repeat it, unless it was certainly not carried out.',
  },
  TRUST_X_RESPONSE_INVALID: {
    blame: 'peer',
    message: 'the chip’s response to {command} makes no sense',
    remedy: 'Check which chip and firmware this is.',
  },
  TRUST_X_QUEUE_FULL: {
    blame: 'busy',
    message: '{waiting} commands wait for this chip already',
    remedy: 'Wait for answers before sending more; a chip does one thing at a time.',
  },
  TRUST_X_SLOT_UNKNOWN: {
    blame: 'caller',
    message: 'there is no slot of this name in a Trust X',
    remedy: 'Name a slot by its object identifier, such as 0xE0F1.',
  },
  TRUST_X_NOT_LOCKABLE: {
    blame: 'caller',
    message: 'object {slot} cannot be made unchangeable any more',
    remedy: 'Use another slot: its change condition was frozen in a form that allows changes.',
  },
} as const
export const trustXFault: Raise<typeof TRUST_X_FAULTS> = faults(TRUST_X_FAULTS)

/** Makes the fault for an error code that the chip gave in F1C2. */
export function refusalFault(error: number, context: FaultContext): Fault {
  return trustXFault(FAULT_BY_ERROR.get(error) ?? 'TRUST_X_UNKNOWN_ERROR', { executed: 'no', ...context, error })
}

const FAULT_BY_ERROR: ReadonlyMap<number, keyof typeof TRUST_X_FAULTS> = new Map([
  [0x01, 'TRUST_X_INVALID_OID'],
  [0x03, 'TRUST_X_INVALID_PARAM'],
  [0x04, 'TRUST_X_INVALID_LENGTH'],
  [0x05, 'TRUST_X_INVALID_FIELD'],
  [0x06, 'TRUST_X_INTERNAL'],
  [0x07, 'TRUST_X_ACCESS_DENIED'],
  [0x08, 'TRUST_X_BOUNDARY_EXCEEDED'],
  [0x09, 'TRUST_X_METADATA_TRUNCATED'],
  [0x0a, 'TRUST_X_INVALID_COMMAND'],
  [0x0b, 'TRUST_X_OUT_OF_SEQUENCE'],
  [0x0c, 'TRUST_X_NOT_AVAILABLE'],
  [0x0d, 'TRUST_X_INSUFFICIENT_MEMORY'],
  [0x21, 'TRUST_X_HANDSHAKE_FAILED'],
  [0x22, 'TRUST_X_HANDSHAKE_FAILED'],
  [0x23, 'TRUST_X_HANDSHAKE_FAILED'],
  [0x24, 'TRUST_X_KEY_USAGE'],
  [0x25, 'TRUST_X_HANDSHAKE_FAILED'],
  [0x26, 'TRUST_X_TRUST_ANCHOR_REFUSED'],
  [0x27, 'TRUST_X_TRUST_ANCHOR_REFUSED'],
  [0x28, 'TRUST_X_TRUST_ANCHOR_REFUSED'],
  [0x29, 'TRUST_X_CERTIFICATE_REFUSED'],
  [0x2a, 'TRUST_X_CERTIFICATE_REFUSED'],
  [0x2b, 'TRUST_X_CERTIFICATE_REFUSED'],
  [0x2c, 'TRUST_X_SIGNATURE_WRONG'],
  [0x2d, 'TRUST_X_INTEGRITY'],
  [0x2e, 'TRUST_X_INTEGRITY'],
])

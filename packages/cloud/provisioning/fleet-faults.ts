import { Fault, faults, type Raise } from '@birthmark/foundation/kernel'
import { PROVISIONING_FAULTS } from './faults.ts'

/** What can be wrong with a request of fleet provisioning over MQTT. */
export const FLEET_FAULTS = {
  FLEET_PAYLOAD_MALFORMED: {
    blame: 'peer',
    message: 'the payload is no {format} object: {why}',
    remedy: 'Send one object, in the format that the topic names.',
    spec: 'AWS IoT Core developer guide, Device provisioning MQTT API',
  },
  FLEET_MEMBER_INVALID: {
    blame: 'peer',
    message: '{member} must be {expected}',
    remedy: 'Correct it in the payload.',
    spec: 'AWS IoT Core developer guide, Device provisioning MQTT API',
  },
  FLEET_CSR_INVALID: {
    blame: 'peer',
    message: 'the certificate signing request is refused: {why}',
    remedy: 'Make a PKCS#10 request in PEM with an RSA key of 2048 bits or more, or a NIST curve.',
  },
  FLEET_TOKEN_INVALID: {
    blame: 'peer',
    message: '{why}',
    remedy: 'Send the token of the answer that brought the certificate, over the same identity.',
  },
  FLEET_TOKEN_EXPIRED: {
    blame: 'peer',
    message: 'the certificate ownership token expired at {at}',
    remedy: 'Ask for another certificate: its answer has a new token.',
  },
  FLEET_TOKEN_SPENT: {
    blame: 'peer',
    message: 'the certificate ownership token was used for another request already',
    remedy: 'Ask for another certificate: its answer has a new token.',
  },
  FLEET_TEMPLATE_ABSENT: {
    blame: 'peer',
    message: 'provisioning template {template} does not exist or is not of type FLEET_PROVISIONING',
    remedy: 'Create it, or correct the name in the topic.',
  },
  FLEET_TEMPLATE_DISABLED: {
    blame: 'operator',
    message: 'provisioning template {template} is not enabled',
    remedy: 'Enable it (UpdateProvisioningTemplate).',
  },
  FLEET_OUTSIDE_ALLOW_LIST: {
    blame: 'peer',
    message: 'parameter {parameter} has the value {value}, which is not in allow-list {list}',
    remedy: 'Import the batch that the device belongs to; if it is none of yours, the claim has leaked.',
  },
  FLEET_CLAIM_EXHAUSTED: {
    blame: 'peer',
    message: 'value {value} of allow-list {list} was used for certificate {usedBy} already',
    remedy: 'Allow it again if the device was reset; otherwise somebody uses its serial number.',
  },
  FLEET_THING_TAKEN: {
    blame: 'peer',
    message: 'thing {thing} exists and belongs to certificate {other}',
    remedy: 'Detach that certificate if the device was reset; otherwise somebody uses its name.',
  },
  HOOK_REFUSED: {
    blame: 'peer',
    message: 'pre-provisioning hook {hook} did not allow it: {why}',
    remedy: 'Look into the function for its reason; it must answer {"allowProvisioning": true}.',
    spec: 'AWS IoT Core developer guide, Pre-provisioning hooks',
  },
  HOOK_SLOW: {
    blame: 'operator',
    message: 'pre-provisioning hook {hook} has not answered within {seconds} seconds',
    remedy: 'Make the function faster; the device may ask again.',
    spec: 'AWS IoT Core developer guide, Pre-provisioning hooks',
  },
  HOOK_FAILED: {
    blame: 'operator',
    message: 'pre-provisioning hook {hook} failed: {why}',
    remedy: 'Correct the function; the device may ask again.',
    spec: 'AWS IoT Core developer guide, Pre-provisioning hooks',
  },
  FLEET_BUSY: {
    blame: 'busy',
    message: '{what}',
    remedy: 'Wait for the answers, and ask again after a while.',
  },
  FLEET_BRAKED: {
    blame: 'busy',
    message: '{why}; ask again in {seconds} seconds',
    remedy: 'Look at the alarms: if the claim has leaked, deactivate its certificate and give the batch another one.',
  },
} as const

/** Makes a fault of {@link FLEET_FAULTS}. */
export const fleetFault: Raise<typeof FLEET_FAULTS> = faults(FLEET_FAULTS)

/** What a client is told on the topic `…/rejected` (AWS IoT Core developer guide, Device provisioning MQTT API). */
export interface Rejection {
  readonly statusCode: number
  readonly errorCode: string
  readonly errorMessage: string
}

/** Gives the answer to a request that failed with `error`; what is not the client's concern is not told. */
export function rejectionOf(error: unknown): Rejection {
  if (!(error instanceof Fault)) return INTERNAL
  const row = ANSWERS.get(error.code)
  if (row !== undefined) return { statusCode: row[0], errorCode: row[1], errorMessage: sentence(error) }
  if (UNAVAILABLE.has(error.code)) return { ...INTERNAL, statusCode: 503, errorCode: 'ServiceUnavailable' }
  if (Object.hasOwn(PROVISIONING_FAULTS, error.code)) {
    const isPeers = error.blame === 'peer'
    return {
      statusCode: 400,
      errorCode: isPeers ? 'InvalidParameters' : 'ResourceRegistrationFailure',
      errorMessage: sentence(error),
    }
  }
  return INTERNAL
}

/** Tells whether a failure is foreseen: an answer says all about it. */
export function isForeseen(error: unknown): boolean {
  return rejectionOf(error) !== INTERNAL
}

/** AWS's own sentences end with a full stop, and some clients compare them. */
function sentence({ message }: Fault): string {
  return message.endsWith('.') ? message : `${message}.`
}

const INTERNAL: Rejection = {
  statusCode: 500,
  errorCode: 'InternalFailure',
  errorMessage: 'An unexpected error has occurred.',
}

/** `InvalidCertificateOwnershipToken` and `ACCESS_DENIED` are AWS's words; of the others only the numbers are known. */
const ANSWERS: ReadonlyMap<string, readonly [number, string]> = new Map([
  ['FLEET_PAYLOAD_MALFORMED', [400, 'InvalidPayload']],
  ['FLEET_MEMBER_INVALID', [400, 'InvalidParameters']],
  ['FLEET_CSR_INVALID', [400, 'InvalidCertificateSigningRequest']],
  ['FLEET_TOKEN_INVALID', [400, 'InvalidCertificateOwnershipToken']],
  ['FLEET_TOKEN_EXPIRED', [400, 'InvalidCertificateOwnershipToken']],
  ['FLEET_TOKEN_SPENT', [400, 'InvalidCertificateOwnershipToken']],
  ['FLEET_TEMPLATE_ABSENT', [404, 'ResourceNotFound']],
  ['FLEET_TEMPLATE_DISABLED', [403, 'ACCESS_DENIED']],
  ['FLEET_OUTSIDE_ALLOW_LIST', [403, 'ACCESS_DENIED']],
  ['FLEET_CLAIM_EXHAUSTED', [403, 'ACCESS_DENIED']],
  ['FLEET_THING_TAKEN', [403, 'ACCESS_DENIED']],
  ['HOOK_REFUSED', [403, 'ACCESS_DENIED']],
  ['HOOK_SLOW', [403, 'ACCESS_DENIED']],
  ['HOOK_FAILED', [403, 'ACCESS_DENIED']],
  ['FLEET_BUSY', [429, 'Throttling']],
  ['FLEET_BRAKED', [429, 'Throttling']],
  ['PROVISIONING_RESOURCE_CONFLICT', [409, 'ResourceConflict']],
  ['PROVISIONING_CONTENDED', [429, 'Throttling']],
])

const UNAVAILABLE: ReadonlySet<string> = new Set(['CERTIFICATE_PROVIDER_UNAVAILABLE', 'DISK_FULL', 'REGISTRY_CLOSED'])

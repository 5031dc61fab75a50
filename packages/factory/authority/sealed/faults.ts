import { faults, type Raise } from '@birthmark/foundation/kernel'

export const SEALED_FAULTS = {
  SEALED_GRANT_REFUSED: {
    blame: 'caller',
    message: 'no such sealed CA can be granted: {why}',
    remedy: 'Ask for less, or for a shorter time.',
  },
  SEALED_CA_KEY_KNOWN: {
    blame: 'caller',
    message: 'the key of this request has a grant already, of {count} certificates until {until}',
    remedy: 'Have the station make a new key: a key has one grant, so that what was signed with it can be counted.',
  },
  SEALED_CA_UNKNOWN: {
    blame: 'peer',
    message: 'the account is of a CA that was not granted here: {why}',
    remedy: "Take the account to the authority that sealed the CA ('birthmark ca seal').",
  },
  SEALED_ACCOUNT_INVALID: {
    blame: 'peer',
    message: 'the account cannot be used: {why}',
    remedy: "Have the station write it again ('birthmark ca account'); nothing was changed here.",
  },
  SEALED_CA_OVERUSED: {
    blame: 'peer',
    message: 'the sealed CA {serial} broke its grant and is revoked: {why}',
    remedy: 'Publish new revocation lists, trust no device of that CA, and find out what the station did.',
  },
  SEALED_DEVICE_TWICE: {
    blame: 'peer',
    message: 'the device {device} of this account is in the account of the sealed CA {serial} as well',
    remedy: 'Find out which of the two certificates is in the element; revoke the other and run this again.',
  },
} as const
export const sealedFault: Raise<typeof SEALED_FAULTS> = faults(SEALED_FAULTS)

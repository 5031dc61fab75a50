import { faults, type Raise } from '@birthmark/foundation/kernel'

export const LINE_FAULTS = {
  DEVICE_UID_UNFIT: {
    blame: 'peer',
    message: 'the element gives a number of {characters} characters that is not 8 to 64 hex digits in lower case',
    remedy: 'Check the driver of this element: its number names the device for good.',
  },
  DEVICE_IN_WORK: {
    blame: 'operator',
    message: 'the element {uid} is in another socket at this moment',
    remedy: 'Look for two sockets on one bus address, or for two elements with the same number.',
  },
  DEVICE_OF_OTHER_ORDER: {
    blame: 'operator',
    message: 'the element {uid} belongs to the work order {order}',
    remedy: 'Finish it under that order, or take a fresh element.',
  },
  DEVICE_SCRAPPED: {
    blame: 'operator',
    message: 'the element {uid} was scrapped before',
    remedy: 'Destroy it; an element that was scrapped is never used again.',
  },
  DEVICE_REVOKED: {
    blame: 'operator',
    message: 'the certificate of element {uid} was revoked',
    remedy: 'Scrap it; what was revoked stays so.',
  },
  CERTIFICATE_PENDING: {
    blame: 'busy',
    message: 'the CSR of element {uid} waits until the authority can be reached',
    remedy: "Run 'birthmark line sync' then, and put the element in again.",
  },
  ORDER_LOCKS_IMPOSSIBLE: {
    blame: 'operator',
    message: 'the work order {order} wants locks, and a credential that is packed here cannot be locked',
    remedy: 'Use an order without locks for injected credentials, images and claims.',
  },
  BIRTH_KEY_LOST: {
    blame: 'operator',
    message: 'the key that was made for {uid} is gone, so the device is scrapped, on record',
    remedy: 'Give the part another number; revoke the certificate if the authority issued one.',
  },
  CREDENTIAL_TOO_LARGE: {
    blame: 'operator',
    message: 'the credential does not fit into {most} bytes',
    remedy: 'Use a shorter chain of issuers.',
  },
  CREDENTIAL_UNREADABLE: {
    blame: 'peer',
    message: 'the sealed credential cannot be opened: {why}',
    remedy: 'Check which key it was sealed for, and get it again from the line.',
  },
  RUN_FILE_INVALID: {
    blame: 'operator',
    message: 'the file of a run cannot be read: {problems}',
    remedy: 'Take it out of the folder; the ledger does not need it.',
  },
  ORDER_COMPLETE: {
    blame: 'operator',
    message: 'all {count} devices of the work order {order} were begun already',
    remedy: 'Finish the devices that were begun, or start the line with another order.',
  },
  DEVICE_KEY_CHANGED: {
    blame: 'operator',
    message: 'the element {uid} does not hold the key that was made for it',
    remedy:
      'Scrap the element and revoke its certificate, if it has one; find out who wrote to it after its key was made.',
  },
  DEVICE_CERTIFICATE_CHANGED: {
    blame: 'operator',
    message: 'the element {uid} does not hold the certificate that was made for it',
    remedy: 'Scrap the element and revoke its certificate; find out who wrote to it after it was made.',
  },
  CERTIFICATE_NOT_FOR_KEY: {
    blame: 'operator',
    message: 'the authority gave a certificate for another key than that of element {uid}',
    remedy: 'Stop the line and check the authority; nothing was written to the element.',
  },
  READ_BACK_DIFFERS: {
    blame: 'operator',
    message: 'slot {slot} of element {uid} reads other than it was written',
    remedy: 'Put the element in again; if it fails once more, check the contacts of the socket, then scrap it.',
  },
  LOCK_INEFFECTIVE: {
    blame: 'operator',
    message: 'slot {slot} of element {uid} was locked and still says that it is not',
    remedy: 'Put the element in again; if it fails once more, scrap it.',
  },
} as const
export const lineFault: Raise<typeof LINE_FAULTS> = faults(LINE_FAULTS)

/** The faults after which no repetition can make a good device: it is scrapped, on record. */
export const SCRAPPING_CODES: ReadonlySet<string> = new Set<keyof typeof LINE_FAULTS>([
  'DEVICE_KEY_CHANGED',
  'DEVICE_CERTIFICATE_CHANGED',
])

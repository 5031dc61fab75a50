import { faults, type Raise } from '@birthmark/foundation/kernel'

export const AUTHORITY_FAULTS = {
  AUTHORITY_EXISTS: {
    blame: 'operator',
    message: 'there is something in {folder} already',
    remedy:
      'Open the authority that is there, or name a folder that is empty or absent; an authority is never overwritten.',
  },
  AUTHORITY_MISSING: {
    blame: 'operator',
    message: 'there is no authority in {folder}: {file} is missing',
    remedy:
      'Name the folder of an authority, restore the file from its backup, or create an authority in an empty folder.',
  },
  AUTHORITY_DAMAGED: {
    blame: 'operator',
    message: 'the authority is damaged: {why}',
    remedy: 'Nothing was signed. Restore the folder from its backup and find out what changed it.',
  },
  AUTHORITY_PASSPHRASE_WRONG: {
    blame: 'operator',
    message: 'the passphrase does not open the keys in {folder}',
    remedy: 'Give the passphrase that the authority was created with; without it the keys cannot be used by anybody.',
  },
  AUTHORITY_IN_USE: {
    blame: 'operator',
    message: 'another process has the authority in {folder} open',
    remedy: 'Stop the other process first, or ask it over its socket: one process at a time may sign.',
  },
  AUTHORITY_CLOSED: {
    blame: 'caller',
    message: 'the authority was closed',
    remedy: 'Open it again before asking for a certificate.',
  },
  AUTHORITY_RECORD_REFUSED: {
    blame: 'bug',
    message: 'the journal holds a record of kind {kind} now that does not follow on the others: {why}',
    remedy: 'Stop the authority and report this with its log; opening it again names the line.',
  },
  ISSUE_KEY_INVALID: {
    blame: 'caller',
    message: 'an idempotency key must be 1 to 128 of letters, digits, ".", ":", "_" and "-"',
    remedy: 'Use a random number in hex, or a name of your own for the request.',
  },
  ISSUE_KEY_REUSED: {
    blame: 'caller',
    message: 'a certificate was asked for under {idempotencyKey} before, for another key or purpose',
    remedy:
      'Repeat a request as it was, or ask under another idempotency key; a device of an order has one key for good.',
  },
  ENTROPY_BROKEN: {
    blame: 'operator',
    message: 'the random generator gives serial numbers that were given before',
    remedy: 'Nothing was signed. Stop the authority, and do not trust keys that this machine made lately.',
  },
  CERTIFICATE_REVOKED: {
    blame: 'caller',
    message: 'the certificate {serial} was revoked',
    remedy: 'What is revoked stays so; ask with a new key, under another idempotency key, if a certificate is due.',
  },
  CERTIFICATE_NOT_OURS: {
    blame: 'caller',
    message: 'no certificate with the serial number {serial} was issued here',
    remedy: 'Give the serial number in lower-case hex, and open the authority that issued the certificate.',
  },
  ENDPOINT_NAME_MISSING: {
    blame: 'caller',
    message: 'the request for an endpoint certificate names no host',
    remedy: 'Put the DNS names and IP addresses into the subject alternative name of the CSR.',
    spec: 'RFC 9525 §4.1',
  },
  ENDPOINT_NAME_REFUSED: {
    blame: 'caller',
    message: 'the name {name} (type {type}) is not on the list of endpoint names of this authority',
    remedy: 'Ask only for names on the list, or start the authority with this name on it.',
  },
  ORDER_UNKNOWN: {
    blame: 'caller',
    message: 'the work order {order} was not admitted here',
    remedy: 'Admit the order to this authority before its line starts.',
  },
  ORDER_DIFFERS: {
    blame: 'caller',
    message: 'the work order {order} was admitted with other contents',
    remedy: 'Give a changed order a number of its own; what was admitted stays as it is.',
  },
  ORDER_USED_UP: {
    blame: 'caller',
    message: 'the work order {order} allows {count} devices, and all of them were issued',
    remedy: 'Ask the maker for another order.',
  },
  DEVICE_SUBJECT_REFUSED: {
    blame: 'caller',
    message: 'the CSR of device {uid} asks for another subject than the work order gives it',
    remedy:
      'Build the CSR with the subject that the order prescribes; look at the order that the line was started with.',
  },
  DEVICE_UID_REFUSED: {
    blame: 'caller',
    message: 'an element number must be 8 to 64 hex digits in lower case',
    remedy: 'Give the number as the element reads it out.',
  },
  REGISTRATION_CODE_REFUSED: {
    blame: 'caller',
    message: 'a registration code is 64 hex digits, and this is something else',
    remedy: 'Copy the whole code that the cloud gave (GetRegistrationCode), without quotes and blanks.',
  },
  AUTHORITY_LINE_TOO_LONG: {
    blame: 'peer',
    message: 'a request line is longer than {most} bytes',
    remedy: 'Send one request per line, each with one CSR; the connection was ended.',
  },
  AUTHORITY_REQUEST_MALFORMED: {
    blame: 'peer',
    message: 'the request cannot be read: {problems}',
    remedy: 'Send requests as docs/reference/authority-socket.md describes them; the connection was ended.',
  },
  AUTHORITY_BUSY: {
    blame: 'busy',
    message: 'the authority has {most} connections already',
    remedy: 'Close a connection and try again.',
  },
  AUTHORITY_UNAVAILABLE: {
    blame: 'operator',
    message: 'the authority cannot sign now',
    remedy: 'Look into the log of the authority, repair the cause, and repeat the request.',
  },
  SOCKET_IN_USE: {
    blame: 'operator',
    message: 'something is listening on {path} already',
    remedy: 'Stop the other process, or name another socket.',
  },
  SOCKET_UNUSABLE: {
    blame: 'operator',
    message: 'cannot listen on {path}: {why}',
    remedy: 'Name a path of at most 100 bytes in a folder that this user may write to, where nothing else is.',
  },
} as const
export const authorityFault: Raise<typeof AUTHORITY_FAULTS> = faults(AUTHORITY_FAULTS)

import type { Members } from '@birthmark/factory/json'

/**
 * What a ledger says about one device. A device's records are in this order, and each kind comes once:
 *
 *     begun -> made -> locked        and, from anywhere, -> scrapped
 */
export type LedgerRecord =
  /** The element made this key. Written before anybody is asked for a certificate. */
  | { readonly kind: 'begun'; readonly order: string; readonly uid: string; readonly publicKey: Uint8Array }
  /** The certificate is in the element, which proved that it holds the key. Written before anything is locked. */
  | {
      readonly kind: 'made'
      readonly order: string
      readonly uid: string
      /** SHA-256 of the certificate, hex. */
      readonly fingerprint: string
      readonly certificate: Uint8Array
    }
  /** What the order wants locked is locked. */
  | { readonly kind: 'locked'; readonly order: string; readonly uid: string; readonly fingerprint: string }
  /** The device will never be shipped. */
  | {
      readonly kind: 'scrapped'
      readonly order: string
      readonly uid: string
      /** The code of the fault that ended it. */
      readonly reason: string
      /** The certificate that must not be trusted any more, where one was made. */
      readonly fingerprint?: string
    }

/** The first line of every ledger. */
export interface LedgerHeading {
  readonly kind: 'ledger'
  readonly format: typeof LEDGER_FORMAT
}

/** The form of the file; another one is refused. */
export const LEDGER_FORMAT = 'birthmark-ledger/1'

/** Where a device stands: the kind of its last record. */
export type DeviceStage = LedgerRecord['kind']

/** What may follow on what. A pair that is absent is refused. */
export const LEDGER_STEPS: Readonly<Record<DeviceStage | 'unknown', readonly DeviceStage[]>> = {
  unknown: ['begun', 'scrapped'],
  begun: ['made', 'scrapped'],
  made: ['locked', 'scrapped'],
  locked: ['scrapped'],
  scrapped: [],
}

/** Writes a record as plain JSON data. */
export function writeLedgerRecord(record: LedgerRecord | LedgerHeading): object {
  switch (record.kind) {
    case 'begun':
      return { ...record, publicKey: Buffer.from(record.publicKey).toString('base64') }
    case 'made':
      return { ...record, certificate: Buffer.from(record.certificate).toString('base64') }
    case 'ledger':
    case 'locked':
    case 'scrapped':
      return record
  }
}

/** Reads a record; what is wrong with it is noted in `members`. */
export function readLedgerRecord(members: Members): LedgerRecord | LedgerHeading {
  const kind = members.word('kind', ['ledger', 'begun', 'made', 'locked', 'scrapped'])
  if (kind === 'ledger') return { kind, format: members.word('format', [LEDGER_FORMAT]) }
  const order = members.text('order', ORDER_ID, 'the number of a work order')
  const uid = members.text('uid', ELEMENT_UID, '8 to 64 hex digits in lower case')
  const fingerprint = (): string => members.text('fingerprint', /^[0-9a-f]{64}$/, 'a SHA-256 in hex')
  switch (kind) {
    case 'begun':
      return { kind, order, uid, publicKey: members.base64('publicKey', PUBLIC_KEY_BYTES_MAX) }
    case 'made':
      return {
        kind,
        order,
        uid,
        fingerprint: fingerprint(),
        certificate: members.base64('certificate', CERTIFICATE_BYTES_MAX),
      }
    case 'locked':
      return { kind, order, uid, fingerprint: fingerprint() }
    case 'scrapped': {
      const reason = members.text('reason', /^[A-Z][A-Z0-9_]{2,63}$/, 'the code of a fault')
      const known = members.has('fingerprint')
      return { kind, order, uid, reason, ...(known && { fingerprint: fingerprint() }) }
    }
  }
}

/** The number of a work order: 1 to 64 letters, digits, `.`, `_`, `-`, so that it can be part of a file's name. */
export const ORDER_ID: RegExp = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/

/** An element's own number in hex; a subject's serialNumber holds 64 characters (RFC 5280 Appendix A.1). */
export const ELEMENT_UID: RegExp = /^[0-9a-f]{8,64}$/

/** Largest SubjectPublicKeyInfo in a record, in bytes: RSA-4096 needs 550. */
const PUBLIC_KEY_BYTES_MAX = 1024

/** Largest certificate in a record, in bytes: what the largest CSR can lead to, and still within the longest line. */
export const CERTIFICATE_BYTES_MAX = 24_576

import type { Members } from '@birthmark/factory/json'

/** A record about one device. Every one names its work order and the element's own number. */
interface OfDevice {
  readonly order: string
  readonly uid: string
}

/**
 * What a ledger says about one device, in the order in which it can happen:
 *
 *     begun -> made -> locked -> shipped -> owner-changed (again and again)
 *
 * and, from anywhere, `scrapped`; and `revoked` wherever there is a certificate.
 */
export type LedgerRecord =
  /** The device's key exists. Written before anybody is asked for a certificate. */
  | (OfDevice & {
      readonly kind: 'begun'
      readonly publicKey: Uint8Array
      /** How it came by its key, where the element did not make it. */
      readonly birth?: BirthKind
    })
  /** The certificate is in the element, which proved that it holds the key. Written before anything is locked. */
  | (OfDevice & {
      readonly kind: 'made'
      /** SHA-256 of the certificate, hex. */
      readonly fingerprint: string
      readonly certificate: Uint8Array
    })
  /** What the order wants locked is locked. */
  | (OfDevice & {
      readonly kind: 'locked'
      readonly fingerprint: string
      /** Recorded in the element, not enforced by it; absent when the element enforces its locks. */
      readonly locks?: 'recorded'
    })
  /** The device will never be shipped. */
  | (OfDevice & {
      readonly kind: 'scrapped'
      /** The code of the fault that ended it, or `OPERATOR`. */
      readonly reason: string
      /** What the operator said. */
      readonly note?: string
      /** The certificate that must not be trusted any more, where one was made. */
      readonly fingerprint?: string
    })
  /** Its certificate must not be trusted any more. */
  | (OfDevice & { readonly kind: 'revoked'; readonly reason: string })
  /** It left for whoever is named. */
  | (OfDevice & { readonly kind: 'shipped'; readonly to: string })
  | (OfDevice & { readonly kind: 'owner-changed'; readonly to: string })

/** The ways of birth in which the key does not come from the element. */
export type BirthKind = 'injected' | 'image'

/** The first line of every ledger: its own number, and who founded it. */
export interface LedgerHeading {
  readonly kind: 'ledger'
  readonly format: typeof LEDGER_FORMAT
  /** 16 random bytes in hex; part of every signature, so that none counts in another ledger. */
  readonly id: string
  readonly name: string
  readonly publicKey: Uint8Array
}

/** Lets another key write from here on; sealed by one that could write before. */
export interface WriterRecord {
  readonly kind: 'writer'
  readonly name: string
  readonly publicKey: Uint8Array
}

/** The signature of the writer of lines `from` up to this one, over the Merkle root of every line before this one. */
export interface SealRecord {
  readonly kind: 'sealed'
  readonly from: number
  /** The key that signed, as {@link keyIdOf} names it. */
  readonly writer: string
  readonly signature: Uint8Array
}

/** Everything that a line of a ledger can say. */
export type AnyLedgerRecord = LedgerRecord | LedgerHeading | WriterRecord | SealRecord

/** The form of the file; another one is refused. */
const LEDGER_FORMAT = 'birthmark-ledger/2'

/** Where a device stands: the kind of its last record. */
export type DeviceStage = LedgerRecord['kind']

/** Every stage, in the order of a device's life. */
export const DEVICE_STAGES: readonly [DeviceStage, ...DeviceStage[]] = [
  'begun',
  'made',
  'locked',
  'shipped',
  'owner-changed',
  'scrapped',
  'revoked',
]

/** What may follow on what. A pair that is absent is refused. */
export const LEDGER_STEPS: Readonly<Record<DeviceStage | 'unknown', readonly DeviceStage[]>> = {
  unknown: ['begun', 'scrapped'],
  begun: ['made', 'scrapped'],
  made: ['locked', 'shipped', 'scrapped', 'revoked'],
  locked: ['shipped', 'scrapped', 'revoked'],
  shipped: ['owner-changed', 'scrapped', 'revoked'],
  'owner-changed': ['owner-changed', 'scrapped', 'revoked'],
  scrapped: ['revoked'],
  revoked: ['scrapped'],
}

/** Writes a record as plain JSON data. */
export function writeLedgerRecord(record: AnyLedgerRecord): object {
  switch (record.kind) {
    case 'ledger':
    case 'writer':
    case 'begun':
      return { ...record, publicKey: base64(record.publicKey) }
    case 'made':
      return { ...record, certificate: base64(record.certificate) }
    case 'sealed':
      return { ...record, signature: base64(record.signature) }
    case 'locked':
    case 'scrapped':
    case 'revoked':
    case 'shipped':
    case 'owner-changed':
      return record
  }
}

const KINDS = ['ledger', 'writer', 'sealed', ...DEVICE_STAGES] as const

/** Reads a record; what is wrong with it is noted in `members`. */
export function readLedgerRecord(members: Members): AnyLedgerRecord {
  const kind = members.word('kind', KINDS)
  switch (kind) {
    case 'ledger':
      return {
        kind,
        format: members.word('format', [LEDGER_FORMAT]),
        id: members.text('id', /^[0-9a-f]{32}$/, '32 hex digits'),
        ...readWriter(members),
      }
    case 'writer':
      return { kind, ...readWriter(members) }
    case 'sealed':
      return {
        kind,
        from: members.integer('from', 0, Number.MAX_SAFE_INTEGER),
        writer: sha256(members, 'writer'),
        signature: members.base64('signature', SIGNATURE_BYTES_MAX),
      }
    case 'begun':
    case 'made':
    case 'locked':
    case 'shipped':
    case 'owner-changed':
    case 'scrapped':
    case 'revoked':
      return readDeviceRecord(kind, members)
  }
}

function readDeviceRecord(kind: DeviceStage, members: Members): LedgerRecord {
  const order = members.text('order', ORDER_ID, 'the number of a work order')
  const uid = members.text('uid', ELEMENT_UID, '8 to 64 hex digits in lower case')
  switch (kind) {
    case 'begun': {
      const birth = members.has('birth') && { birth: members.word('birth', ['injected', 'image']) }
      return { kind, order, uid, publicKey: members.base64('publicKey', PUBLIC_KEY_BYTES_MAX), ...birth }
    }
    case 'made': {
      const fingerprint = sha256(members, 'fingerprint')
      return { kind, order, uid, fingerprint, certificate: members.base64('certificate', CERTIFICATE_BYTES_MAX) }
    }
    case 'locked': {
      const locks = members.has('locks') && { locks: members.word('locks', ['recorded']) }
      return { kind, order, uid, fingerprint: sha256(members, 'fingerprint'), ...locks }
    }
    case 'scrapped': {
      const reason = members.text('reason', /^[A-Z][A-Z0-9_]{2,63}$/, 'the code of a fault')
      const note = members.has('note') && { note: members.text('note', LEDGER_TEXT, LEDGER_TEXT_FORM) }
      const fingerprint = members.has('fingerprint') && { fingerprint: sha256(members, 'fingerprint') }
      return { kind, order, uid, reason, ...note, ...fingerprint }
    }
    case 'revoked':
      return { kind, order, uid, reason: members.text('reason', /^[a-zA-Z]{1,32}$/, 'a reason of RFC 5280') }
    case 'shipped':
    case 'owner-changed':
      return { kind, order, uid, to: members.text('to', LEDGER_TEXT, LEDGER_TEXT_FORM) }
  }
}

function readWriter(members: Members): { readonly name: string; readonly publicKey: Uint8Array } {
  return {
    name: members.text('name', WRITER_NAME, '1 to 64 letters, digits, ".", "_", "-"'),
    publicKey: members.base64('publicKey', PUBLIC_KEY_BYTES_MAX),
  }
}

function sha256(members: Members, name: string): string {
  return members.text(name, /^[0-9a-f]{64}$/, 'a SHA-256 in hex')
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** The number of a work order: 1 to 64 letters, digits, `.`, `_`, `-`, so that it can be part of a file's name. */
export const ORDER_ID: RegExp = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/

/** An element's own number in hex; a subject's serialNumber holds 64 characters (RFC 5280 Appendix A.1). */
export const ELEMENT_UID: RegExp = /^[0-9a-f]{8,64}$/

/** Who writes: part of a line in a checkpoint, so without blanks. */
export const WRITER_NAME: RegExp = /^[a-zA-Z0-9._-]{1,64}$/

/** What an operator says: one line. Longer stories belong into the operator's own system. */
export const LEDGER_TEXT: RegExp = /^[^\p{Cc}]{1,200}$/u

/** How to say {@link LEDGER_TEXT} to people. */
export const LEDGER_TEXT_FORM = '1 to 200 characters on one line'

/** Largest SubjectPublicKeyInfo in a record, in bytes: RSA-4096 needs 550, ML-DSA-65 needs 1974. */
const PUBLIC_KEY_BYTES_MAX = 2560

/** An ECDSA signature has at most 72 bytes with P-256. */
const SIGNATURE_BYTES_MAX = 80

/** Largest certificate in a record, in bytes: what the largest CSR can lead to, and still within the longest line. */
export const CERTIFICATE_BYTES_MAX = 24_576

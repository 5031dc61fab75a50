import type { Members } from '@birthmark/factory/json'
import { CERTIFICATE_BYTES_MAX, ORDER_ID } from '@birthmark/factory/ledger'
import { type DeviceProfileName, readSubjectRule, type SubjectRule } from '@birthmark/factory/order'
import { type Instant, instant } from '@birthmark/foundation/kernel'
import type { RevocationReason } from '@birthmark/foundation/x509'

/** What kinds of certificates an authority journals. */
export type IssuedProfile = DeviceProfileName | 'endpoint' | 'verification'

/** The part of a work order that an authority keeps to: how many, of what kind, with what subject. */
export interface AdmittedOrder {
  readonly id: string
  readonly product: string
  readonly count: number
  readonly profile: DeviceProfileName
  readonly subject: SubjectRule
  /** When the permission ends; without it never. */
  readonly until?: Instant
}

/** Written before a signature is made: this certificate may exist. */
export interface IssueIntent {
  /** Serial number of the certificate, hex. */
  readonly serial: string
  readonly profile: IssuedProfile
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly publicKeyHash: string
  /** The work order whose quota it uses. */
  readonly order?: string
  readonly idempotencyKey?: string
  /** The serial number of an earlier intent for the same key; its certificate, if one was made, nobody was given. */
  readonly voids?: string
}

/** One record of an authority's journal. */
export type JournalRecord =
  /** The first line: whose journal it is. The fingerprints are SHA-256 of the certificates, hex. */
  | {
      readonly kind: 'journal'
      readonly format: typeof JOURNAL_FORMAT
      readonly root: string
      readonly issuing: string
    }
  | { readonly kind: 'order'; readonly order: AdmittedOrder }
  | { readonly kind: 'intent'; readonly intent: IssueIntent }
  /** The certificate exists, and may have been given out from here on. */
  | { readonly kind: 'result'; readonly serial: string; readonly certificate: Uint8Array }
  /** The certificate with this serial number must not be trusted from here on. */
  | { readonly kind: 'revoked'; readonly serial: string; readonly reason: RevocationReason }
  /** A revocation list with this number is about to be signed. */
  | { readonly kind: 'crl'; readonly number: number }

/** The reasons that a revocation may give (RFC 5280 §5.3.1). */
export const REVOCATION_REASON_NAMES: readonly [RevocationReason, ...RevocationReason[]] = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
]

/** The form of the file; another one is refused. */
const JOURNAL_FORMAT = 'birthmark-journal/1'

/** Writes a record as plain JSON data. */
export function writeJournalRecord(record: JournalRecord): object {
  if (record.kind === 'order') return { ...record, order: writeOrder(record.order) }
  if (record.kind !== 'result') return record
  return { ...record, certificate: Buffer.from(record.certificate).toString('base64') }
}

function writeOrder({ until, ...order }: AdmittedOrder): object {
  return until === undefined ? order : { ...order, until: new Date(until).toISOString() }
}

/** Reads a record; what is wrong with it is noted in `members`. */
export function readJournalRecord(members: Members): JournalRecord | undefined {
  const kind = members.word('kind', ['journal', 'order', 'intent', 'result', 'revoked', 'crl'])
  switch (kind) {
    case 'journal': {
      const format = members.word('format', [JOURNAL_FORMAT])
      return { kind, format, root: sha256(members, 'root'), issuing: sha256(members, 'issuing') }
    }
    case 'order': {
      const order = members.object('order', readAdmittedOrder)
      return order && { kind, order }
    }
    case 'intent': {
      const intent = members.object('intent', readIntent)
      return intent && { kind, intent }
    }
    case 'result':
      return {
        kind,
        serial: serial(members, 'serial'),
        certificate: members.base64('certificate', CERTIFICATE_BYTES_MAX),
      }
    case 'revoked':
      return { kind, serial: serial(members, 'serial'), reason: members.word('reason', REVOCATION_REASON_NAMES) }
    case 'crl':
      return { kind, number: members.integer('number', 1, Number.MAX_SAFE_INTEGER) }
  }
}

function readAdmittedOrder(members: Members): AdmittedOrder {
  return {
    id: orderId(members, 'id'),
    product: members.text('product', /^.{1,32}$/, 'the name of a product'),
    count: members.integer('count', 1, Number.MAX_SAFE_INTEGER),
    profile: members.word('profile', ['device', 'vendor-device']),
    subject: members.object('subject', readSubjectRule) ?? {},
    ...(members.has('until') && { until: instant(members.moment('until')) }),
  }
}

function readIntent(members: Members): IssueIntent {
  return {
    serial: serial(members, 'serial'),
    profile: members.word('profile', ['device', 'vendor-device', 'endpoint', 'verification']),
    publicKeyHash: sha256(members, 'publicKeyHash'),
    ...(members.has('order') && { order: orderId(members, 'order') }),
    ...(members.has('idempotencyKey') && { idempotencyKey: members.text('idempotencyKey', IDEMPOTENCY_KEY, 'a key') }),
    ...(members.has('voids') && { voids: serial(members, 'voids') }),
  }
}

function sha256(members: Members, name: string): string {
  return members.text(name, /^[0-9a-f]{64}$/, 'a SHA-256 in hex')
}

function serial(members: Members, name: string): string {
  return members.text(name, /^[0-9a-f]{2,40}$/, 'a serial number of 1 to 20 bytes in hex')
}

function orderId(members: Members, name: string): string {
  return members.text(name, ORDER_ID, 'the number of a work order')
}

/** An idempotency key with the prefix that says who gave it: `order/PO-1/0a1b...`, `socket/retry-7`. */
const IDEMPOTENCY_KEY = /^[a-z]{1,16}\/[a-zA-Z0-9.:_/-]{1,160}$/

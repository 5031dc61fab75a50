import { type Members, readJsonObject } from '@birthmark/factory/json'
import { CERTIFICATE_BYTES_MAX, ORDER_ID } from '@birthmark/factory/ledger'
import { PROFILE_NAME, readSubjectRule, type SubjectRule } from '@birthmark/factory/order'
import { type Instant, instant } from '@birthmark/foundation/kernel'
import type { RevocationReason } from '@birthmark/foundation/x509'

/** What kind of certificate an authority journals: the name of its profile. */
export type IssuedProfile = string

/** The part of a work order that an authority keeps to: how many, of what kind, with what subject. */
export interface AdmittedOrder {
  readonly id: string
  readonly product: string
  readonly count: number
  readonly profile: string
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
  /** The number of the revocation list that the certificate names; without it the certificate names none. */
  readonly shard?: number
}

/** Where whoever relies on a certificate finds out whether it was revoked. */
export interface Distribution {
  /** `http:` URL below which the lists are, without a slash at its end. */
  readonly url: string
  /** Certificates that share one list, 1 to 10^6. */
  readonly shardSize: number
}

/** What a revocation list is about. */
export interface ListScope {
  /** The number of the shard; without it the list is about every certificate. */
  readonly shard?: number
  /** The number of the list that this one adds to; without it the list is a full one. */
  readonly base?: number
}

/** A certificate of this CA from before its journal began. */
export interface KnownSerial {
  /** Hex. */
  readonly serial: string
  /** When it was revoked, and why, if it was. */
  readonly revoked?: { readonly at: Instant; readonly reason: RevocationReason }
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
  /** A certificate with this serial number exists since before the journal did: the CA was imported. */
  | { readonly kind: 'known'; readonly known: KnownSerial }
  | { readonly kind: 'order'; readonly order: AdmittedOrder }
  | { readonly kind: 'intent'; readonly intent: IssueIntent }
  /** The certificate exists, and may have been given out from here on. */
  | { readonly kind: 'result'; readonly serial: string; readonly certificate: Uint8Array }
  /** The certificate with this serial number must not be trusted from here on. */
  | { readonly kind: 'revoked'; readonly serial: string; readonly reason: RevocationReason }
  /** A revocation list with this number is about to be signed. */
  | ({ readonly kind: 'crl'; readonly number: number } & ListScope)
  /** Certificates name these places from here on, and a new shard begins. */
  | { readonly kind: 'distribution'; readonly distribution: Distribution }

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
  if (record.kind === 'known') return { ...record, known: writeKnown(record.known) }
  if (record.kind !== 'result') return record
  return { ...record, certificate: Buffer.from(record.certificate).toString('base64') }
}

/** Writes an order as a text of its own. */
export function writeOrderText(order: AdmittedOrder): string {
  return JSON.stringify(writeOrder(order))
}

/** Reads what {@link writeOrderText} wrote; `undefined` for anything else. */
export function readOrderText(text: string): AdmittedOrder | undefined {
  const order = readJsonObject(text, readAdmittedOrder)
  return order.ok ? order.value : undefined
}

function writeOrder({ until, ...order }: AdmittedOrder): object {
  return until === undefined ? order : { ...order, until: new Date(until).toISOString() }
}

function writeKnown({ serial, revoked }: KnownSerial): object {
  return { serial, ...(revoked && { revoked: { ...revoked, at: new Date(revoked.at).toISOString() } }) }
}

const KINDS = ['journal', 'known', 'order', 'intent', 'result', 'revoked', 'crl', 'distribution'] as const

/** Reads a record; what is wrong with it is noted in `members`. */
export function readJournalRecord(members: Members): JournalRecord | undefined {
  const kind = members.word('kind', KINDS)
  switch (kind) {
    case 'journal': {
      const format = members.word('format', [JOURNAL_FORMAT])
      return { kind, format, root: sha256(members, 'root'), issuing: sha256(members, 'issuing') }
    }
    case 'known': {
      const known = members.object('known', readKnown)
      return known && { kind, known }
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
      return {
        kind,
        number: members.integer('number', 1, Number.MAX_SAFE_INTEGER),
        ...shard(members),
        ...(members.has('base') && { base: members.integer('base', 1, Number.MAX_SAFE_INTEGER) }),
      }
    case 'distribution': {
      const distribution = members.object('distribution', readDistribution)
      return distribution && { kind, distribution }
    }
  }
}

function readKnown(members: Members): KnownSerial {
  const revoked = members.has('revoked') ? members.object('revoked', readKnownRevocation) : undefined
  return { serial: serial(members, 'serial'), ...(revoked !== undefined && { revoked }) }
}

function readKnownRevocation(members: Members): NonNullable<KnownSerial['revoked']> {
  return { at: instant(members.moment('at')), reason: members.word('reason', REVOCATION_REASON_NAMES) }
}

function readAdmittedOrder(members: Members): AdmittedOrder {
  return {
    id: orderId(members, 'id'),
    product: members.text('product', /^.{1,32}$/, 'the name of a product'),
    count: members.integer('count', 1, Number.MAX_SAFE_INTEGER),
    profile: members.text('profile', PROFILE_NAME, 'the name of a profile'),
    subject: members.object('subject', readSubjectRule) ?? {},
    ...(members.has('until') && { until: instant(members.moment('until')) }),
  }
}

function readIntent(members: Members): IssueIntent {
  return {
    serial: serial(members, 'serial'),
    profile: members.text('profile', PROFILE_NAME, 'the name of a profile'),
    publicKeyHash: sha256(members, 'publicKeyHash'),
    ...(members.has('order') && { order: orderId(members, 'order') }),
    ...(members.has('idempotencyKey') && { idempotencyKey: members.text('idempotencyKey', IDEMPOTENCY_KEY, 'a key') }),
    ...(members.has('voids') && { voids: serial(members, 'voids') }),
    ...shard(members),
  }
}

function readDistribution(members: Members): Distribution {
  return {
    url: members.text('url', DISTRIBUTION_URL, 'an http: URL without a slash at its end'),
    shardSize: members.integer('shardSize', 1, SHARD_SIZE_MAX),
  }
}

function shard(members: Members): { readonly shard?: number } {
  return members.has('shard') ? { shard: members.integer('shard', 1, Number.MAX_SAFE_INTEGER) } : {}
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

/**
 * Where lists and answers are: `http:`, because whoever fetches a list over TLS would need one for that server first
 * (RFC 5280 §8). Port and path may follow; at most 200 characters, which each certificate carries.
 */
export const DISTRIBUTION_URL: RegExp = /^(?=.{8,200}$)http:\/\/[a-zA-Z0-9.-]+(?::\d{1,5})?(?:\/[a-zA-Z0-9._~-]+)*$/

/** Most certificates that share a list: were all of them revoked, it would have 49 MB. */
export const SHARD_SIZE_MAX = 1_000_000

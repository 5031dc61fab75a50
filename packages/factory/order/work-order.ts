import { X509Certificate } from 'node:crypto'
import { type Members, readJsonObject } from '@birthmark/factory/json'
import { ORDER_ID } from '@birthmark/factory/ledger'
import { type Instant, instant } from '@birthmark/foundation/kernel'
import { orderFault } from './faults.ts'
import { DEFAULT_SUBJECT, readSubjectRule, type SubjectRule } from './subject.ts'

/** What of a device's identity can be made unchangeable. */
export type LockTarget = 'key' | 'certificate' | 'trustAnchor'

/** The maker's permission to personalise a number of devices, and how. */
export interface WorkOrder {
  readonly id: string
  readonly product: string
  /** Devices that may be made, 1 to 10 000 000. */
  readonly count: number
  /** What kind of certificate they get: `device`, `vendor-device`, `idevid`, or a profile that the authority knows. */
  readonly profile: string
  readonly subject: SubjectRule
  /** Where the identity goes; without it the element's own default. */
  readonly slots?: { readonly key: string; readonly certificate: string; readonly trustAnchor: string }
  /** The DER certificate that the device will trust its server by; without it the slot is left alone. */
  readonly trustAnchor?: Uint8Array
  /** What is locked at the end. */
  readonly locks: readonly LockTarget[]
  /** When the permission ends; without it never. */
  readonly until?: Instant
  /** The stations that may use it, each by the id of its key (SHA-256, hex); without it any. */
  readonly stations?: readonly string[]
  /** The issuing CA that must sign: the SHA-256 of its certificate, hex; without it the one that is asked. */
  readonly issuer?: string
  /** What a CSR must come with; without it `possession`. */
  readonly evidence?: OrderEvidence
}

/**
 * What shows that the key of a CSR is in an element that passed its checks. Always: that the key itself signed, in the
 * CSR, a challenge that the authority had only just given. `vendor` also: the element's vendor vouches for it, with a
 * certificate under one of `roots` whose key signed for this CSR.
 */
export type OrderEvidence =
  | { readonly kind: 'possession' }
  | { readonly kind: 'vendor'; readonly roots: readonly Uint8Array[] }

/**
 * Reads a work order from JSON, strictly: every problem is reported at once.
 *
 * An order with a signature is refused: to ignore it would be to claim a check that nobody made. `openWorkOrder` makes
 * that check.
 *
 * @throws `ORDER_INVALID`, `ORDER_MAKER_NOT_PINNED` (both operator)
 */
export function parseWorkOrder(text: string): WorkOrder {
  const reserved = { signature: false }
  const order = readJsonObject(text, (members) => {
    reserved.signature = members.has('signature')
    return readOrder(members)
  })
  if (reserved.signature) throw orderFault('ORDER_MAKER_NOT_PINNED')
  if (!order.ok) throw orderFault('ORDER_INVALID', { problems: order.problems.join('; ') })
  return order.value
}

function readOrder(members: Members): WorkOrder {
  const format = members.word('format', [ORDER_FORMAT, ORDER_FORMAT_1])
  const slots = members.has('slots') ? members.object('slots', readSlots) : undefined
  const trustAnchor = members.has('trustAnchor') ? readTrustAnchor(members) : undefined
  const locks = members.has('locks') ? members.words('locks', ['key', 'certificate', 'trustAnchor']) : []
  if (trustAnchor === undefined && locks.includes('trustAnchor')) {
    members.refuse('locks', 'cannot lock a trust anchor that the order does not give')
  }
  const subject = members.has('subject') ? members.object('subject', readSubjectRule) : undefined
  const profile = members.has('profile') ? members.text('profile', PROFILE_NAME, PROFILE_FORM) : 'device'
  if (profile === 'device' && subject !== undefined && Object.keys(subject).length === 0) {
    members.refuse('subject', 'must name the device, unless the profile is "vendor-device"')
  }
  return {
    id: members.text('id', ORDER_ID, 'the number of the order: 1 to 64 letters, digits, ".", "_", "-"'),
    product: members.text('product', /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,31}$/, '1 to 32 letters, digits, "_", "-"'),
    count: members.integer('count', 1, ORDER_COUNT_MAX),
    profile,
    subject: subject ?? DEFAULT_SUBJECT,
    ...(slots !== undefined && { slots }),
    ...(trustAnchor !== undefined && { trustAnchor }),
    locks,
    ...(members.has('until') && { until: instant(members.moment('until')) }),
    ...(members.has('stations') && { stations: readStations(members, format) }),
    ...(members.has('issuer') && { issuer: members.text('issuer', SHA256, SHA256_FORM) }),
    ...(members.has('evidence') && { evidence: members.object('evidence', readEvidence) ?? { kind: 'possession' } }),
  }
}

/** The first format named stations, which nobody can prove: such an order is read, and fits no station's key. */
function readStations(members: Members, format: string): readonly string[] {
  if (format === ORDER_FORMAT) return members.texts('stations', SHA256, STATION_FORM)
  return members.texts('stations', /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/, 'names')
}

function readEvidence(members: Members): OrderEvidence {
  const kind = members.word('kind', ['possession', 'vendor'])
  if (kind === 'possession') return { kind }
  const roots = members.texts('roots', CERTIFICATE_PEM, 'one certificate in PEM each').map((pem) => {
    try {
      return new Uint8Array(new X509Certificate(pem).raw)
    } catch {
      members.refuse('roots', 'holds something that is not a certificate')
      return new Uint8Array()
    }
  })
  return { kind, roots }
}

function readSlots(members: Members): {
  readonly key: string
  readonly certificate: string
  readonly trustAnchor: string
} {
  const slot = (name: string): string =>
    members.text(name, /^[\x21-\x7e]{1,64}$/, 'a label of 1 to 64 visible characters')
  const slots = { key: slot('key'), certificate: slot('certificate'), trustAnchor: slot('trustAnchor') }
  if (new Set(Object.values(slots)).size < 3)
    members.refuse('trustAnchor', 'must be another slot than the two before it')
  return slots
}

function readTrustAnchor(members: Members): Uint8Array | undefined {
  const pem = members.text('trustAnchor', CERTIFICATE_PEM, 'one certificate in PEM')
  if (pem === '') return undefined
  try {
    return new Uint8Array(new X509Certificate(pem).raw)
  } catch {
    members.refuse('trustAnchor', 'is not a certificate')
    return undefined
  }
}

const CERTIFICATE_PEM = /^-----BEGIN CERTIFICATE-----[^-]{1,20000}-----END CERTIFICATE-----\s*$/

const SHA256 = /^[0-9a-f]{64}$/
const SHA256_FORM = 'a SHA-256, 64 hex digits in lower case'
const STATION_FORM = "ids of station keys, 64 hex digits each, as 'birthmark line station-key' prints them"

/** The name of a certificate profile; whether there is one of this name is for the authority to say. */
export const PROFILE_NAME: RegExp = /^[a-z][a-z0-9-]{0,63}$/
const PROFILE_FORM = 'the name of a profile: 1 to 64 of a-z, 0-9, "-", beginning with a letter'

/** The form of the file; another one is refused. */
const ORDER_FORMAT = 'birthmark-work-order/2'

/** The form before stations had keys. */
const ORDER_FORMAT_1 = 'birthmark-work-order/1'

/** Devices in one order. More are several orders: a ledger of this size is still handled as one file. */
const ORDER_COUNT_MAX = 10_000_000

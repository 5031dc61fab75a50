import { X509Certificate } from 'node:crypto'
import { type Members, readJsonObject } from '@birthmark/factory/json'
import { ORDER_ID } from '@birthmark/factory/ledger'
import { type Instant, instant } from '@birthmark/foundation/kernel'
import { orderFault } from './faults.ts'
import { DEFAULT_SUBJECT, readSubjectRule, type SubjectRule } from './subject.ts'

/** What of a device's identity can be made unchangeable. */
export type LockTarget = 'key' | 'certificate' | 'trustAnchor'

/** The certificate profiles that an order may name. */
export type DeviceProfileName = 'device' | 'vendor-device'

/** The maker's permission to personalise a number of devices, and how. */
export interface WorkOrder {
  readonly id: string
  readonly product: string
  /** Devices that may be made, 1 to 10 000 000. */
  readonly count: number
  /** What kind of certificate they get: our own kind, or that of a chip vendor (20 years, empty subject allowed). */
  readonly profile: DeviceProfileName
  readonly subject: SubjectRule
  /** Where the identity goes; without it the element's own default. */
  readonly slots?: { readonly key: string; readonly certificate: string; readonly trustAnchor: string }
  /** The DER certificate that the device will trust its server by; without it the slot is left alone. */
  readonly trustAnchor?: Uint8Array
  /** What is locked at the end. */
  readonly locks: readonly LockTarget[]
  /** When the permission ends; without it never. */
  readonly until?: Instant
  /** The stations that may use it; without it any. */
  readonly stations?: readonly string[]
}

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
  members.word('format', [ORDER_FORMAT])
  const slots = members.has('slots') ? members.object('slots', readSlots) : undefined
  const trustAnchor = members.has('trustAnchor') ? readTrustAnchor(members) : undefined
  const locks = members.has('locks') ? members.words('locks', ['key', 'certificate', 'trustAnchor']) : []
  if (trustAnchor === undefined && locks.includes('trustAnchor')) {
    members.refuse('locks', 'cannot lock a trust anchor that the order does not give')
  }
  const subject = members.has('subject') ? members.object('subject', readSubjectRule) : undefined
  const profile = members.has('profile') ? members.word('profile', ['device', 'vendor-device']) : 'device'
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
    ...(members.has('stations') && { stations: members.texts('stations', STATION_NAME, STATION_FORM) }),
  }
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
  const pem = members.text(
    'trustAnchor',
    /^-----BEGIN CERTIFICATE-----[^-]{1,20000}-----END CERTIFICATE-----\s*$/,
    'one certificate in PEM',
  )
  if (pem === '') return undefined
  try {
    return new Uint8Array(new X509Certificate(pem).raw)
  } catch {
    members.refuse('trustAnchor', 'is not a certificate')
    return undefined
  }
}

/** The name of a station. */
const STATION_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/
const STATION_FORM = '1 to 64 letters, digits, ".", "_", "-"'

/** The form of the file; another one is refused. */
const ORDER_FORMAT = 'birthmark-work-order/1'

/** Devices in one order. More are several orders: a ledger of this size is still handled as one file. */
const ORDER_COUNT_MAX = 10_000_000

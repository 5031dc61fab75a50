import { createHash } from 'node:crypto'
import { ELEMENT_UID } from '@birthmark/factory/ledger'
import { deviceSubject } from '@birthmark/factory/order'
import {
  type AlternativeName,
  type CertificateProfile,
  DEVICE,
  type DistinguishedName,
  ENDPOINT,
  VENDOR_DEVICE,
  VERIFICATION,
  verifyCsr,
} from '@birthmark/foundation/x509'
import { authorityFault } from './faults.ts'
import type { AdmittedOrder, IssuedProfile } from './journal-records.ts'

/** What an authority can be asked for. */
export type IssueRequest =
  /** A server certificate for the names in the CSR's subject alternative name. */
  | { readonly kind: 'endpoint'; readonly csr: Uint8Array; readonly idempotencyKey?: string }
  /** A client certificate with the subject of the CSR. */
  | { readonly kind: 'device'; readonly csr: Uint8Array; readonly idempotencyKey?: string }
  /** The one certificate of a device under a work order. */
  | { readonly kind: 'order-device'; readonly csr: Uint8Array; readonly order: string; readonly uid: string }

/** What the authority allows, at the moment of a request. */
export interface IssuingRules {
  /** DNS names in lower case and IP addresses that endpoint certificates may have. */
  readonly endpointNames: ReadonlySet<string>
  readonly order: (id: string) => AdmittedOrder | undefined
}

/** Everything about a certificate but its serial number and its time: what was decided, and what is done next. */
export interface Draft {
  readonly profile: IssuedProfile
  readonly certificateProfile: CertificateProfile
  readonly subject: DistinguishedName
  readonly names: readonly AlternativeName[]
  readonly publicKey: Uint8Array
  /** SHA-256 of the public key, hex. */
  readonly publicKeyHash: string
  readonly order?: string
  readonly idempotencyKey?: string
}

/**
 * Decides whether a request may be granted, and as what. Quotas are not looked at here: they are taken in the same
 * moment as the intent is written.
 *
 * @throws `ISSUE_KEY_INVALID`, `ENDPOINT_NAME_MISSING`, `ENDPOINT_NAME_REFUSED`, `ORDER_UNKNOWN`, `DEVICE_UID_REFUSED`,
 * `DEVICE_SUBJECT_REFUSED` (caller), `CSR_UNREADABLE`, `CSR_KEY_UNSUPPORTED`, `CSR_SIGNATURE_INVALID` (peer),
 * `ORDER_SUBJECT_TOO_LONG` (operator)
 */
export function decide(request: IssueRequest, rules: IssuingRules): Draft {
  switch (request.kind) {
    case 'endpoint':
      return { ...keyOf(request.idempotencyKey), ...decideEndpoint(request.csr, rules) }
    case 'device':
      return { ...keyOf(request.idempotencyKey), ...decideDevice(request.csr) }
    case 'order-device':
      return decideOrderDevice(request, rules)
  }
}

/**
 * Drafts the certificate that proves to a cloud that this CA's owner registers it (AWS IoT RegisterCACertificate: the
 * common name is the registration code).
 *
 * @throws `REGISTRATION_CODE_REFUSED` (caller)
 */
export function draftVerification(registrationCode: string, publicKey: Uint8Array): Draft {
  if (!/^[0-9a-fA-F]{64}$/.test(registrationCode)) throw authorityFault('REGISTRATION_CODE_REFUSED')
  return {
    profile: 'verification',
    certificateProfile: VERIFICATION,
    subject: [{ type: 'CN', value: registrationCode }],
    names: [],
    ...keyHash(publicKey),
    idempotencyKey: `prove/${registrationCode}`,
  }
}

function decideEndpoint(bytes: Uint8Array, rules: IssuingRules): Draft {
  const csr = verifyCsr(bytes)
  const names = csr.subjectAlternativeNames
  if (names.length === 0) throw authorityFault('ENDPOINT_NAME_MISSING')
  for (const { type, value } of names) {
    const known = isListed(rules.endpointNames, { type, value: value.toLowerCase() })
    // What a stranger wrote goes into the message only where it has the form of a name.
    const name = /^[\w.:*-]{1,253}$/.test(value) ? value : '(unprintable)'
    if (!known) throw authorityFault('ENDPOINT_NAME_REFUSED', { type, name })
  }
  // Clients look at the alternative names only (RFC 9525 §2); the common name is for people who read certificates.
  const commonName = names.find(({ value }) => value.length <= COMMON_NAME_CHARACTER_COUNT_MAX)
  const subject = commonName === undefined ? [] : [{ type: 'CN', value: commonName.value }]
  return { profile: 'endpoint', certificateProfile: ENDPOINT, subject, names, ...keyHash(csr.publicKey) }
}

/** Tells whether a list has a name, or for a DNS name one above it with a dot in front: that stands for all below it. */
function isListed(list: ReadonlySet<string>, { type, value }: AlternativeName): boolean {
  if (type !== 'dns') return type === 'ip' && list.has(value)
  const parents = value.split('.').map((_, index, labels) => `.${labels.slice(index + 1).join('.')}`)
  if (value.startsWith('.')) return false
  return list.has(value) || parents.slice(0, -1).some((parent) => list.has(parent))
}

function decideDevice(bytes: Uint8Array): Draft {
  const { subject, publicKey } = verifyCsr(bytes)
  // Alternative names are left out: nobody checked that the device may have them.
  return { profile: 'device', certificateProfile: ANY_SUBJECT_DEVICE, subject, names: [], ...keyHash(publicKey) }
}

function decideOrderDevice(
  request: { readonly csr: Uint8Array; readonly order: string; readonly uid: string },
  rules: IssuingRules,
): Draft {
  const { uid } = request
  const order = rules.order(request.order)
  if (order === undefined) throw authorityFault('ORDER_UNKNOWN', { order: request.order })
  if (!ELEMENT_UID.test(uid)) throw authorityFault('DEVICE_UID_REFUSED')
  const csr = verifyCsr(request.csr)
  const subject = deviceSubject(order.subject, order.product, uid)
  if (!sameName(csr.subject, subject)) throw authorityFault('DEVICE_SUBJECT_REFUSED', { uid })
  return {
    profile: order.profile,
    certificateProfile: order.profile === 'device' ? DEVICE : VENDOR_DEVICE,
    subject,
    names: [],
    ...keyHash(csr.publicKey),
    order: order.id,
    idempotencyKey: `order/${order.id}/${uid}`,
  }
}

function sameName(left: DistinguishedName, right: DistinguishedName): boolean {
  return (
    left.length === right.length &&
    left.every(({ type, value }, index) => type === right[index]?.type && value === right[index].value)
  )
}

function keyOf(idempotencyKey: string | undefined): { readonly idempotencyKey?: string } {
  if (idempotencyKey === undefined) return {}
  if (!IDEMPOTENCY_KEY.test(idempotencyKey)) throw authorityFault('ISSUE_KEY_INVALID')
  return { idempotencyKey: `request/${idempotencyKey}` }
}

function keyHash(publicKey: Uint8Array): { readonly publicKey: Uint8Array; readonly publicKeyHash: string } {
  return { publicKey, publicKeyHash: createHash('sha256').update(publicKey).digest('hex') }
}

/** A cloud returns a certificate with the subject of the CSR, whatever it is (AWS IoT CreateCertificateFromCsr). */
const ANY_SUBJECT_DEVICE: CertificateProfile = { ...DEVICE, subject: 'optional' }

/** What a client may call its request; the socket takes the same. */
export const IDEMPOTENCY_KEY: RegExp = /^[a-zA-Z0-9.:_-]{1,128}$/

/** RFC 5280 Appendix A.1, ub-common-name. */
const COMMON_NAME_CHARACTER_COUNT_MAX = 64

import { hash } from 'node:crypto'
import { ELEMENT_UID } from '@birthmark/factory/ledger'
import { deviceSubject, PROFILE_NAME } from '@birthmark/factory/order'
import {
  type AlternativeName,
  type CertificateProfile,
  type DistinguishedName,
  OCSP_RESPONDER,
  VERIFICATION,
  type VerifiedCsr,
  verifyCsrAside,
} from '@birthmark/foundation/x509'
import { isBuiltIn } from './built-in-profiles.ts'
import { authorityFault } from './faults.ts'
import type { AdmittedOrder, IssuedProfile } from './journal-records.ts'
import { CheckedProfile } from './profile-file.ts'
import { fillSubject } from './profile-subject.ts'
import type { AuthoritySettings } from './settings.ts'
import { setupFault } from './setup-faults.ts'

/** What an authority can be asked for. */
export type IssueRequest =
  /** A server certificate for the names in the CSR's subject alternative name. */
  | { readonly kind: 'endpoint'; readonly csr: Uint8Array; readonly idempotencyKey?: string }
  /** A certificate with the subject of the CSR, or of the profile: a client's, unless another profile is named. */
  | {
      readonly kind: 'device'
      readonly csr: Uint8Array
      readonly idempotencyKey?: string
      /** One of this authority's, by its name, or one that the caller read; `device` when absent. */
      readonly profile?: string | CheckedProfile
    }
  /** A CA below this one, with the subject of the CSR, under a profile for CAs. */
  | { readonly kind: 'ca'; readonly csr: Uint8Array; readonly profile: string | CheckedProfile }
  /** The one certificate of a device under a work order. */
  | { readonly kind: 'order-device'; readonly csr: Uint8Array; readonly order: string; readonly uid: string }

/** What the authority allows, at the moment of a request. */
export interface IssuingRules {
  /** DNS names in lower case and IP addresses that endpoint certificates may have. */
  readonly endpointNames: ReadonlySet<string>
  readonly order: (id: string) => AdmittedOrder | undefined
  readonly settings: AuthoritySettings
  /** Gives a profile that this authority has beside those built in. */
  readonly profile: (name: string) => CheckedProfile | undefined
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
  /** The request as it was verified, for a CA elsewhere that wants to see it; absent where the key is our own. */
  readonly csr?: Uint8Array
  readonly order?: string
  readonly idempotencyKey?: string
}

/**
 * Decides whether a request may be granted, and as what. Quotas are not looked at here: they are taken in the same
 * moment as the intent is written.
 *
 * @throws `ISSUE_KEY_INVALID`, `ENDPOINT_NAME_MISSING`, `ENDPOINT_NAME_REFUSED`, `ORDER_UNKNOWN`, `DEVICE_UID_REFUSED`,
 * `DEVICE_SUBJECT_REFUSED`, `AUTHORITY_PURPOSE_OTHER`, `PROFILE_UNKNOWN`, `PROFILE_VALUE_MISSING` (caller),
 * `CSR_UNREADABLE`, `CSR_KEY_UNSUPPORTED`, `CSR_SIGNATURE_INVALID` (peer),
 * `ORDER_SUBJECT_TOO_LONG` (operator)
 */
export async function decide(request: IssueRequest, rules: IssuingRules): Promise<Draft> {
  const signs = request.kind === 'ca' ? 'cas' : 'devices'
  if (signs !== rules.settings.signs) {
    throw setupFault('AUTHORITY_PURPOSE_OTHER', {
      signs: SIGNED[rules.settings.signs],
      profile: profileNameOf(request),
    })
  }
  switch (request.kind) {
    case 'endpoint':
      return { ...keyOf(request.idempotencyKey), ...(await decideEndpoint(request.csr, rules)) }
    case 'device':
      return { ...keyOf(request.idempotencyKey), ...(await decideDevice(request, rules)) }
    case 'ca':
      return decideCa(request, rules)
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

/**
 * Drafts the certificate of a key that answers about certificates of this CA.
 *
 * @throws `CSR_UNREADABLE`, `CSR_KEY_UNSUPPORTED`, `CSR_SIGNATURE_INVALID` (peer)
 */
export async function draftResponder(csr: Uint8Array): Promise<Draft> {
  const verified = await verifyCsrAside(csr)
  const profile = { profile: OCSP_RESPONDER.name, certificateProfile: OCSP_RESPONDER }
  return { ...profile, subject: verified.subject, names: [], ...ofRequest(verified) }
}

async function decideEndpoint(bytes: Uint8Array, rules: IssuingRules): Promise<Draft> {
  const csr = await verifyCsrAside(bytes, rules.settings)
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
  return { ...ofProfile(CheckedProfile.builtIn('endpoint', rules.settings)), subject, names, ...ofRequest(csr) }
}

/** Tells whether a list has a name, or `.PARENT`, which stands for every DNS name below that parent. */
function isListed(list: ReadonlySet<string>, { type, value }: AlternativeName): boolean {
  if (type !== 'dns') return type === 'ip' && list.has(value)
  const parents = value.split('.').map((_, index, labels) => `.${labels.slice(index + 1).join('.')}`)
  if (value.startsWith('.')) return false
  return list.has(value) || parents.slice(0, -1).some((parent) => list.has(parent))
}

async function decideDevice(
  request: { readonly csr: Uint8Array; readonly profile?: string | CheckedProfile },
  rules: IssuingRules,
): Promise<Draft> {
  const csr = await verifyCsrAside(request.csr, rules.settings)
  const checked = request.profile === undefined ? anySubjectDevice(rules.settings) : profileOf(request.profile, rules)
  if (checked.profile.isCa)
    throw setupFault('AUTHORITY_PURPOSE_OTHER', { signs: SIGNED.devices, profile: checked.name })
  const subject = fillSubject(checked.subject, { request: csr.subject }, checked.name)
  // Alternative names are left out unless the profile wants some: nobody checked that the device may have them.
  const asked = checked.profile.subjectAlternativeNames === 'required' ? csr.subjectAlternativeNames : []
  const names = checked.hardwareType === undefined ? asked : hardwareName(checked, undefined)
  return { ...ofProfile(checked), subject, names, ...ofRequest(csr) }
}

async function decideCa(
  request: { readonly csr: Uint8Array; readonly profile: string | CheckedProfile },
  rules: IssuingRules,
): Promise<Draft> {
  const csr = await verifyCsrAside(request.csr, rules.settings)
  const checked = profileOf(request.profile, rules)
  if (!checked.profile.isCa) throw setupFault('AUTHORITY_PURPOSE_OTHER', { signs: SIGNED.cas, profile: checked.name })
  const subject = fillSubject(checked.subject, { request: csr.subject }, checked.name)
  return { ...ofProfile(checked), subject, names: [], ...ofRequest(csr) }
}

async function decideOrderDevice(
  request: { readonly csr: Uint8Array; readonly order: string; readonly uid: string },
  rules: IssuingRules,
): Promise<Draft> {
  const { uid } = request
  const order = rules.order(request.order)
  if (order === undefined) throw authorityFault('ORDER_UNKNOWN', { order: request.order })
  if (!ELEMENT_UID.test(uid)) throw authorityFault('DEVICE_UID_REFUSED')
  const checked = profileOf(order.profile, rules)
  if (checked.profile.isCa)
    throw setupFault('AUTHORITY_PURPOSE_OTHER', { signs: SIGNED.devices, profile: checked.name })
  const csr = await verifyCsrAside(request.csr, rules.settings)
  const subject = deviceSubject(order.subject, order.product, uid)
  if (!sameName(csr.subject, subject)) throw authorityFault('DEVICE_SUBJECT_REFUSED', { uid })
  return {
    ...ofProfile(checked),
    // What the profile says of the subject goes above what the order says, which the element signed.
    subject: fillSubject(checked.subject, { request: subject, product: order.product, uid }, checked.name),
    names: hardwareName(checked, uid),
    ...ofRequest(csr),
    order: order.id,
    idempotencyKey: `order/${order.id}/${uid}`,
  }
}

/** Gives a profile by its name, or the one that the caller read. @throws `PROFILE_UNKNOWN` (caller) */
function profileOf(named: string | CheckedProfile, { profile, settings }: IssuingRules): CheckedProfile {
  if (named instanceof CheckedProfile) return named
  const checked = profile(named) ?? (isBuiltIn(named) ? CheckedProfile.builtIn(named, settings) : undefined)
  if (checked === undefined)
    throw setupFault('PROFILE_UNKNOWN', { profile: PROFILE_NAME.test(named) ? named : '(unprintable)' })
  return checked
}

/** Gives the name of the hardware, which is the element's own number. @throws `PROFILE_VALUE_MISSING` (caller) */
function hardwareName({ hardwareType, name }: CheckedProfile, uid: string | undefined): readonly AlternativeName[] {
  if (hardwareType === undefined) return []
  if (uid === undefined) throw setupFault('PROFILE_VALUE_MISSING', { profile: name, placeholder: '{uid}' })
  return [{ type: 'hardware-module', value: `${hardwareType}:${uid}` }]
}

function profileNameOf(request: IssueRequest): string {
  if (request.kind === 'endpoint' || request.kind === 'order-device') return request.kind
  const { profile = 'device' } = request
  if (profile instanceof CheckedProfile) return profile.name
  return PROFILE_NAME.test(profile) ? profile : '(unprintable)'
}

function ofProfile({ name, profile }: CheckedProfile): Pick<Draft, 'profile' | 'certificateProfile'> {
  return { profile: name, certificateProfile: profile }
}

function ofRequest({ publicKey, der }: VerifiedCsr): Pick<Draft, 'publicKey' | 'publicKeyHash' | 'csr'> {
  return { ...keyHash(publicKey), csr: der }
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
  return { publicKey, publicKeyHash: hash('sha256', publicKey) }
}

/** A cloud returns a certificate with the subject of the CSR, whatever it is (AWS IoT CreateCertificateFromCsr). */
function anySubjectDevice({ mlDsa }: AuthoritySettings): CheckedProfile {
  return CheckedProfile.builtIn('device', { mlDsa, anySubject: true })
}

/** What a client may call its request; the socket takes the same. */
export const IDEMPOTENCY_KEY: RegExp = /^[a-zA-Z0-9.:_-]{1,128}$/

/** RFC 5280 Appendix A.1, ub-common-name. */
const COMMON_NAME_CHARACTER_COUNT_MAX = 64

/** What an authority signs, for people. */
const SIGNED: Readonly<Record<AuthoritySettings['signs'], string>> = { devices: 'no CAs', cas: 'CAs only' }

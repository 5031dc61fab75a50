import type { Fault, Instant } from '../kernel/index.ts'
import type { Certificate } from './certificate.ts'
import { DerError } from './der.ts'
import type { KeyUsage } from './extensions.ts'
import { x509Fault } from './faults.ts'
import { formatName } from './name.ts'
import { NAME_CONSTRAINTS, nameConstraintsOf, nameNotPermitted } from './name-constraints.ts'

/** Most certificates from leaf to anchor; those in use have two to four. */
export const CHAIN_LENGTH_MAX = 8

/** Most intermediates that are looked at; a peer that sends more gets `CHAIN_SEARCH_EXHAUSTED`. */
export const INTERMEDIATES_COUNT_MAX = 32

/** Most signatures that are verified for one chain, at some 50 microseconds each; then `CHAIN_SEARCH_EXHAUSTED`. */
export const SIGNATURE_CHECKS_MAX = 64

/** What a chain is verified for; `tpmEndorsement` is the TCG's purpose of the keys that come with a TPM. */
export type ChainPurpose = 'serverAuth' | 'clientAuth' | 'tpmEndorsement'

/** A certificate, whom to trust, and what may lie between. */
export interface ChainRequest {
  readonly leaf: Certificate
  /** In any order; those that do not belong are passed over. */
  readonly intermediates: readonly Certificate[]
  /** Trusted, usually self-signed; their validity counts as well. */
  readonly anchors: readonly Certificate[]
  readonly now: Instant
  readonly purpose: ChainPurpose
}

/**
 * Finds a path from a leaf to a trust anchor and verifies it (RFC 5280 §6.1, without policy constraints and revocation:
 * a certificate that needs the former is refused, the latter is the caller's matter). Name constraints count for
 * directory names, hosts, mailboxes, URIs and addresses; a CA with constraints of other kinds is refused.
 *
 * @throws `CERTIFICATE_NOT_YET_VALID`, `CERTIFICATE_EXPIRED`, `CRITICAL_EXTENSION_UNKNOWN`,
 * `CERTIFICATE_WRONG_PURPOSE`, `CERTIFICATE_NOT_A_CA`, `PATH_TOO_LONG`, `NAME_NOT_PERMITTED`, `SIGNATURE_INVALID`,
 * `CHAIN_UNTRUSTED`, `CHAIN_INCOMPLETE`, `CHAIN_SEARCH_EXHAUSTED` (peer)
 */
export function verifyChain(request: ChainRequest): VerifiedChain {
  return VerifiedChain.verify(request)
}

/** The statement "this leaf leads to an anchor, for this purpose, at that time". Only {@link verifyChain} makes one. */
export class VerifiedChain {
  readonly leaf: Certificate
  readonly anchor: Certificate
  /** From leaf to anchor. */
  readonly certificates: readonly Certificate[]
  readonly purpose: ChainPurpose
  readonly #verifiedAt: Instant

  private constructor(path: Path, { purpose, now }: ChainRequest) {
    this.leaf = path[0]
    this.anchor = path.at(-1) ?? path[0]
    this.certificates = path
    this.purpose = purpose
    this.#verifiedAt = now
  }

  /** Use {@link verifyChain}, which lists the faults. */
  static verify(request: ChainRequest): VerifiedChain {
    const { leaf, anchors, intermediates } = request
    if (intermediates.length > INTERMEDIATES_COUNT_MAX) throw exhausted(INTERMEDIATES_COUNT_MAX, 'intermediates')
    const refusal = refusalOf(leaf, [], request)
    if (refusal !== undefined) throw refusal
    // An anchor is trusted as it is, also when it is the leaf itself.
    if (includes(anchors, leaf)) return new VerifiedChain([leaf], request)
    const search = new Search(request)
    const path = search.climb([leaf])
    if (path === undefined) throw search.failure(leaf)
    return new VerifiedChain(path, request)
  }

  get verifiedAt(): Instant {
    return this.#verifiedAt
  }
}

type Path = readonly [Certificate, ...Certificate[]]

/** A depth-first search for an anchor, which remembers the first thing that went wrong. */
class Search {
  readonly #request: ChainRequest
  #firstRefusal: Fault | undefined
  #deadEnd: Certificate | undefined
  #signatureChecks = 0

  constructor(request: ChainRequest) {
    this.#request = request
  }

  /** Gives the whole path from `path` up to an anchor; `undefined` when none leads there. */
  climb(path: Path): Path | undefined {
    const below = path.at(-1) ?? path[0]
    let isDeadEnd = true
    for (const issuer of this.#issuersOf(below, path)) {
      isDeadEnd = false
      const refusal = this.#refusalOf(issuer, below, path)
      if (refusal !== undefined) {
        this.#firstRefusal ??= refusal
        continue
      }
      const longer: Path = [...path, issuer]
      const whole = includes(this.#request.anchors, issuer) ? longer : this.climb(longer)
      if (whole !== undefined) return whole
    }
    if (isDeadEnd) this.#deadEnd ??= below
    return undefined
  }

  failure(leaf: Certificate): Fault {
    if (this.#firstRefusal !== undefined) return this.#firstRefusal
    const end = this.#deadEnd ?? leaf
    if (end.issuerHash === end.subjectHash) return x509Fault('CHAIN_UNTRUSTED', { subject: nameOf(end) })
    return x509Fault('CHAIN_INCOMPLETE', { issuer: shortName(formatName(end.issuer)) })
  }

  /** Candidates by name and, where both sides have one, by key identifier; anchors first, none that is in `path`. */
  #issuersOf(below: Certificate, path: Path): Certificate[] {
    const { anchors, intermediates } = this.#request
    return [...anchors, ...intermediates].filter(
      (candidate) =>
        candidate.subjectHash === below.issuerHash &&
        keyIdentifiersAgree(below, candidate) &&
        !includes(path, candidate),
    )
  }

  #refusalOf(issuer: Certificate, below: Certificate, path: Path): Fault | undefined {
    if (path.length >= CHAIN_LENGTH_MAX) return exhausted(CHAIN_LENGTH_MAX, 'certificates')
    this.#signatureChecks += 1
    if (this.#signatureChecks > SIGNATURE_CHECKS_MAX) throw exhausted(SIGNATURE_CHECKS_MAX, 'signature checks')
    if (!below.isSignedBy(issuer)) return x509Fault('SIGNATURE_INVALID', { subject: nameOf(below) })
    return refusalOf(issuer, path, this.#request)
  }
}

/** Judges one certificate of a path; `below` are those under it, leaf first, none for the leaf itself. */
function refusalOf(certificate: Certificate, below: readonly Certificate[], request: ChainRequest): Fault | undefined {
  const checks = below.length === 0 ? LEAF_CHECKS : ISSUER_CHECKS
  for (const check of checks) {
    const refusal = check(certificate, below, request)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

type Check = (certificate: Certificate, below: readonly Certificate[], request: ChainRequest) => Fault | undefined

/** RFC 5280 §6.1.3 (a)(2). */
const checkValidity: Check = (certificate, _below, { now }) => {
  const { notBefore, notAfter } = certificate
  const subject = nameOf(certificate)
  if (now < notBefore) return x509Fault('CERTIFICATE_NOT_YET_VALID', { subject, notBefore: isoTime(notBefore) })
  if (now > notAfter) return x509Fault('CERTIFICATE_EXPIRED', { subject, notAfter: isoTime(notAfter) })
  return undefined
}

/** RFC 5280 §6.1.4 (o) and §6.1.5 (f). */
const checkUnderstood: Check = (certificate) => {
  const [oid] = certificate.extensionsNotUnderstood
  return oid === undefined ? undefined : x509Fault('CRITICAL_EXTENSION_UNKNOWN', { subject: nameOf(certificate), oid })
}

/** The same of an issuer, whose name constraints are understood: {@link checkNames} holds what is below to them. */
const checkIssuerUnderstood: Check = (certificate) => {
  const oid = certificate.extensionsNotUnderstood.find((each) => each !== NAME_CONSTRAINTS)
  return oid === undefined ? undefined : x509Fault('CRITICAL_EXTENSION_UNKNOWN', { subject: nameOf(certificate), oid })
}

/** RFC 5280 §6.1.3 (b) and (c): a CA that was issued to itself, as when its key changes, is passed over. */
const checkNames: Check = (issuer, below) => {
  if (!issuer.extensionsNotUnderstood.includes(NAME_CONSTRAINTS)) return undefined
  try {
    const constraints = nameConstraintsOf(issuer)
    if (constraints === undefined) return undefined
    for (const [depth, certificate] of below.entries()) {
      if (depth > 0 && certificate.issuerHash === certificate.subjectHash) continue
      const name = nameNotPermitted(certificate, constraints)
      const subject = nameOf(certificate)
      if (name !== undefined) return x509Fault('NAME_NOT_PERMITTED', { subject, name, issuer: nameOf(issuer) })
    }
    return undefined
  } catch (error) {
    // A constraint, or a name under one, that cannot be judged is one that was not understood.
    if (!(error instanceof DerError)) throw error
    return x509Fault('CRITICAL_EXTENSION_UNKNOWN', { subject: nameOf(issuer), oid: NAME_CONSTRAINTS }, error)
  }
}

/** RFC 5280 §4.2.1.3 and §4.2.1.12, read as OpenSSL does: anyExtendedKeyUsage does not stand for a TLS purpose. */
const checkLeafPurpose: Check = (certificate, below, request) => {
  const { keyUsage } = certificate
  const mayServe = keyUsage === undefined || LEAF_KEY_USAGES[request.purpose].some((usage) => keyUsage.includes(usage))
  return mayServe ? checkExtendedPurpose(certificate, below, request) : wrongPurpose(certificate, request)
}

/** An issuer that names purposes issues for these alone, as OpenSSL, NSS and CryptoAPI read it. */
const checkExtendedPurpose: Check = (certificate, _below, request) => {
  const purposes = certificate.extendedKeyUsage
  return purposes === undefined || purposes.includes(request.purpose) ? undefined : wrongPurpose(certificate, request)
}

/** RFC 5280 §6.1.4 (k) and (n). */
const checkCa: Check = (certificate) => {
  const maySign = certificate.keyUsage === undefined || certificate.keyUsage.includes('keyCertSign')
  return certificate.isCa && maySign ? undefined : x509Fault('CERTIFICATE_NOT_A_CA', { subject: nameOf(certificate) })
}

/** RFC 5280 §6.1.4 (l) and (m): self-issued certificates do not count. */
const checkPathLength: Check = (certificate, below) => {
  const { pathLength } = certificate
  const between = below.slice(1).filter((issuer) => issuer.issuerHash !== issuer.subjectHash).length
  if (pathLength === undefined || between <= pathLength) return undefined
  return x509Fault('PATH_TOO_LONG', { subject: nameOf(certificate), pathLength })
}

const LEAF_CHECKS: readonly Check[] = [checkValidity, checkUnderstood, checkLeafPurpose]
const ISSUER_CHECKS: readonly Check[] = [
  checkValidity,
  checkIssuerUnderstood,
  checkCa,
  checkPathLength,
  checkExtendedPurpose,
  checkNames,
]

/** Any of these is enough; which one TLS needs depends on the cipher suite (RFC 5280 §4.2.1.12). */
const LEAF_KEY_USAGES: Readonly<Record<ChainPurpose, readonly KeyUsage[]>> = {
  serverAuth: ['digitalSignature', 'keyEncipherment', 'keyAgreement'],
  clientAuth: ['digitalSignature', 'keyAgreement'],
  tpmEndorsement: ['keyEncipherment', 'keyAgreement'],
}

function keyIdentifiersAgree(below: Certificate, issuer: Certificate): boolean {
  const wanted = below.authorityKeyIdentifier
  return wanted === undefined || issuer.subjectKeyIdentifier === undefined || wanted === issuer.subjectKeyIdentifier
}

function includes(certificates: readonly Certificate[], wanted: Certificate): boolean {
  return certificates.some(({ fingerprint }) => fingerprint === wanted.fingerprint)
}

function wrongPurpose(certificate: Certificate, { purpose }: ChainRequest): Fault {
  return x509Fault('CERTIFICATE_WRONG_PURPOSE', { subject: nameOf(certificate), purpose })
}

function exhausted(limit: number, what: string): Fault {
  return x509Fault('CHAIN_SEARCH_EXHAUSTED', { limit, what })
}

/** The subject for a message: one line, bounded, as strangers choose their names. */
function nameOf(certificate: Certificate): string {
  return shortName(formatName(certificate.subject))
}

function shortName(text: string): string {
  if (text === '') return '(an empty name)'
  return text.length > NAME_CHARACTERS_SHOWN ? `${text.slice(0, NAME_CHARACTERS_SHOWN)}…` : text
}

function isoTime(moment: Instant): string {
  return new Date(moment).toISOString()
}

/** How much of a name goes into a message, in characters. */
const NAME_CHARACTERS_SHOWN = 128

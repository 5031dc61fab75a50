import { type Entropy, equalBytes, type Instant, instant } from '../kernel/index.ts'
import { buildTbsCertificate, encodeSigned, type TbsDraft } from './build.ts'
import { Certificate } from './certificate.ts'
import { x509Fault } from './faults.ts'
import { CERTIFICATE_LINTS, type IssueRequest, type Lint, REQUEST_LINTS, rulesBrokenBy } from './lints.ts'
import type { CertificateProfile } from './profile.ts'
import { PROFILE_LINTS } from './profile-lints.ts'
import { keyIdentifier } from './public-key.ts'
import { algorithmIdentifier, isSignedWithAside, openVerificationKey, signatureAlgorithmOf } from './signature.ts'
import type { SignatureAlgorithm, Signer } from './signer.ts'
import { readTbsCertificate } from './tbs-certificate.ts'
import { fillTbsCertificate } from './tbs-template.ts'

/**
 * The statement "these exact octets passed every lint of this profile". {@link Linted.lint} is its only origin and
 * {@link Linted.sign} its only use, so that a certificate that was not linted cannot reach a signer.
 */
export class Linted {
  #tbs: Uint8Array | undefined
  readonly #algorithm: SignatureAlgorithm
  readonly #issuerKey: Uint8Array

  private constructor(tbs: Uint8Array, algorithm: SignatureAlgorithm, { issuer, publicKey }: IssueRequest) {
    this.#tbs = tbs
    this.#algorithm = algorithm
    this.#issuerKey = issuer === 'self' ? publicKey : issuer.certificate.publicKey
  }

  /**
   * Builds the certificate of a request and holds it against every rule.
   *
   * @throws `CERTIFICATE_LINT_FAILED`, `NAME_INVALID`, `ALTERNATIVE_NAME_INVALID` (caller)
   */
  static lint(request: IssueRequest): Linted {
    refuseBrokenProfile(request.profile)
    refuseBroken(REQUEST_LINTS, request)
    const issuer = request.issuer === 'self' ? undefined : request.issuer.certificate
    const algorithm = signatureAlgorithmOf(issuer?.publicKey ?? request.publicKey)
    // REQUEST_LINTS says that there is one; this says it to the compiler.
    if (algorithm === undefined) throw lintFailed({ rule: 'issuer-key-signs', otherwise: 'the issuer has no key' })
    const octets = build(request, issuer, algorithm)
    refuseBroken(CERTIFICATE_LINTS, { ...request, issuer, tbs: readTbsCertificate(octets) })
    return new Linted(octets, algorithm, request)
  }

  /**
   * Gives every rule that a certificate would break, for people who write profiles; nothing can be signed with it.
   *
   * @throws `NAME_INVALID`, `ALTERNATIVE_NAME_INVALID` (caller)
   */
  static findings(request: IssueRequest): readonly Lint<never>[] {
    const early = [...rulesBrokenBy(PROFILE_LINTS, request.profile), ...rulesBrokenBy(REQUEST_LINTS, request)]
    const issuer = request.issuer === 'self' ? undefined : request.issuer.certificate
    const algorithm = signatureAlgorithmOf(issuer?.publicKey ?? request.publicKey)
    if (early.length > 0 || algorithm === undefined) return early
    const tbs = readTbsCertificate(build(request, issuer, algorithm))
    return [...rulesBrokenBy(CERTIFICATE_LINTS, { ...request, issuer, tbs })]
  }

  /**
   * Signs, once: a second certificate with the same serial number must not exist. The signature is verified before
   * anything leaves, so that a faulty signer cannot give away its key by a faulty signature.
   *
   * @throws `CERTIFICATE_ALREADY_SIGNED`, `SIGNER_MISMATCH` (caller), `SIGNER_SIGNATURE_INVALID` (operator), and what
   * the signer throws
   */
  async sign(signer: Signer): Promise<Certificate> {
    return Certificate.fromDer(await this.signDer(signer))
  }

  /** Signs as {@link sign} does, with the same faults, and gives the DER alone. */
  async signDer(signer: Signer): Promise<Uint8Array> {
    if (signer.algorithm !== this.#algorithm || !equalBytes(signer.publicKey, this.#issuerKey)) {
      throw x509Fault('SIGNER_MISMATCH')
    }
    const message = this.#tbs
    if (message === undefined) throw x509Fault('CERTIFICATE_ALREADY_SIGNED')
    this.#tbs = undefined
    const signature = await signer.sign(message)
    const algorithm = algorithmIdentifier(this.#algorithm)
    const key = openVerificationKey(this.#issuerKey)
    const isSound = key !== undefined && (await isSignedWithAside(key, { message, algorithm, signature }))
    if (!isSound) throw x509Fault('SIGNER_SIGNATURE_INVALID')
    return encodeSigned(message, algorithm, signature)
  }
}

/** Makes a serial number of 16 octets, positive and with 126 random bits (RFC 5280 §4.1.2.2). */
export function newSerialNumber(entropy: Entropy): Uint8Array {
  const octets = Uint8Array.from(entropy.bytes(SERIAL_NUMBER_BYTES))
  // The first bit clear makes it positive; the second one set keeps it 16 octets long.
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40
  return octets
}

function build(request: IssueRequest, issuer: Certificate | undefined, algorithm: SignatureAlgorithm): Uint8Array {
  const { profile, subject, publicKey, serialNumber, subjectAlternativeNames = [] } = request
  const draft: TbsDraft = {
    ...profile,
    ...validityOf(request, issuer),
    serialNumber,
    signatureAlgorithm: algorithmIdentifier(algorithm),
    issuerDer: issuer?.subjectDer,
    subject,
    publicKey,
    subjectAlternativeNames,
    subjectKeyIdentifier: keyIdentifier(publicKey),
    authorityKeyIdentifier: issuer && authorityKeyIdentifier(issuer),
  }
  return issuer === undefined ? buildTbsCertificate(draft) : fillTbsCertificate(draft, profile, issuer)
}

/** Whole seconds, which is all that the encoding holds. */
function validityOf({ profile, now }: IssueRequest, issuer: Certificate | undefined): Validity {
  const notBefore = Math.max(now - profile.backdated, issuer?.notBefore ?? Number.NEGATIVE_INFINITY)
  const notAfter = 'until' in profile.validity ? profile.validity.until : now + profile.validity.lasts
  return { notBefore: wholeSecond(notBefore), notAfter: wholeSecond(notAfter) }
}

interface Validity {
  readonly notBefore: Instant
  readonly notAfter: Instant
}

function wholeSecond(moment: number): Instant {
  return instant(Math.floor(moment / 1000) * 1000)
}

/** An issuer without an identifier of its own gets the one that its key would have. */
function authorityKeyIdentifier(issuer: Certificate): Uint8Array {
  const own = issuer.subjectKeyIdentifier
  return own === undefined ? keyIdentifier(issuer.publicKey) : Buffer.from(own, 'hex')
}

/** A line issues many certificates of one profile: it is judged once, as profiles do not change. */
function refuseBrokenProfile(profile: CertificateProfile): void {
  if (SOUND_PROFILES.has(profile)) return
  refuseBroken(PROFILE_LINTS, profile)
  SOUND_PROFILES.add(profile)
}

const SOUND_PROFILES = new WeakSet<CertificateProfile>()

function refuseBroken<Subject>(lints: readonly Lint<Subject>[], subject: Subject): void {
  const [broken] = rulesBrokenBy(lints, subject)
  if (broken !== undefined) throw lintFailed(broken)
}

function lintFailed({ rule, otherwise }: Pick<Lint<unknown>, 'rule' | 'otherwise'>): Error {
  return x509Fault('CERTIFICATE_LINT_FAILED', { rule, why: otherwise })
}

const SERIAL_NUMBER_BYTES = 16

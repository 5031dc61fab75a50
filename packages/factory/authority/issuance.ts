import { assertNotEnded } from '@birthmark/factory/order'
import { type Clock, type Entropy, type Instant, toHex } from '@birthmark/foundation/kernel'
import { type Certificate, Linted, newSerialNumber, type Signer } from '@birthmark/foundation/x509'
import type { Draft } from './decide.ts'
import type { ExternalCa } from './external-ca.ts'
import { authorityFault } from './faults.ts'
import { PointedProfiles, type ShardName } from './issuance-pointers.ts'
import type { Journal } from './journal.ts'
import type { IssueIntent } from './journal-records.ts'
import { setupFault } from './setup-faults.ts'

/** What issuing needs. */
export interface IssuancePorts {
  readonly issuing: Certificate
  readonly signer: Signer
  readonly journal: Journal
  readonly clock: Clock
  readonly entropy: Entropy
  /** Most certificates that the issuing CA may ever sign; without it any number. */
  readonly certificatesMax?: number
  /** The CA elsewhere that signs in place of the signer, where there is one. */
  readonly external?: ExternalCa
}

/** Issues what was decided, each idempotency key once, also when the same request comes twice at a time. */
export class Issuance {
  readonly #ports: IssuancePorts
  readonly #underWay = new Map<string, UnderWay>()
  readonly #pointers = new PointedProfiles()

  constructor(ports: IssuancePorts) {
    this.#ports = ports
  }

  /**
   * Issues a certificate, or gives the one that was issued under the draft's idempotency key before.
   *
   * @throws `ISSUE_KEY_REUSED`, `CERTIFICATE_REVOKED` (caller), and what {@link issue} throws
   */
  async once(draft: Draft): Promise<Uint8Array> {
    const { idempotencyKey } = draft
    if (idempotencyKey === undefined) return this.#issue(draft)
    const first = this.#underWay.get(idempotencyKey)
    if (first !== undefined) {
      assertRepeats(draft, first.draft, idempotencyKey)
      return first.certificate
    }
    const certificate = this.#repeatOrIssue(draft, idempotencyKey)
    this.#underWay.set(idempotencyKey, { draft, certificate })
    try {
      return await certificate
    } finally {
      this.#underWay.delete(idempotencyKey)
    }
  }

  async #repeatOrIssue(draft: Draft, idempotencyKey: string): Promise<Uint8Array> {
    const { journal } = this.#ports
    const earlier = await journal.find(idempotencyKey)
    if (earlier === undefined) return this.#issue(draft)
    assertRepeats(draft, earlier.intent, idempotencyKey)
    const { serial, isRevoked, result } = earlier.row
    if (isRevoked) throw authorityFault('CERTIFICATE_REVOKED', { serial })
    if (result !== undefined) return journal.certificate(result)
    // The run that wrote the intent ended before it wrote the result. A certificate with that serial number may have
    // been signed, and was given to nobody: it is made void, and the key gets another one.
    return this.#issue(draft, serial)
  }

  async #issue(draft: Draft, voids?: string): Promise<Uint8Array> {
    const { journal, clock } = this.#ports

    // Step 1: decide. Nothing has happened yet; a refusal leaves no trace but a log line.
    const serialNumber = this.#freshSerialNumber()
    const shard = this.#names(draft) ? journal.nextShard : undefined
    const sign = this.#prepare(draft, serialNumber, shard)
    if (voids === undefined) this.#assertAllowed(draft.order, clock.now())

    // Step 2: remember what is about to be signed, on disk. After a crash this tells what may exist. The quota is
    // taken in the same turn of the event loop as it was looked at.
    const serial = toHex(serialNumber)
    await journal.intend(intentOf(draft, serial, voids, shard?.number))

    // Step 3: the irreversible act.
    const der = await sign()

    // Step 4: record that it exists. If this fails the caller sees an error, and step 2 remains.
    await journal.complete(serial, der)
    return der
  }

  /** A number is given once, also where the CA was imported and whatever the random generator does. */
  #freshSerialNumber(): Uint8Array {
    const { journal, entropy } = this.#ports
    for (let tries = 0; tries < SERIAL_TRIES_MAX; tries += 1) {
      const serialNumber = newSerialNumber(entropy)
      if (journal.bySerial(toHex(serialNumber)) === undefined) return serialNumber
    }
    throw authorityFault('ENTROPY_BROKEN')
  }

  /** Holds a draft against every rule. @returns What signs it, once. */
  #prepare(draft: Draft, serialNumber: Uint8Array, shard: ShardName | undefined): () => Promise<Uint8Array> {
    const { issuing, signer, clock, external } = this.#ports
    if (external !== undefined) return external.prepare(draft)
    const linted = Linted.lint({
      profile: shard === undefined ? draft.certificateProfile : this.#pointers.add(draft.certificateProfile, shard),
      subject: draft.subject,
      subjectAlternativeNames: draft.names,
      publicKey: draft.publicKey,
      issuer: { certificate: issuing },
      serialNumber,
      now: clock.now(),
    })
    return () => linted.signDer(signer)
  }

  /** A profile with places of its own names these; a certificate from elsewhere names those of its own CA. */
  #names({ certificateProfile, profile }: Draft): boolean {
    if (this.#ports.external !== undefined || UNNAMED_PROFILES.has(profile)) return false
    return (certificateProfile.crlUrls ?? []).length === 0
  }

  #assertAllowed(order: string | undefined, now: Instant): void {
    const { journal, certificatesMax = Number.POSITIVE_INFINITY } = this.#ports
    if (journal.intentCount >= certificatesMax) throw setupFault('AUTHORITY_USED_UP', { limit: certificatesMax })
    if (order !== undefined) assertOrderAllows(journal, order, now)
  }
}

interface UnderWay {
  readonly draft: Draft
  readonly certificate: Promise<Uint8Array>
}

/** Nobody asks about them: one is shown once, the other says itself that it must not be asked about. */
const UNNAMED_PROFILES: ReadonlySet<string> = new Set(['verification', 'ocsp-responder'])

function intentOf(draft: Draft, serial: string, voids: string | undefined, shard: number | undefined): IssueIntent {
  const { profile, publicKeyHash, order, idempotencyKey } = draft
  return {
    serial,
    profile,
    publicKeyHash,
    ...(order !== undefined && { order }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(voids !== undefined && { voids }),
    ...(shard !== undefined && { shard }),
  }
}

function assertOrderAllows(journal: Journal, id: string, now: Instant): void {
  const admitted = journal.order(id)
  if (admitted === undefined) throw authorityFault('ORDER_UNKNOWN', { order: id })
  assertNotEnded(admitted.order, now)
  if (admitted.left < 1) throw authorityFault('ORDER_USED_UP', { order: id, count: admitted.order.count })
}

/** A repetition is about the same key; only a verification certificate has a fresh one that nobody keeps. */
function assertRepeats(
  draft: Draft,
  earlier: Pick<IssueIntent, 'profile' | 'publicKeyHash'>,
  idempotencyKey: string,
): void {
  const sameKey = draft.publicKeyHash === earlier.publicKeyHash || draft.profile === 'verification'
  if (sameKey && draft.profile === earlier.profile) return
  throw authorityFault('ISSUE_KEY_REUSED', { idempotencyKey })
}

/** Of 126 random bits not even one number comes twice. */
const SERIAL_TRIES_MAX = 3

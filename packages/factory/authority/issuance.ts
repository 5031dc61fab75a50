import { assertNotEnded } from '@birthmark/factory/order'
import { type Clock, type Entropy, type Instant, toHex } from '@birthmark/foundation/kernel'
import { type Certificate, Linted, newSerialNumber, type Signer } from '@birthmark/foundation/x509'
import type { Draft } from './decide.ts'
import { authorityFault } from './faults.ts'
import type { Journal } from './journal.ts'
import type { IssueIntent } from './journal-records.ts'

/** What issuing needs. */
export interface IssuancePorts {
  readonly issuing: Certificate
  readonly signer: Signer
  readonly journal: Journal
  readonly clock: Clock
  readonly entropy: Entropy
}

/** Issues what was decided, each idempotency key once, also when the same request comes twice at a time. */
export class Issuance {
  readonly #ports: IssuancePorts
  readonly #underWay = new Map<string, UnderWay>()

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
    const earlier = journal.find(idempotencyKey)
    if (earlier === undefined) return this.#issue(draft)
    assertRepeats(draft, earlier.intent, idempotencyKey)
    const { serial } = earlier.intent
    if (journal.isRevoked(serial)) throw authorityFault('CERTIFICATE_REVOKED', { serial })
    if (earlier.result !== undefined) return journal.certificate(earlier.result)
    // The run that wrote the intent ended before it wrote the result. A certificate with that serial number may have
    // been signed, and was given to nobody: it is made void, and the key gets another one.
    return this.#issue(draft, serial)
  }

  async #issue(draft: Draft, voids?: string): Promise<Uint8Array> {
    const { issuing, signer, journal, clock, entropy } = this.#ports

    // Step 1: decide. Nothing has happened yet; a refusal leaves no trace but a log line.
    const { certificateProfile: profile, subject, names, publicKey, order } = draft
    const serialNumber = newSerialNumber(entropy)
    const linted = Linted.lint({
      profile,
      subject,
      subjectAlternativeNames: names,
      publicKey,
      issuer: { certificate: issuing },
      serialNumber,
      now: clock.now(),
    })
    if (order !== undefined && voids === undefined) assertAllowed(journal, order, clock.now())

    // Step 2: remember what is about to be signed, on disk. After a crash this tells what may exist. The quota is
    // taken in the same turn of the event loop as it was looked at.
    const serial = toHex(serialNumber)
    await journal.intend(intentOf(draft, serial, voids))

    // Step 3: the irreversible act.
    const { der } = await linted.sign(signer)

    // Step 4: record that it exists. If this fails the caller sees an error, and step 2 remains.
    await journal.complete(serial, der)
    return der
  }
}

interface UnderWay {
  readonly draft: Draft
  readonly certificate: Promise<Uint8Array>
}

function intentOf(draft: Draft, serial: string, voids: string | undefined): IssueIntent {
  const { profile, publicKeyHash, order, idempotencyKey } = draft
  return {
    serial,
    profile,
    publicKeyHash,
    ...(order !== undefined && { order }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(voids !== undefined && { voids }),
  }
}

function assertAllowed(journal: Journal, id: string, now: Instant): void {
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

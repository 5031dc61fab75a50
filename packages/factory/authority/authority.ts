import {
  assertNotEnded,
  type IssuedCertificate,
  type IssuingAuthority,
  openWorkOrder,
  orderFault,
  type WorkOrder,
} from '@birthmark/factory/order'
import { isFault, type Log, later, type Millis, messageOf } from '@birthmark/foundation/kernel'
import {
  type Certificate,
  type RevocationReason,
  type RevokedCertificate,
  SoftwareSigner,
  signCrl,
} from '@birthmark/foundation/x509'
import { decide, draftVerification, type IssueRequest } from './decide.ts'
import { authorityFault } from './faults.ts'
import { Issuance, type IssuancePorts } from './issuance.ts'
import type { AdmittedOrder, IssueIntent } from './journal-records.ts'

/** What an {@link Authority} works with. */
export interface AuthorityPorts extends IssuancePorts {
  readonly root: Certificate
  /** DNS names in lower case and IP addresses that endpoint certificates may have. */
  readonly endpointNames: ReadonlySet<string>
  /** The DER SubjectPublicKeyInfo of the one maker whose work orders are admitted. */
  readonly makerKey?: Uint8Array
  readonly log: Log
}

/**
 * An issuing CA at work. Nothing is signed that was not decided and written down before, and nothing is given out that
 * is not on the disk: after a crash every serial number that may exist is known.
 *
 * Every method that writes may fail as the journal does: `LEDGER_FAILED`, `LEDGER_CLOSED`, `DISK_FULL`,
 * `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` (operator), `LEDGER_BUSY` (busy).
 */
export class Authority {
  readonly #ports: AuthorityPorts
  readonly #issuance: Issuance
  readonly #underWay = new Set<Promise<unknown>>()
  /** The last of what is done one after the other, so that nothing is looked up and then written twice. */
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(ports: AuthorityPorts) {
    this.#ports = ports
    this.#issuance = new Issuance(ports)
  }

  get root(): Certificate {
    return this.#ports.root
  }

  get issuing(): Certificate {
    return this.#ports.issuing
  }

  /** The issuers above every certificate from here. */
  get issuers(): Omit<IssuedCertificate, 'certificate'> {
    return { intermediates: [this.#ports.issuing.der], root: this.#ports.root.der }
  }

  /** The intents without a result: a certificate may have been made and was given to nobody, or is under way. */
  get unresolved(): readonly IssueIntent[] {
    return this.#ports.journal.unresolved
  }

  /** The serial numbers that a repeated request replaced: should such a certificate show, it must not be trusted. */
  get voided(): readonly string[] {
    return this.#ports.journal.voided
  }

  /** What the next revocation list will hold: what was revoked, and the serial numbers in {@link voided}. */
  get revoked(): readonly RevokedCertificate[] {
    return this.#ports.journal.revoked
  }

  /** The number of certificates issued, in this run and earlier ones. */
  get issuedCount(): number {
    return this.#ports.journal.issuedCount
  }

  /**
   * Lets devices be issued under a work order, up to its count and until its end, after {@link openWorkOrder} judged
   * it here as well: what a station says of an order is not enough. Admitting the same order again changes nothing.
   *
   * @param text The order as its file holds it.
   * @param station The name of the station that brings it.
   * @throws What {@link openWorkOrder} refuses (operator), `ORDER_DIFFERS`, `AUTHORITY_CLOSED` (caller)
   */
  async admitSigned(text: string, station?: string): Promise<WorkOrder> {
    const { makerKey, clock } = this.#ports
    const rules = { ...(makerKey !== undefined && { makerKey }), ...(station !== undefined && { station }) }
    const order = openWorkOrder(text, { ...rules, now: clock.now() })
    await this.#admit(order)
    return order
  }

  /**
   * Does the same for an order from this very program; where a maker is pinned there is none.
   *
   * @throws `ORDER_UNSIGNED`, `ORDER_EXPIRED` (operator), `ORDER_DIFFERS`, `AUTHORITY_CLOSED` (caller)
   */
  async admit(order: WorkOrder): Promise<void> {
    if (this.#ports.makerKey !== undefined) throw orderFault('ORDER_UNSIGNED')
    assertNotEnded(order, this.#ports.clock.now())
    await this.#admit(order)
  }

  /** Gives a station the port to this authority for one admitted order, and for nothing else. */
  station(order: string): IssuingAuthority {
    return {
      issue: ({ csr, uid }) => this.issue({ kind: 'order-device', csr, order, uid }),
      issuers: () => Promise.resolve(this.issuers),
    }
  }

  /**
   * Issues a certificate; returns when it is on the disk. A repeated request (same idempotency key or device, same
   * public key) gets the certificate of the first.
   *
   * @throws What {@link decide} refuses, `ORDER_USED_UP`, `ISSUE_KEY_REUSED`, `CERTIFICATE_REVOKED`,
   * `CERTIFICATE_LINT_FAILED`, `NAME_INVALID`, `ALTERNATIVE_NAME_INVALID`, `AUTHORITY_CLOSED` (caller),
   * `ORDER_EXPIRED`, `SIGNER_SIGNATURE_INVALID` (operator)
   */
  async issue(request: IssueRequest): Promise<IssuedCertificate> {
    const { endpointNames, journal, log } = this.#ports
    try {
      return await this.#whileOpen(async () => {
        const draft = decide(request, { endpointNames, order: (id) => journal.order(id)?.order })
        return { certificate: await this.#issuance.once(draft), ...this.issuers }
      })
    } catch (error) {
      const ours = !isFault(error) || error.blame === 'operator' || error.blame === 'bug'
      const code = isFault(error) ? error.code : undefined
      log.write(ours ? 'error' : 'info', 'authority.refused', { kind: request.kind, code, why: messageOf(error) })
      throw error
    }
  }

  /**
   * Issues the verification certificate for a registration code: with it this CA's owner proves to a cloud that the
   * CA is theirs. The key in it is made for the purpose and forgotten. The same code gets the same certificate.
   *
   * @throws `REGISTRATION_CODE_REFUSED`, `AUTHORITY_CLOSED` (caller), `SIGNER_SIGNATURE_INVALID` (operator)
   */
  async prove(registrationCode: string): Promise<IssuedCertificate> {
    return this.#whileOpen(async () => {
      const { publicKey } = await SoftwareSigner.generate('ecdsa-p256-sha256')
      const certificate = await this.#issuance.once(draftVerification(registrationCode, publicKey))
      return { certificate, ...this.issuers }
    })
  }

  /**
   * Revokes a certificate for good; returns when that is on the disk. From the next list on everybody can know.
   *
   * @param serial Lower-case hex.
   * @throws `CERTIFICATE_NOT_OURS`, `CERTIFICATE_REVOKED` when it is already, `AUTHORITY_CLOSED` (caller)
   */
  async revoke(serial: string, reason: RevocationReason): Promise<void> {
    await this.#inTurn(async () => {
      const { journal, log } = this.#ports
      if (!(await journal.mayExist(serial))) throw authorityFault('CERTIFICATE_NOT_OURS', { serial })
      if (journal.isRevoked(serial)) throw authorityFault('CERTIFICATE_REVOKED', { serial })
      await journal.revoke(serial, reason)
      log.write('info', 'authority.revoked', { serial, reason })
    })
  }

  /**
   * Makes the full revocation list of this moment, with a number above that of every earlier one.
   *
   * @param lasts How long it counts, until the next one must be there.
   * @returns Its DER.
   * @throws `CRL_REQUEST_REFUSED`, `AUTHORITY_CLOSED` (caller), `SIGNER_SIGNATURE_INVALID` (operator)
   */
  async revocationList(lasts: Millis): Promise<Uint8Array> {
    return this.#inTurn(async () => {
      const { journal, issuing, signer, clock } = this.#ports
      const number = journal.crlNumber + 1
      await journal.numberCrl(number)
      const thisUpdate = clock.now()
      const nextUpdate = later(thisUpdate, lasts)
      return signCrl({ issuer: issuing, number, thisUpdate, nextUpdate, revoked: journal.revoked }, signer)
    })
  }

  /** Waits for what is under way and lets go of the journal. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#underWay)
    await this.#ports.journal.close()
  }

  async #admit({ id, product, count, profile, subject, until }: WorkOrder): Promise<void> {
    const order = { id, product, count, profile, subject, ...(until !== undefined && { until }) }
    await this.#inTurn(() => this.#admitOnce(order))
  }

  async #admitOnce(order: AdmittedOrder): Promise<void> {
    const { journal } = this.#ports
    const admitted = journal.order(order.id)?.order
    if (admitted === undefined) return journal.admit(order)
    if (!sameOrder(admitted, order)) throw authorityFault('ORDER_DIFFERS', { order: order.id })
  }

  /** Does what looks first and writes then after everything of the kind that came before. */
  #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    return this.#whileOpen(async () => {
      const turn = this.#turn.then(work)
      this.#turn = turn.catch(() => undefined)
      return turn
    })
  }

  /** Refuses work after {@link close}, and lets close wait for the work that came before. */
  async #whileOpen<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#closed) throw authorityFault('AUTHORITY_CLOSED')
    const promise = work()
    this.#underWay.add(promise)
    try {
      return await promise
    } finally {
      this.#underWay.delete(promise)
    }
  }
}

function sameOrder(left: AdmittedOrder, right: AdmittedOrder): boolean {
  return (
    left.product === right.product &&
    left.count === right.count &&
    left.profile === right.profile &&
    left.until === right.until &&
    left.subject.commonName === right.subject.commonName &&
    left.subject.serialNumber === right.subject.serialNumber
  )
}

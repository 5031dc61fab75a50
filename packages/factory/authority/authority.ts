import {
  assertNotEnded,
  type IssuedCertificate,
  type IssuingAuthority,
  openWorkOrder,
  orderFault,
  type WorkOrder,
} from '@birthmark/factory/order'
import { isFault, type Log, type Millis, messageOf } from '@birthmark/foundation/kernel'
import {
  type Certificate,
  createCsr,
  type RevocationReason,
  type RevokedCertificate,
  SoftwareSigner,
} from '@birthmark/foundation/x509'
import { decide, draftResponder, draftVerification, type IssueRequest } from './decide.ts'
import { authorityFault } from './faults.ts'
import { Issuance, type IssuancePorts } from './issuance.ts'
import type { AdmittedOrder, IssueIntent } from './journal-records.ts'
import type { CertificateState } from './journal-tables.ts'
import type { CheckedProfile } from './profile-file.ts'
import { RevocationLists } from './revocation-lists.ts'
import { type AuthoritySettings, DEFAULT_SETTINGS } from './settings.ts'
import { setupFault } from './setup-faults.ts'

/** What an {@link Authority} works with. */
export interface AuthorityPorts extends IssuancePorts {
  readonly root: Certificate
  /** DNS names in lower case and IP addresses that endpoint certificates may have. */
  readonly endpointNames: ReadonlySet<string>
  /** The DER SubjectPublicKeyInfo of the one maker whose work orders are admitted. */
  readonly makerKey?: Uint8Array
  /** The CAs between the issuing CA and the root, nearest first; none unless given. */
  readonly chain?: readonly Certificate[]
  /** The defaults unless given. */
  readonly settings?: AuthoritySettings
  /** The profiles that this authority has beside those built in, by their names. */
  readonly profiles?: ReadonlyMap<string, CheckedProfile>
  /** Lets go of what the key is behind. */
  readonly releaseKey?: () => Promise<void>
  readonly log: Log
}

/** What an authority knows of one serial number. */
export interface KnownCertificate {
  readonly serial: string
  /**
   * `open`: it may exist, and was given to nobody. `voided`: the same, and another one replaced it. `known`: it is from
   * before this authority's journal.
   */
  readonly state: CertificateState
  /** Since when it must not be trusted. */
  readonly ended?: Omit<RevokedCertificate, 'serial'>
  /** Its DER, where it was issued here. */
  readonly certificate?: Uint8Array
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
  readonly #lists: RevocationLists
  readonly #underWay = new Set<Promise<unknown>>()
  /** Serial numbers whose revocation is on its way to the disk. */
  readonly #revoking = new Set<string>()
  /** The last of what is done one after the other, so that nothing is looked up and then written twice. */
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(ports: AuthorityPorts) {
    this.#ports = ports
    const { certificatesMax } = this.settings
    this.#issuance = new Issuance({ ...ports, ...(certificatesMax !== undefined && { certificatesMax }) })
    this.#lists = new RevocationLists({ ...ports, inTurn: (work) => this.#inTurn(work) })
  }

  get root(): Certificate {
    return this.#ports.root
  }

  get issuing(): Certificate {
    return this.#ports.issuing
  }

  /** The issuers above every certificate from here. */
  get issuers(): Omit<IssuedCertificate, 'certificate'> {
    const { root, issuing, chain = [] } = this.#ports
    const isRoot = issuing.fingerprint === root.fingerprint
    return { intermediates: isRoot ? [] : [issuing, ...chain].map(({ der }) => der), root: root.der }
  }

  /** What this authority may do. */
  get settings(): AuthoritySettings {
    return this.#ports.settings ?? DEFAULT_SETTINGS
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
    return this.#ports.journal.revoked()
  }

  /** Gives some of {@link revoked}, the last first: of millions nobody wants all at once. */
  lastRevoked({ count, skip }: { readonly count: number; readonly skip: number }): readonly RevokedCertificate[] {
    return this.#ports.journal.lastRevoked(count, skip)
  }

  /** How many certificates are in {@link revoked}. */
  get revokedCount(): number {
    return this.#ports.journal.endedCount
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

  /** Devices that may still be issued under an order; 0 for one that was not admitted. */
  left(order: string): number {
    return this.#ports.journal.order(order)?.left ?? 0
  }

  /** Tells whether this device of an order was asked for before. */
  async knows(order: string, uid: string): Promise<boolean> {
    return (await this.#ports.journal.find(`order/${order}/${uid}`)) !== undefined
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
    const { endpointNames, journal, profiles, log } = this.#ports
    const { settings } = this
    try {
      return await this.#whileOpen(async () => {
        const order = (id: string): AdmittedOrder | undefined => journal.order(id)?.order
        const draft = await decide(request, { endpointNames, order, settings, profile: (name) => profiles?.get(name) })
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
      const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
      const draft = draftVerification(registrationCode, signer.publicKey)
      // A CA elsewhere wants to see a request.
      const csr = await createCsr({ subject: draft.subject, signer })
      const certificate = await this.#issuance.once({ ...draft, csr })
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
    await this.#whileOpen(async () => {
      const { journal, log, external } = this.#ports
      if (external !== undefined) throw setupFault('EXTERNAL_CA_ELSEWHERE', { what: 'its revocations' })
      const row = journal.bySerial(serial)
      if (row === undefined) throw authorityFault('CERTIFICATE_NOT_OURS', { serial })
      if (row.isRevoked || this.#revoking.has(serial)) throw authorityFault('CERTIFICATE_REVOKED', { serial })
      this.#revoking.add(serial)
      try {
        await journal.revoke(serial, reason)
      } finally {
        this.#revoking.delete(serial)
      }
      log.write('info', 'authority.revoked', { serial, reason })
    })
  }

  /**
   * Gives what is known of a serial number; `undefined` when no certificate has it, nor may have it.
   *
   * @param serial Lower-case hex.
   * @throws `AUTHORITY_CLOSED` (caller), `LEDGER_DAMAGED`, `FILE_UNUSABLE` (operator)
   */
  async lookUp(serial: string): Promise<KnownCertificate | undefined> {
    return this.#whileOpen(async () => {
      const { journal } = this.#ports
      const row = journal.bySerial(serial)
      if (row === undefined) return undefined
      const { state, ended, result } = row
      const certificate = result && (await journal.certificate(result))
      return { serial, state, ...(ended && { ended }), ...(certificate && { certificate }) }
    })
  }

  /** The revocation lists, all of which this authority signs. */
  get lists(): RevocationLists {
    return this.#lists
  }

  /** Makes the full list of this moment about every certificate; see {@link RevocationLists.full}. */
  async revocationList(lasts: Millis): Promise<Uint8Array> {
    return this.#lists.full(lasts)
  }

  /**
   * Lets the key of a request answer about the certificates of this CA, for 90 days (RFC 6960 §4.2.2.2).
   *
   * @param csr DER; its subject names who answers.
   * @throws `CSR_UNREADABLE`, `CSR_KEY_UNSUPPORTED`, `CSR_SIGNATURE_INVALID` (peer), `CERTIFICATE_LINT_FAILED`,
   * `AUTHORITY_CLOSED` (caller), `SIGNER_SIGNATURE_INVALID` (operator)
   */
  async certifyResponder(csr: Uint8Array): Promise<IssuedCertificate> {
    return this.#whileOpen(async () => {
      return { certificate: await this.#issuance.once(await draftResponder(csr)), ...this.issuers }
    })
  }

  /**
   * Signs where the journal stands, for whoever granted this CA and wants to hear of every certificate.
   *
   * @param messageOf Gives the bytes to sign, for the fingerprint of this CA; they must not look like a certificate.
   */
  async signHead(
    messageOf: (fingerprint: string, head: { readonly entries: number; readonly hash: string }) => Uint8Array,
  ): Promise<{ readonly entries: number; readonly hash: string; readonly signature: Uint8Array }> {
    return this.#whileOpen(async () => {
      const { journal, signer, issuing } = this.#ports
      const { head } = journal
      return { ...head, signature: await signer.sign(messageOf(issuing.fingerprint, head)) }
    })
  }

  /** Waits for what is under way and lets go of the journal. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#underWay)
    await this.#ports.journal.close()
    await this.#ports.releaseKey?.()
  }

  async #admit({ id, product, count, profile, subject, until, issuer }: WorkOrder): Promise<void> {
    if (issuer !== undefined && issuer !== this.issuing.fingerprint) {
      throw orderFault('ORDER_FOR_OTHER_ISSUER', { order: id, issuer })
    }
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

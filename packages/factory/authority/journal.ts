import { ChainedLog, type ChainFile, ledgerFault } from '@birthmark/factory/ledger'
import type { Clock, Log } from '@birthmark/foundation/kernel'
import type { RevocationReason, RevokedCertificate } from '@birthmark/foundation/x509'
import { authorityFault } from './faults.ts'
import {
  type AdmittedOrder,
  type IssueIntent,
  type JournalRecord,
  readJournalRecord,
  writeJournalRecord,
} from './journal-records.ts'
import { type Issuance, type JournalPlace, JournalState } from './journal-state.ts'

/** What opening a {@link Journal} needs. */
export interface JournalOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Log
  /** Opens the file; for tests that make the disk fail. */
  readonly openFile?: (path: string) => Promise<ChainFile>
}

/**
 * The record of everything an authority signed, or was about to: a chained log that knows every serial number that
 * may exist. What it acknowledges is on the disk. Every method that writes may fail with `LEDGER_FAILED`,
 * `LEDGER_CLOSED`, `LEDGER_BUSY`, `DISK_FULL`, `FILE_NOT_PERMITTED` or `FILE_UNUSABLE`.
 */
export class Journal {
  readonly #chain: ChainedLog<JournalRecord>
  readonly #state: JournalState
  /** Intents on their way to the disk, by order: they use its quota already. */
  readonly #underWay = new Map<string, number>()

  private constructor(chain: ChainedLog<JournalRecord>, state: JournalState) {
    this.#chain = chain
    this.#state = state
  }

  /**
   * Opens a journal, made when absent, and keeps other processes out.
   *
   * @throws `LEDGER_IN_USE`, `LEDGER_DAMAGED`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
   */
  static async open(options: JournalOptions): Promise<Journal> {
    const state = new JournalState()
    const chain = await ChainedLog.open<JournalRecord>({
      ...options,
      write: writeJournalRecord,
      read: readJournalRecord,
      replay: (entry) => {
        const why = state.apply(entry.content, entry)
        if (why !== undefined) throw ledgerFault('LEDGER_DAMAGED', { path: options.path, line: entry.seq + 1, why })
      },
    })
    return new Journal(chain, state)
  }

  /** The fingerprints of the certificates that this is the journal of; `undefined` in an empty one. */
  get heading(): { readonly root: string; readonly issuing: string } | undefined {
    return this.#state.heading
  }

  /** Every intent without a result: its certificate may have been made, and was given to nobody. */
  get unresolved(): readonly IssueIntent[] {
    return [...this.#state.unresolved.values()]
  }

  /** The serial numbers of certificates that may have been made, were given to nobody, and were replaced. */
  get voided(): readonly string[] {
    return [...this.#state.voided.keys()]
  }

  /** What must not be trusted, in the order in which it came to be so: what was revoked, and what was replaced. */
  get revoked(): readonly RevokedCertificate[] {
    const { revoked, voided } = this.#state
    const replaced = [...voided].filter(([serial]) => !revoked.has(serial))
    return [...revoked.values(), ...replaced.map(([serial, at]) => ({ serial, at, reason: 'superseded' as const }))]
  }

  /** The number of the last revocation list; 0 before the first. */
  get crlNumber(): number {
    return this.#state.crlNumber
  }

  isRevoked(serial: string): boolean {
    return this.#state.revoked.has(serial)
  }

  /** Looks through the whole journal for an intent with this serial number: such a certificate may exist. */
  async mayExist(serial: string): Promise<boolean> {
    for await (const { content } of this.#chain.entries()) {
      if (content.kind === 'intent' && content.intent.serial === serial) return true
    }
    return false
  }

  async revoke(serial: string, reason: RevocationReason): Promise<void> {
    await this.#append({ kind: 'revoked', serial, reason })
  }

  /** Writes down that the revocation list with this number is about to be signed. */
  async numberCrl(number: number): Promise<void> {
    await this.#append({ kind: 'crl', number })
  }

  /** The number of certificates written down. */
  get issuedCount(): number {
    return this.#state.issuedCount
  }

  /** Gives an admitted order, and how many devices may still be issued under it. */
  order(id: string): { readonly order: AdmittedOrder; readonly left: number } | undefined {
    const admitted = this.#state.order(id)
    if (admitted === undefined) return undefined
    const { order, used } = admitted
    return { order, left: order.count - used - (this.#underWay.get(id) ?? 0) }
  }

  /** Gives what was last intended under an idempotency key. */
  find(idempotencyKey: string): Issuance | undefined {
    return this.#state.find(idempotencyKey)
  }

  /** Writes the first line of a new journal. */
  async begin(root: string, issuing: string): Promise<void> {
    await this.#append({ kind: 'journal', format: 'birthmark-journal/1', root, issuing })
  }

  async admit(order: AdmittedOrder): Promise<void> {
    await this.#append({ kind: 'order', order })
  }

  /** Writes down that a certificate is about to be signed. Its quota is taken from the moment of the call. */
  async intend(intent: IssueIntent): Promise<void> {
    const { order = '' } = intent
    this.#underWay.set(order, (this.#underWay.get(order) ?? 0) + 1)
    try {
      await this.#append({ kind: 'intent', intent })
    } finally {
      this.#underWay.set(order, (this.#underWay.get(order) ?? 0) - 1)
    }
  }

  /** Writes down the certificate of an intent. */
  async complete(serial: string, certificate: Uint8Array): Promise<void> {
    await this.#append({ kind: 'result', serial, certificate })
  }

  /** Reads a certificate again. @throws `LEDGER_DAMAGED`, `LEDGER_CLOSED`, `FILE_UNUSABLE` */
  async certificate(result: JournalPlace): Promise<Uint8Array> {
    const record = await this.#chain.read(result)
    if (record.kind === 'result') return record.certificate
    throw authorityFault('AUTHORITY_DAMAGED', { why: `line ${result.seq + 1} of the journal holds no certificate` })
  }

  /** Waits for what is under way and lets go of the file. */
  async close(): Promise<void> {
    await this.#chain.close()
  }

  async #append(record: JournalRecord): Promise<void> {
    const why = this.#state.apply(record, await this.#chain.append(record))
    if (why !== undefined) throw authorityFault('AUTHORITY_RECORD_REFUSED', { kind: record.kind, why })
  }
}

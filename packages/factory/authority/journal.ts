import { closeSync, openSync, readSync } from 'node:fs'
import { type ChainedEntry, ChainedLog, type ChainFile, ledgerFault } from '@birthmark/factory/ledger'
import {
  type Cancel,
  type Clock,
  isFault,
  type Log,
  messageOf,
  millis,
  type Timers,
} from '@birthmark/foundation/kernel'
import { systemTimers } from '@birthmark/foundation/system'
import type { RevocationReason, RevokedCertificate } from '@birthmark/foundation/x509'
import { authorityFault } from './faults.ts'
import {
  type AdmittedOrder,
  type Distribution,
  type IssueIntent,
  type JournalRecord,
  type KnownSerial,
  type ListScope,
  readJournalRecord,
  writeJournalRecord,
} from './journal-records.ts'
import { JournalState, requestNumber } from './journal-state.ts'
import { type CertificateRow, type JournalPlace, JournalTables, type Shard } from './journal-tables.ts'
import { ShardPicker } from './shard-picker.ts'

/** What opening a {@link Journal} needs. */
export interface JournalOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Log
  /** The machine's unless given. */
  readonly timers?: Timers
  /** Opens the file; for tests that make the disk fail. */
  readonly openFile?: (path: string) => Promise<ChainFile>
}

/** One intent, and where its certificate is written down, if it is. */
export interface Issuance {
  readonly intent: IssueIntent
  readonly row: CertificateRow
}

/**
 * The record of everything an authority signed, or was about to: a chained log that knows every serial number that
 * may exist, and tables beside it that find each. What it acknowledges is on the disk. Every method that writes may
 * fail with `LEDGER_FAILED`, `LEDGER_CLOSED`, `LEDGER_BUSY`, `DISK_FULL`, `FILE_NOT_PERMITTED` or `FILE_UNUSABLE`.
 */
export class Journal {
  readonly #chain: ChainedLog<JournalRecord>
  readonly #tables: JournalTables
  readonly #state: JournalState
  readonly #options: JournalOptions
  readonly #picker: ShardPicker
  /** Intents on their way to the disk, by order: they use its quota already. */
  readonly #underWay = new Map<string, number>()
  #intentsUnderWay = 0
  #commitPlanned: Cancel | undefined
  #commitSoon: Promise<void> | undefined
  /** What ended the tables: they may lack a record that the log has, and are read anew by the next opening. */
  #failure: unknown

  private constructor(options: JournalOptions, chain: ChainedLog<JournalRecord>, opened: OpenedTables) {
    this.#options = options
    this.#chain = chain
    this.#tables = opened.tables
    this.#state = opened.state
    this.#picker = new ShardPicker(opened.state)
  }

  /**
   * Opens a journal, made when absent, and keeps other processes out. Of a large one only what the tables do not know
   * is read; when they are missing, all of it is.
   *
   * @throws `LEDGER_IN_USE`, `LEDGER_DAMAGED`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
   */
  static async open(options: JournalOptions): Promise<Journal> {
    try {
      return await Journal.#open(options, (path) => JournalTables.open(path))
    } catch (error) {
      // Tables beside another authority's journal say nothing about it. Beside their own, they know what is missing.
      if (!isFault(error, 'LEDGER_DAMAGED') || standsBesideItsOwn(options.path)) throw error
      return Journal.#open(options, (path) => JournalTables.openAnew(path))
    }
  }

  static async #open(options: JournalOptions, openTables: (path: string) => JournalTables): Promise<Journal> {
    const { path } = options
    const opened: { tables?: OpenedTables } = {}
    // The tables are opened when the journal's file is locked, and not before.
    const tables = (): OpenedTables => (opened.tables ??= withState(openTables(tablesPath(path))))
    try {
      const chain = await ChainedLog.open<JournalRecord>({
        ...options,
        write: writeJournalRecord,
        read: readJournalRecord,
        known: () => tables().state.mark?.last,
        replay: (entry) => replay(tables().state, entry, path),
      })
      tables().state.commit()
      const journal = new Journal(options, chain, tables())
      await journal.#recallOpen()
      return journal
    } catch (error) {
      opened.tables?.tables.close()
      throw error
    }
  }

  /** The fingerprints of the certificates that this is the journal of; `undefined` in an empty one. */
  get heading(): { readonly root: string; readonly issuing: string } | undefined {
    return this.#state.mark?.heading
  }

  /** The serial numbers of certificates that may have been made, were given to nobody, and were replaced. */
  get voided(): readonly string[] {
    return this.#tables.voided()
  }

  /** The number of durable records, and the hash of the last. */
  get head(): { readonly entries: number; readonly hash: string } {
    return this.#chain.head
  }

  /** The number of the last revocation list; 0 before the first. */
  get crlNumber(): number {
    return this.#state.mark?.crlNumber ?? 0
  }

  /** The number of certificates written down. */
  get issuedCount(): number {
    return this.#state.mark?.issued ?? 0
  }

  /** The number of certificates from before this journal. */
  get knownCount(): number {
    return this.#state.mark?.known ?? 0
  }

  /** The number of certificates that must not be trusted. */
  get endedCount(): number {
    return this.#state.mark?.ended ?? 0
  }

  /** The number of certificates that exist or may, from this journal on; those about to be written down included. */
  get intentCount(): number {
    return (this.#state.mark?.intents ?? 0) + this.#intentsUnderWay
  }

  /** Where certificates say that their state is told; `undefined` when they do not. */
  get distribution(): Distribution | undefined {
    return this.#state.mark?.distribution
  }

  /** The shards of every distribution so far. */
  get shards(): readonly Shard[] {
    return this.#state.shards
  }

  /** The shard of the certificate that is intended next, in this turn of the event loop. */
  get nextShard(): { readonly number: number; readonly url: string } | undefined {
    return this.#picker.next
  }

  /** Every intent without a result: its certificate may have been made, and was given to nobody. */
  get unresolved(): readonly IssueIntent[] {
    return this.#state.unresolved
  }

  /** Gives what was revoked, and what was replaced, in the order in which it came to be so. */
  revoked(scope?: { readonly shard?: number; readonly after?: number }): readonly RevokedCertificate[] {
    return this.#tables.ended(scope)
  }

  /** Gives some of what {@link revoked} gives, the last first. */
  lastRevoked(count: number, skip: number): readonly RevokedCertificate[] {
    return this.#tables.lastEnded(count, skip)
  }

  /** Gives what is known of a serial number: a certificate that has it exists, or may. */
  bySerial(serial: string): CertificateRow | undefined {
    return this.#tables.bySerial(serial)
  }

  /** Gives an admitted order, and how many devices may still be issued under it. */
  order(id: string): { readonly order: AdmittedOrder; readonly left: number } | undefined {
    const admitted = this.#state.order(id)
    if (admitted === undefined) return undefined
    const { order, used } = admitted
    return { order, left: order.count - used - (this.#underWay.get(id) ?? 0) }
  }

  /** Gives what was last intended under an idempotency key. @throws `LEDGER_DAMAGED`, `FILE_UNUSABLE` */
  async find(idempotencyKey: string): Promise<Issuance | undefined> {
    for (const row of this.#tables.byRequest(requestNumber(idempotencyKey))) {
      const issuance = await this.#issuance(row)
      if (issuance.intent.idempotencyKey === idempotencyKey) return issuance
    }
    return undefined
  }

  /** Writes the first line of a new journal. */
  async begin(root: string, issuing: string): Promise<void> {
    await this.#append({ kind: 'journal', format: 'birthmark-journal/1', root, issuing })
  }

  /** Writes down that a certificate exists since before this journal did. */
  async know(known: KnownSerial): Promise<void> {
    await this.#append({ kind: 'known', known })
  }

  async admit(order: AdmittedOrder): Promise<void> {
    await this.#append({ kind: 'order', order })
  }

  /** Writes down where certificates say, from here on, that their state is told. */
  async distribute(distribution: Distribution): Promise<void> {
    this.#picker.distribute(distribution)
    await this.#append({ kind: 'distribution', distribution })
  }

  /** Writes down that a certificate is about to be signed. Its quota is taken from the moment of the call. */
  async intend(intent: IssueIntent): Promise<void> {
    const { order = '', shard } = intent
    if (shard !== undefined) this.#picker.take(shard)
    this.#underWay.set(order, (this.#underWay.get(order) ?? 0) + 1)
    this.#intentsUnderWay += 1
    try {
      await this.#append({ kind: 'intent', intent })
    } finally {
      this.#underWay.set(order, (this.#underWay.get(order) ?? 0) - 1)
      this.#intentsUnderWay -= 1
    }
  }

  /** Writes down the certificate of an intent. */
  async complete(serial: string, certificate: Uint8Array): Promise<void> {
    await this.#append({ kind: 'result', serial, certificate })
  }

  /** Writes down that a certificate must not be trusted; whoever reads the tables sees it when this returns. */
  async revoke(serial: string, reason: RevocationReason): Promise<void> {
    await this.#append({ kind: 'revoked', serial, reason })
    // Those that came with one flush share a commit.
    this.#commitSoon ??= Promise.resolve().then(() => {
      this.#commitSoon = undefined
      this.#commit()
    })
    await this.#commitSoon
  }

  /** Writes down that the revocation list with this number is about to be signed. */
  async numberCrl(number: number, scope: ListScope = {}): Promise<void> {
    await this.#append({ kind: 'crl', number, ...scope })
  }

  /** Reads a certificate again. @throws `LEDGER_DAMAGED`, `LEDGER_CLOSED`, `FILE_UNUSABLE` */
  async certificate(result: JournalPlace): Promise<Uint8Array> {
    const record = await this.#chain.read(result)
    if (record.kind === 'result') return record.certificate
    throw authorityFault('AUTHORITY_DAMAGED', { why: `line ${result.seq + 1} of the journal holds no certificate` })
  }

  /** Waits for what is under way and lets go of the files. A second call does nothing. */
  async close(): Promise<void> {
    try {
      await this.#chain.close(() => {
        this.#commitPlanned?.()
        if (this.#failure === undefined) this.#state.commit()
        this.#tables.close()
      })
    } catch (error) {
      // The log has everything; the tables catch up when it is opened again.
      this.#options.log.write('error', 'authority.index-failed', { why: messageOf(error) })
    }
  }

  async #recallOpen(): Promise<void> {
    for (const row of this.#tables.open()) this.#state.recall((await this.#issuance(row)).intent)
  }

  async #issuance(row: CertificateRow): Promise<Issuance> {
    const record = await this.#chain.read(row.intent)
    if (record.kind === 'intent') return { intent: record.intent, row }
    throw authorityFault('AUTHORITY_DAMAGED', { why: `line ${row.seq + 1} of the journal holds no intent` })
  }

  async #append(record: JournalRecord): Promise<void> {
    if (this.#failure !== undefined) throw ledgerFault('LEDGER_FAILED', { path: tablesPath(this.#options.path) })
    const entry = await this.#chain.append(record)
    const why = this.#guarded(() => this.#state.apply(entry))
    if (why !== undefined) throw authorityFault('AUTHORITY_RECORD_REFUSED', { kind: record.kind, why })
    if (this.#state.uncommitted >= COMMIT_RECORD_COUNT) this.#commit()
    else this.#commitPlanned ??= this.#timers.after(COMMIT_DELAY, () => this.#commitLater(), { background: true })
  }

  #commit(): void {
    this.#commitPlanned?.()
    this.#commitPlanned = undefined
    this.#guarded(() => this.#state.commit())
  }

  #commitLater(): void {
    try {
      this.#commit()
    } catch {
      // It is in the log, and whoever writes next is told.
    }
  }

  get #timers(): Timers {
    return this.#options.timers ?? systemTimers
  }

  /** After a failure nothing more is taken: memory and disk may differ. */
  #guarded<Value>(work: () => Value): Value {
    if (this.#failure !== undefined) throw ledgerFault('LEDGER_FAILED', { path: tablesPath(this.#options.path) })
    try {
      return work()
    } catch (error) {
      this.#failure = error
      const code = isFault(error) ? error.code : undefined
      this.#options.log.write('error', 'authority.index-failed', { code, why: messageOf(error) })
      throw error
    }
  }
}

/** The tables of the journal at `path`. */
export function tablesPath(path: string): string {
  return `${path}.index`
}

interface OpenedTables {
  readonly tables: JournalTables
  readonly state: JournalState
}

function withState(tables: JournalTables): OpenedTables {
  try {
    return { tables, state: new JournalState(tables) }
  } catch (error) {
    tables.close()
    throw error
  }
}

function replay(state: JournalState, entry: ChainedEntry<JournalRecord>, path: string): void {
  const why = state.apply(entry)
  if (why !== undefined) throw ledgerFault('LEDGER_DAMAGED', { path, line: entry.seq + 1, why })
  if (state.uncommitted >= COMMIT_RECORD_COUNT) state.commit()
}

/** Tells whether the first line of a journal is the one that the tables beside it were made from. */
function standsBesideItsOwn(path: string): boolean {
  const { tables, state } = withState(JournalTables.open(tablesPath(path)))
  tables.close()
  const { root, issuing } = state.mark?.heading ?? {}
  return readStart(path).includes(`"root":"${root}","issuing":"${issuing}"`)
}

function readStart(path: string): string {
  const file = openSync(path, 'r')
  try {
    const start = Buffer.alloc(HEADING_BYTES)
    return start.toString('latin1', 0, readSync(file, start, 0, HEADING_BYTES, 0))
  } finally {
    closeSync(file)
  }
}

/** Room for the first line of a journal, in bytes. */
const HEADING_BYTES = 1024

/** Records that one transaction of the tables holds, at most: they are read again after a crash. */
const COMMIT_RECORD_COUNT = 4096

/** How long a reader of the tables may lag behind the journal; a revocation never does. */
const COMMIT_DELAY = millis(250)

import { type Clock, type Instant, isFault, type Log, messageOf } from '@birthmark/foundation/kernel'
import type { Signer } from '@birthmark/foundation/x509'
import type { ChainFile } from './chain-file.ts'
import { type ChainPosition, encodeChainLine } from './chain-line.ts'
import { ledgerFault } from './faults.ts'
import { type Frontier, leafHash } from './merkle.ts'
import { type AnyLedgerRecord, writeLedgerRecord } from './records.ts'
import { BATCH_COUNT_MAX, type SealedEntry, type SealedState } from './sealed-reader.ts'
import { keyIdOf, signTreeHead } from './tree-head.ts'

/** What a {@link SealedLog} works with. */
export interface SealedLogOptions {
  readonly path: string
  readonly file: ChainFile
  readonly clock: Clock
  readonly log: Log
  /** The key of whoever writes now; it is on record as a writer. */
  readonly signer: Signer
  /** Where the file stands; moved on with each batch. */
  readonly state: SealedState
  /** Is told each batch when it is on the disk, seal included. */
  readonly onDurable: (entries: readonly SealedEntry[]) => void
}

/**
 * The writing end of a ledger. An entry is acknowledged when it is on the disk and a signature covers it; entries that
 * come while the disk is busy share the next flush and its seal. After a failed write the log takes nothing more,
 * because nobody knows what the disk holds: it has to be opened again, and reads it then.
 */
export class SealedLog {
  readonly #options: SealedLogOptions
  readonly #writer: string
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #status: 'open' | 'failed' | 'closed' = 'open'

  constructor(options: SealedLogOptions) {
    this.#options = options
    this.#writer = keyIdOf(options.signer.publicKey)
  }

  /**
   * Appends an entry; its place in the order is the order of the calls. Returns when it is sealed and on the disk.
   *
   * @param plain The same as plain JSON data, where the caller has it already.
   * @throws `LEDGER_FAILED`, `LEDGER_CLOSED`, `LEDGER_BUSY`; for the entries of the write that fails first, which
   * may be on the disk or not, what the disk or the signer said
   */
  async append(content: AnyLedgerRecord, plain: object = writeLedgerRecord(content)): Promise<void> {
    const { path, clock } = this.#options
    if (this.#status === 'failed') throw ledgerFault('LEDGER_FAILED', { path })
    if (this.#status === 'closed') throw ledgerFault('LEDGER_CLOSED', { path })
    if (this.#waiting.length >= WAITING_COUNT_MAX) throw ledgerFault('LEDGER_BUSY', { path, count: WAITING_COUNT_MAX })
    const written = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ content, plain, time: clock.now(), resolve, reject })
    })
    this.#writing ??= this.#writeWaiting()
    await written
  }

  /** Takes nothing more, and waits for the entries under way. */
  async finish(): Promise<void> {
    this.#status = 'closed'
    await this.#writing
  }

  /** Lets go of the file, and of its lock. */
  async close(): Promise<void> {
    await this.#options.file.close()
  }

  /** Writes what waits, one flush per round: whoever comes while the disk works is part of the next round. */
  async #writeWaiting(): Promise<void> {
    // Calls made in the same turn of the event loop belong together.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_COUNT_MAX)
      try {
        await this.#write(batch)
      } catch (error) {
        this.#fail([...batch, ...this.#waiting.splice(0)], error)
        break
      }
      for (const { resolve } of batch) resolve()
    }
    this.#writing = undefined
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const { file, state, signer, clock, onDurable } = this.#options
    const lines = new Lines(state)
    const from = state.position.seq
    for (const { content, plain, time } of batch) lines.add(content, plain, time)
    const { seq: size } = lines.position
    const signature = await signTreeHead(state.ledger, { size, root: lines.frontier.root() }, signer)
    const seal = { kind: 'sealed', from, writer: this.#writer, signature } as const
    lines.add(seal, writeLedgerRecord(seal), clock.now())
    await file.append(Buffer.concat(lines.bytes))
    await file.flush()
    state.position = lines.position
    state.size = lines.size
    state.frontier = lines.frontier
    onDurable(lines.entries)
  }

  #fail(unwritten: readonly Waiting[], error: unknown): void {
    const { path, log } = this.#options
    if (this.#status === 'open') this.#status = 'failed'
    log.write('error', 'ledger.failed', { path, code: isFault(error) ? error.code : undefined, why: messageOf(error) })
    for (const { reject } of unwritten) reject(error)
  }
}

interface Waiting {
  readonly content: AnyLedgerRecord
  readonly plain: object
  readonly time: Instant
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** The lines of one batch, as they will stand in the file, and the tree that they lead to. */
class Lines {
  readonly entries: SealedEntry[] = []
  readonly bytes: Uint8Array[] = []
  readonly frontier: Frontier
  position: ChainPosition
  size: number

  constructor(state: SealedState) {
    this.frontier = state.frontier.copy()
    this.position = state.position
    this.size = state.size
  }

  add(content: AnyLedgerRecord, plain: object, time: Instant): void {
    const { seq } = this.position
    const { text, hash } = encodeChainLine(this.position, time, plain)
    const line = Buffer.from(text)
    const leaf = leafHash(line.subarray(0, -1))
    this.frontier.append(leaf)
    this.entries.push({ seq, time, content, hash, place: { at: this.size, bytes: line.length - 1 }, leaf })
    this.bytes.push(line)
    this.position = { seq: seq + 1, previous: hash }
    this.size += line.length
  }
}

/** Entries that may wait for the disk; at the limit `LEDGER_BUSY`. At 2 KB each this is 16 MB. */
const WAITING_COUNT_MAX = 8192

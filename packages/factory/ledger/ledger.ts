import { Members } from '@birthmark/factory/json'
import { type Clock, decodeUtf8, type Entropy, encodeUtf8, type Log, toHex } from '@birthmark/foundation/kernel'
import type { Signer } from '@birthmark/foundation/x509'
import { type ChainFile, openChainFile, openForReading } from './chain-file.ts'
import { ledgerFault } from './faults.ts'
import { TEMPORARY } from './index-file.ts'
import { LedgerIndex } from './ledger-index.ts'
import { LedgerView } from './ledger-view.ts'
import { type LedgerRecord, readLedgerRecord, WRITER_NAME, writeLedgerRecord } from './records.ts'
import { SealedLog, type SealedLogOptions } from './sealed-log.ts'
import { emptyState, type SealedState, walkSealed } from './sealed-reader.ts'
import { keyIdOf, type LedgerWriter, WRITER_ALGORITHM } from './tree-head.ts'

/** What opening a {@link Ledger} needs. */
export interface LedgerOptions {
  readonly path: string
  /** Who writes: the name for people, the key that signs every entry. P-256. */
  readonly writer: { readonly name: string; readonly signer: Signer }
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
  /** Opens the file; for tests that make the disk fail. */
  readonly openFile?: (path: string) => Promise<ChainFile>
}

/**
 * The record of every identity a line made: an append-only file of hash-chained lines, signed by who writes them, and
 * beside it `<path>.index`, which knows where each device stands and may be deleted at any time.
 */
export class Ledger extends LedgerView {
  readonly #path: string
  readonly #log: SealedLog
  readonly #index: LedgerIndex
  readonly #state: SealedState
  #isClosed = false

  private constructor(path: string, file: ChainFile, index: LedgerIndex, state: SealedState, log: SealedLog) {
    super({ path, file, index, state })
    this.#path = path
    this.#index = index
    this.#state = state
    this.#log = log
  }

  /**
   * Opens a ledger, made when absent, and keeps other processes out. Lines of a large ledger that the index
   * knows were checked when it learnt them; all others are checked now. What no seal covers is cut off:
   * nobody was told of it.
   *
   * @throws `LEDGER_IN_USE`, `LEDGER_DAMAGED`, `LEDGER_FORMAT_OLD`, `LEDGER_WRITER_UNKNOWN`, `LEDGER_WRITER_UNFIT`,
   * `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
   */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const { path, writer, clock, log, openFile = openChainFile } = options
    assertFit(writer)
    const file = await openFile(path)
    let opened: LedgerIndex | undefined
    try {
      await assertCurrent(path, file)
      if (file.sizeAtOpen <= RECHECK_BYTES_MAX) await assertWhole(path, file)
      const { index, state } = await catchUp(path, file)
      opened = index
      if (state.size < file.sizeAtOpen) await cutUnsealed(path, file, state.size, log)
      const isNew = state.position.seq === 0
      if (isNew) beginState(state, options)
      else if (!state.writers.has(keyIdOf(writer.signer.publicKey))) {
        throw ledgerFault('LEDGER_WRITER_UNKNOWN', { path, name: writer.name })
      }
      index.save(state, 'now')
      const { signer } = writer
      const onDurable: SealedLogOptions['onDurable'] = (entries) => {
        index.apply(entries)
        index.save(state, 'enough')
      }
      const sealed = new SealedLog({ path, file, clock, log, signer, state, onDurable })
      if (isNew) await sealed.append(headingOf(state, writer))
      return new Ledger(path, file, index, state, sealed)
    } catch (error) {
      opened?.close()
      await file.close()
      throw error
    }
  }

  /**
   * Records one step of a device's life; returns when it is signed and on the disk.
   *
   * @throws `LEDGER_STEP_REFUSED` when the step does not follow on the device's last one, or names another order;
   * `LEDGER_FAILED`, `LEDGER_CLOSED`, `LEDGER_BUSY`, `LEDGER_RECORD_INVALID`, `DISK_FULL`,
   * `FILE_NOT_PERMITTED`, `FILE_UNUSABLE`
   */
  async record(record: LedgerRecord): Promise<void> {
    const plain = writeLedgerRecord(record)
    assertReadable(plain, this.#path)
    if (!this.#index.follows(record)) {
      const stage = this.#index.get(record.uid)?.stage ?? 'unknown'
      throw ledgerFault('LEDGER_STEP_REFUSED', { uid: record.uid, stage, kind: record.kind })
    }
    // Seen at once, so that a second socket with the same element is refused while the disk works.
    const takeBack = this.#index.begin(record)
    try {
      await this.#log.append(record, plain)
    } catch (error) {
      takeBack()
      throw error
    }
  }

  /** Lets another key write here from now on. @throws `LEDGER_WRITER_UNFIT` and what {@link record} throws */
  async admitWriter(writer: LedgerWriter): Promise<void> {
    if (!WRITER_NAME.test(writer.name))
      throw ledgerFault('LEDGER_WRITER_UNFIT', { why: 'its name is not of that form' })
    if (this.#state.writers.has(keyIdOf(writer.publicKey))) return
    if (this.#state.writers.size >= WRITER_COUNT_MAX) {
      throw ledgerFault('LEDGER_WRITER_UNFIT', { why: `there are ${WRITER_COUNT_MAX} writers already` })
    }
    await this.#log.append({ kind: 'writer', name: writer.name, publicKey: writer.publicKey })
    this.#state.writers.set(keyIdOf(writer.publicKey), writer)
  }

  /** Waits for the records under way and lets go of the file. A second call does nothing. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#log.finish()
    this.#index.save(this.#state, 'now')
    this.#index.close()
    await this.#log.close()
  }
}

/** A ledger that is only read, beside the process that may be writing. */
export interface OpenedView {
  readonly view: LedgerView
  readonly close: () => Promise<void>
}

/**
 * Opens a ledger for reading, beside the process that may be writing: what that one has sealed up to now is seen.
 *
 * @throws `LEDGER_DAMAGED`, `LEDGER_FORMAT_OLD`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
 */
export async function viewLedger(path: string): Promise<OpenedView> {
  const file = await openForReading(path)
  try {
    await assertCurrent(path, file)
    const { index, state } = await lookUp(path, file)
    const close = async (): Promise<void> => {
      index.close()
      await file.close()
    }
    return { view: new LedgerView({ path, file, index, state }), close }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Opens the index and reads what it does not know yet; one that is absent or of another ledger is made anew. */
async function catchUp(path: string, file: LedgerBytes): Promise<IndexedState> {
  const known = LedgerIndex.open(indexPath(path))
  if (known.state !== undefined && (await standsThere(file, known.state))) {
    return replay(path, file, known.index, known.state)
  }
  known.index.close()
  return replay(path, file, LedgerIndex.openAnew(indexPath(path)), emptyState())
}

/** Does the same without writing anything beside the ledger. */
async function lookUp(path: string, file: LedgerBytes): Promise<IndexedState> {
  const known = LedgerIndex.openSnapshot(indexPath(path))
  if (known !== undefined && (await standsThere(file, known.state))) {
    return replay(path, file, known.index, known.state)
  }
  known?.index.close()
  return replay(path, file, LedgerIndex.openAnew(TEMPORARY), emptyState())
}

interface IndexedState {
  readonly index: LedgerIndex
  readonly state: SealedState
}

type LedgerBytes = Pick<ChainFile, 'read' | 'sizeAtOpen'>

async function replay(path: string, file: LedgerBytes, index: LedgerIndex, state: SealedState): Promise<IndexedState> {
  try {
    for await (const step of walkSealed(file, file.sizeAtOpen, state)) {
      if (step.kind === 'damage') throw ledgerFault('LEDGER_DAMAGED', { path, line: step.line, why: step.why })
      if (step.kind === 'end') break
      for (const { content, seq } of step.entries) {
        if (content.kind === 'ledger' || content.kind === 'writer' || content.kind === 'sealed') continue
        if (index.follows(content)) continue
        throw ledgerFault('LEDGER_DAMAGED', { path, line: seq + 1, why: 'it does not follow on what its device was' })
      }
      index.apply(step.entries)
      index.save(state, 'enough')
    }
    return { index, state }
  } catch (error) {
    index.close()
    throw error
  }
}

/** Tells whether the file has, where an index believes its end, the line that the index knows there. */
async function standsThere(file: LedgerBytes, state: SealedState): Promise<boolean> {
  const end = encodeUtf8(`,"hash":"${state.position.previous}"}\n`)
  if (state.size > file.sizeAtOpen || state.size < end.length) return false
  return Buffer.from(await file.read(state.size - end.length, end.length)).equals(end)
}

/** A ledger of the form before this one is left as it is. */
async function assertCurrent(path: string, file: LedgerBytes): Promise<void> {
  const start = decodeUtf8(await file.read(0, Math.min(file.sizeAtOpen, HEADING_BYTES))) ?? ''
  const [heading = ''] = start.split('\n')
  if (heading.includes(`"record":{"kind":"ledger","format":"birthmark-ledger/1"}`)) {
    throw ledgerFault('LEDGER_FORMAT_OLD', { path })
  }
}

/** Checks a file from its first line; what the index knows of it may have been changed since. */
async function assertWhole(path: string, file: LedgerBytes): Promise<void> {
  for await (const step of walkSealed(file, file.sizeAtOpen, emptyState())) {
    if (step.kind === 'damage') throw ledgerFault('LEDGER_DAMAGED', { path, line: step.line, why: step.why })
  }
}

async function cutUnsealed(path: string, file: ChainFile, size: number, log: Log): Promise<void> {
  await file.truncate(size)
  await file.flush()
  log.write('warn', 'ledger.unsealed-cut', { path, bytes: file.sizeAtOpen - size })
}

function beginState(state: SealedState, { writer, entropy }: LedgerOptions): void {
  const { name, signer } = writer
  state.ledger = toHex(entropy.bytes(LEDGER_ID_BYTES))
  state.writers.set(keyIdOf(signer.publicKey), { name, publicKey: signer.publicKey })
}

function headingOf(state: SealedState, { name, signer }: LedgerOptions['writer']): Parameters<SealedLog['append']>[0] {
  return { kind: 'ledger', format: 'birthmark-ledger/2', id: state.ledger, name, publicKey: signer.publicKey }
}

function assertFit({ name, signer }: LedgerOptions['writer']): void {
  const why = WRITER_NAME.test(name) ? undefined : 'its name is not of that form'
  const unfit = signer.algorithm === WRITER_ALGORITHM ? why : 'its key is not P-256'
  if (unfit !== undefined) throw ledgerFault('LEDGER_WRITER_UNFIT', { why: unfit })
}

/** A line that is written and cannot be read would lock everybody out of the file; so it is never written. */
function assertReadable(plain: object, path: string): void {
  const problems: string[] = []
  Members.read(plain, '', problems, readLedgerRecord)
  if (problems.length > 0) throw ledgerFault('LEDGER_RECORD_INVALID', { path, why: problems.join('; ') })
}

function indexPath(path: string): string {
  return `${path}.index`
}

/**
 * Largest ledger, in bytes, that is checked from its first line whenever it is opened: 30 000 devices, a second or two.
 * A larger one is checked from where the index ends; `birthmark ledger verify` always reads all of it.
 */
const RECHECK_BYTES_MAX = 33_554_432

/** Keys that may write into one ledger: stations of one line, the authority, who ships. */
const WRITER_COUNT_MAX = 256

/** Room for the first line of a ledger. */
const HEADING_BYTES = 1024

/** As many random bytes as a UUID has. */
const LEDGER_ID_BYTES = 16

import { Members } from '@birthmark/factory/json'
import { type Clock, type Fault, isFault, type Log, messageOf } from '@birthmark/foundation/kernel'
import { type ChainFile, openChainFile } from './chain-file.ts'
import { CHAIN_START, type ChainPosition, decodeChainLine, encodeChainLine } from './chain-line.ts'
import { CHAIN_LINE_BYTES_MAX, type ChainedEntry, type Place, walkChain } from './chain-reader.ts'
import { ledgerFault } from './faults.ts'

/** What opening a {@link ChainedLog} needs. */
export interface ChainedLogOptions<Content> {
  readonly path: string
  readonly clock: Clock
  readonly log: Log
  /** Writes one record as plain JSON data. */
  readonly write: (content: Content) => object
  /** Reads one record; a problem with it makes the file a damaged one. */
  readonly read: (members: Members) => Content | undefined
  /** Is told every entry that was in the file, in order, before the log opens; of those before {@link known}, none. */
  readonly replay: (entry: ChainedEntry<Content>) => void
  /** Gives the last entry known from an earlier run, once the file is locked: a large file is read from there. */
  readonly known?: () => KnownEntry | undefined
  /** Opens the file; for tests that make the disk fail. */
  readonly openFile?: (path: string) => Promise<ChainFile>
}

/** An entry that a log had earlier: it must still stand there. */
export interface KnownEntry {
  readonly seq: number
  readonly hash: string
  readonly place: Place
}

/**
 * An append-only file of hash-chained lines. An entry is acknowledged when it is on the disk; entries that come while
 * the disk is busy share its next flush. After a failed write the log takes nothing more, because nobody knows what
 * the disk holds: it has to be opened again, and reads it then.
 */
export class ChainedLog<Content> {
  readonly #options: ChainedLogOptions<Content>
  readonly #file: ChainFile
  #position: ChainPosition
  #size: number
  #waiting: Waiting<Content>[] = []
  #writing: Promise<void> | undefined
  #state: 'open' | 'failed' | 'closed' = 'open'
  #durable: ChainPosition

  private constructor(options: ChainedLogOptions<Content>, file: ChainFile, position: ChainPosition, size: number) {
    this.#options = options
    this.#file = file
    this.#position = position
    this.#durable = position
    this.#size = size
  }

  /**
   * Opens a log, made when absent: replays it, and cuts off a last line that a crash left unfinished. A file of up to
   * {@link RECHECK_BYTES_MAX} is checked from its first line, a larger one from the entry that is known.
   *
   * @throws `LEDGER_IN_USE`, `LEDGER_DAMAGED`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
   */
  static async open<Content>(options: ChainedLogOptions<Content>): Promise<ChainedLog<Content>> {
    const file = await (options.openFile ?? openChainFile)(options.path)
    try {
      const known = options.known?.()
      if (known !== undefined) await assertStands(file, known, options)
      let position = CHAIN_START
      let size = 0
      for await (const step of walkChain(file, file.sizeAtOpen, options.read, startOf(file, known))) {
        if (step.kind === 'end') ({ position, size } = step)
        else if (step.kind === 'damage') throw damaged(options.path, step)
        else if (known === undefined || step.entry.seq > known.seq) options.replay(step.entry)
      }
      if (size < file.sizeAtOpen) await cutTornLine(file, size, options)
      return new ChainedLog(options, file, position, size)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** The number of durable entries, and the hash of the last: naming both elsewhere makes a missing end noticeable. */
  get head(): { readonly entries: number; readonly hash: string } {
    return { entries: this.#durable.seq, hash: this.#durable.previous }
  }

  /**
   * Appends an entry; its place in the order is the order of the calls.
   *
   * @returns The entry, when it is on the disk.
   * @throws `LEDGER_FAILED`, `LEDGER_CLOSED`, `LEDGER_BUSY`, `LEDGER_RECORD_INVALID`; for the entries of the write that
   * fails first, which may be on the disk or not, what the disk said: `DISK_FULL`, `FILE_NOT_PERMITTED`,
   * `FILE_UNUSABLE`
   */
  async append(content: Content): Promise<ChainedEntry<Content>> {
    const { path, clock, write } = this.#options
    this.#assertOpen()
    if (this.#waiting.length >= WAITING_COUNT_MAX) throw ledgerFault('LEDGER_BUSY', { path, count: WAITING_COUNT_MAX })
    const time = clock.now()
    const record = write(content)
    const { text, hash } = encodeChainLine(this.#position, time, record)
    const line = Buffer.from(text)
    const place = { at: this.#size, bytes: line.length - 1 }
    assertReadable(line.length - 1, record, this.#options)
    const entry = { seq: this.#position.seq, time, content, hash, place }
    this.#position = { seq: entry.seq + 1, previous: hash }
    this.#size += line.length
    const written = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ line, entry, resolve, reject })
    })
    this.#writing ??= this.#writeWaiting()
    await written
    return entry
  }

  /**
   * Reads an entry again.
   *
   * @throws `LEDGER_DAMAGED`, `LEDGER_CLOSED`, `FILE_UNUSABLE`
   */
  async read(entry: { readonly seq: number; readonly place: Place }): Promise<Content> {
    const { path, read } = this.#options
    if (this.#state === 'closed') throw ledgerFault('LEDGER_CLOSED', { path })
    // Its neighbours were checked at opening, or written by this process; what can have changed since is this line.
    const bytes = await this.#file.read(entry.place.at, entry.place.bytes)
    const line = decodeChainLine(bytes, { seq: entry.seq }, read)
    if (line.ok) return line.value.content
    throw damaged(path, { line: entry.seq + 1, why: line.problems.join('; ') })
  }

  /**
   * Gives every durable entry from the first, in constant memory.
   *
   * @throws `LEDGER_DAMAGED`, `LEDGER_CLOSED`, `FILE_UNUSABLE`
   */
  async *entries(): AsyncGenerator<ChainedEntry<Content>, void, undefined> {
    const { path, read } = this.#options
    if (this.#state === 'closed') throw ledgerFault('LEDGER_CLOSED', { path })
    const { seq: count } = this.#durable
    for await (const step of walkChain(this.#file, this.#size, read)) {
      if (step.kind === 'damage') throw damaged(path, step)
      if (step.kind === 'end' || step.entry.seq >= count) return
      yield step.entry
    }
  }

  /**
   * Waits for the entries under way and lets go of the file. A second call does nothing.
   *
   * @param last Is done while the file is still locked; what it throws comes out when the file is closed.
   */
  async close(last: () => void = () => undefined): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    await this.#writing
    try {
      // Who waits for the last entries hears of them first.
      await new Promise(setImmediate)
      last()
    } finally {
      await this.#file.close()
    }
  }

  #assertOpen(): void {
    const { path } = this.#options
    if (this.#state === 'failed') throw ledgerFault('LEDGER_FAILED', { path })
    if (this.#state === 'closed') throw ledgerFault('LEDGER_CLOSED', { path })
  }

  /** Writes what waits, one flush per round: whoever comes while the disk works is part of the next round. */
  async #writeWaiting(): Promise<void> {
    // Calls made in the same turn of the event loop belong together.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_COUNT_MAX)
      try {
        await this.#file.append(Buffer.concat(batch.map(({ line }) => line)))
        await this.#file.flush()
      } catch (error) {
        this.#fail([...batch, ...this.#waiting.splice(0)], error)
        break
      }
      const last = batch.at(-1)?.entry
      if (last !== undefined) this.#durable = { seq: last.seq + 1, previous: last.hash }
      for (const { resolve } of batch) resolve()
    }
    this.#writing = undefined
  }

  #fail(unwritten: readonly Waiting<Content>[], error: unknown): void {
    const { path, log } = this.#options
    if (this.#state === 'open') this.#state = 'failed'
    log.write('error', 'ledger.failed', { path, code: isFault(error) ? error.code : undefined, why: messageOf(error) })
    for (const { reject } of unwritten) reject(error)
  }
}

interface Waiting<Content> {
  readonly line: Uint8Array
  readonly entry: ChainedEntry<Content>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A line that is written and cannot be read would lock everybody out of the file; so it is never written. */
function assertReadable<Content>(length: number, record: object, options: ChainedLogOptions<Content>): void {
  const { path, read } = options
  const problems: string[] = []
  Members.read(record, '', problems, read)
  if (problems.length > 0) throw ledgerFault('LEDGER_RECORD_INVALID', { path, why: problems.join('; ') })
  if (length <= CHAIN_LINE_BYTES_MAX) return
  throw ledgerFault('LEDGER_RECORD_INVALID', { path, why: `it would be a line of ${length} bytes` })
}

/** Whoever knows an entry that is gone knows of a file that was cut, exchanged or restored from an old copy. */
async function assertStands<Content>(
  file: Pick<ChainFile, 'read'>,
  { seq, hash, place }: KnownEntry,
  { path, read }: ChainedLogOptions<Content>,
): Promise<void> {
  const line = decodeChainLine(await file.read(place.at, place.bytes), { seq }, read)
  if (line.ok && line.value.hash === hash) return
  throw damaged(path, { line: seq + 1, why: 'the line that was there before is not there any more' })
}

function startOf(file: Pick<ChainFile, 'sizeAtOpen'>, known: KnownEntry | undefined): ChainStart {
  if (known === undefined || file.sizeAtOpen <= RECHECK_BYTES_MAX) return { position: CHAIN_START, at: 0 }
  const { seq, hash, place } = known
  return { position: { seq: seq + 1, previous: hash }, at: place.at + place.bytes + 1 }
}

interface ChainStart {
  readonly position: ChainPosition
  readonly at: number
}

async function cutTornLine(
  file: ChainFile,
  size: number,
  options: { readonly path: string; readonly log: Log },
): Promise<void> {
  await file.truncate(size)
  await file.flush()
  options.log.write('warn', 'ledger.torn-line-cut', { path: options.path, bytes: file.sizeAtOpen - size })
}

function damaged(path: string, damage: { readonly line: number; readonly why: string }): Fault {
  return ledgerFault('LEDGER_DAMAGED', { path, line: damage.line, why: damage.why })
}

/** Largest file, in bytes, that is checked from its first line whenever it is opened: half a second. */
const RECHECK_BYTES_MAX = 33_554_432

/** Entries that may wait for the disk; at the limit `LEDGER_BUSY`. At 2 KB each this is 16 MB. */
const WAITING_COUNT_MAX = 8192

/** Entries written with one flush. More would only make the first of them wait longer. */
const BATCH_COUNT_MAX = 1024

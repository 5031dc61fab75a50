import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { decodeUtf8, messageOf } from '@birthmark/foundation/kernel'
import { asFileFault } from '@birthmark/foundation/system'
import { fromPem } from '@birthmark/foundation/x509'
import { MANIFEST_LIMITS } from './limits.ts'
import { Problems, type RawRow, shown } from './row.ts'
import { ArchiveBroken, type ArchiveEntry, listArchive, unpack } from './seven-zip.ts'
import { unreadable } from './unreadable.ts'

/**
 * Reads the bundle that Infineon gives with OPTIGA Trust M Express: a 7z archive that holds one archive per
 * certificate slot, named `…_E0E0_Certs.7z`, and in each a file per chip with its certificate in PEM (or DER). An
 * archive of such files is read too. The format has no signature and does not name the chips. Each file is a row.
 *
 * @param slot Which inner archive, where there are several: `E0E0` to `E0E3`.
 * @throws `MANIFEST_UNREADABLE`, `ARCHIVE_PROGRAM_MISSING`, and faults of files
 */
export async function* readInfineon(path: string, slot: string | undefined): AsyncGenerator<RawRow, void, undefined> {
  try {
    const inner = await chooseInner(path, slot)
    if (inner === undefined) yield* readFiles(path)
    else yield* readInner(path, inner)
  } catch (error) {
    if (error instanceof ArchiveBroken) throw unreadable('infineon', 1, error.message, error)
    throw error
  }
}

/** Finds the archive within; `undefined` when the files lie in the outer one. */
async function chooseInner(path: string, slot: string | undefined): Promise<ArchiveEntry | undefined> {
  const inner = await survey(path)
  const [only, ...others] = inner.keys()
  if (only === undefined && slot === undefined) return undefined
  if (slot === undefined && others.length > 0) {
    throw unreadable('infineon', 1, `it holds several archives: choose one of ${[...inner.keys()].join(', ')}`)
  }
  const chosen = inner.get(slot ?? only ?? '')
  if (chosen === undefined) throw unreadable('infineon', 1, `it holds no archive for ${shown(slot ?? '')}`)
  return chosen
}

/** Reads a directory, refuses what is too much before any of it is unpacked, and gives the archives within by slot. */
async function survey(path: string): Promise<ReadonlyMap<string, ArchiveEntry>> {
  const { rows, unpackedBytes } = MANIFEST_LIMITS
  const inner = new Map<string, ArchiveEntry>()
  let [count, bytes] = [0, 0]
  for await (const entry of listArchive(path)) {
    count += 1
    bytes += entry.size
    if (count > rows.value) throw unreadable('infineon', count, `it holds more than ${rows.value} files`)
    if (bytes > unpackedBytes.value)
      throw unreadable('infineon', count, `it unpacks to more than ${unpackedBytes.value} bytes`)
    const [, slot] = INNER.exec(entry.name) ?? []
    if (slot === undefined) continue
    if (inner.has(slot)) throw unreadable('infineon', count, `it holds two archives for ${slot}`)
    inner.set(slot, entry)
  }
  return inner
}

async function* readInner(path: string, { name, size }: ArchiveEntry): AsyncGenerator<RawRow, void, undefined> {
  const max = MANIFEST_LIMITS.innerArchiveBytes.value
  if (size > max) throw new ArchiveBroken(`the archive in it unpacks to more than ${max} bytes`)
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-manifest-'))
  const file = join(folder, 'certificates.7z')
  try {
    await writeTo(file, bounded(unpack(path, name), max))
    await survey(file)
    yield* readFiles(file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function writeTo(file: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const target = createWriteStream(file, { mode: 0o600, flags: 'wx' })
  let failure: unknown
  target.once('error', (error) => {
    failure = asFileFault(error, file)
  })
  try {
    await pipeline(bytes, target)
  } catch (error) {
    throw failure ?? error
  }
}

async function* bounded(bytes: AsyncIterable<Uint8Array>, max: number): AsyncGenerator<Uint8Array, void, undefined> {
  let length = 0
  for await (const part of bytes) {
    length += part.length
    if (length > max) throw new ArchiveBroken(`it unpacks to more than ${max} bytes`)
    yield part
  }
}

/** Reads the directory and the content side by side, so that neither is held whole. */
async function* readFiles(path: string): AsyncGenerator<RawRow, void, undefined> {
  const content = new Pieces(bounded(unpack(path), MANIFEST_LIMITS.unpackedBytes.value))
  let row = 0
  try {
    for await (const { name, size } of listArchive(path)) {
      row += 1
      yield rowOf(row, name, await content.take(size))
    }
    if (await content.hasMore()) throw new ArchiveBroken('its directory and its content do not agree')
  } finally {
    await content.close()
  }
}

function rowOf(row: number, entryName: string, file: Uint8Array | undefined): RawRow {
  const problems = new Problems()
  const name = shown(entryName).slice(1, -1)
  const certificates: Uint8Array[] = []
  if (file === undefined) {
    problems.add('limit', `it is longer than ${MANIFEST_LIMITS.rowBytes.value} bytes`)
  } else if (file[0] === DER_SEQUENCE) {
    certificates.push(Uint8Array.from(file))
  } else {
    try {
      certificates.push(...fromPem(decodeUtf8(file) ?? '', 'CERTIFICATE'))
      if (certificates.length === 0) problems.add('certificate', 'it holds no certificate')
    } catch (error) {
      problems.add('certificate', messageOf(error))
    }
  }
  return { row, name, identities: certificates.length > 0 ? [{ certificates }] : [], problems: problems.list }
}

/** Cuts a stream of bytes into pieces of known lengths. */
class Pieces {
  readonly #source: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array()

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Gives the next `length` bytes; `undefined`, and passes them over, when they are more than a row may have. */
  async take(length: number): Promise<Uint8Array | undefined> {
    const keep = length <= MANIFEST_LIMITS.rowBytes.value
    const parts: Uint8Array[] = []
    for (let missing = length; missing > 0; ) {
      if (this.#rest.length === 0 && !(await this.hasMore())) throw new ArchiveBroken('its content ends too early')
      const part = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(part.length)
      if (keep) parts.push(part)
      missing -= part.length
    }
    return keep ? Buffer.concat(parts) : undefined
  }

  async hasMore(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#source.next()
      if (next.done === true) return false
      this.#rest = next.value
    }
    return true
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }
}

/** What a path to an inner archive ends in; anything else in its name must be harmless as an argument. */
const INNER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}_(E0E[0-3])_Certs\.7z$/
const DER_SEQUENCE = 0x30

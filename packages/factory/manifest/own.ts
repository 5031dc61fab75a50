import type { Signer } from '@birthmark/foundation/x509'
import { type Bytes, readLines } from './bytes.ts'
import { DEVICE_LIST_FORMAT, DEVICE_LIST_FORMS } from './device-list.ts'
import { manifestFault } from './faults.ts'
import { MANIFEST_LIMITS } from './limits.ts'
import { manifestForms } from './parse.ts'
import type { RawRow } from './row.ts'
import { invalid, type Seal, SealedReader, signatureLine } from './sealed-lines.ts'
import type { PinnedSigners } from './signers.ts'

/**
 * Reads our own files row by row: a line's manifest, or a list of devices that was checked before. A row that is wrong
 * ends the reading, as the hash that closes the file covers them all; so does a signature that a pinned signer did
 * not make, which is known at the end only.
 *
 * @param signers Without any, a file that nobody signed is read, and a signed one is refused.
 * @throws `MANIFEST_INVALID`, `MANIFEST_SIGNER_MISSING`
 */
export async function* readOwn(
  bytes: Bytes,
  signers: PinnedSigners | undefined,
): AsyncGenerator<RawRow, void, undefined> {
  const scan = new OwnScan()
  for await (const { row } of scan.rows(bytes)) if (row !== undefined) yield row
  checkSeal(scan, signers)
}

/**
 * Gives the lines of one of our own files and a signature for them.
 *
 * @throws `MANIFEST_INVALID`, also when it is signed already, and what the signer throws
 */
export async function* signOwn(bytes: Bytes, signer: Signer): AsyncGenerator<string, void, undefined> {
  const scan = new OwnScan()
  let last = ''
  for await (const { line } of scan.rows(bytes)) {
    last = `${line}\n`
    yield last
  }
  if (scan.seal !== undefined) throw invalid(scan.lines, 'it is signed already')
  yield await signatureLine(last, signer)
}

/** One reading of one of our own files. */
class OwnScan {
  #reader: OwnReader | undefined
  lines = 0
  seal: Seal | undefined

  /** Gives every line, with the row that is in it. */
  async *rows(
    bytes: Bytes,
  ): AsyncGenerator<{ readonly line: string; readonly row: RawRow | undefined }, void, undefined> {
    for await (const { number, text, why = '', ended } of readLines(bytes, MANIFEST_LIMITS.rowBytes.value)) {
      if (text === undefined) throw invalid(number, why)
      if (!ended) throw invalid(number, 'it does not end in a line feed')
      this.#reader ??= text.includes(`"${DEVICE_LIST_FORMAT}"`) ? deviceListReader() : manifestReader()
      yield { line: text, row: this.#reader.take(text, number) }
      this.lines = number
    }
    if (this.#reader === undefined) throw invalid(1, 'the heading is missing')
    this.seal = this.#reader.end(this.lines + 1)
  }
}

interface OwnReader {
  take(line: string, number: number): RawRow | undefined
  end(number: number): Seal | undefined
}

function manifestReader(): OwnReader {
  const reader = new SealedReader(manifestForms())
  return {
    take: (line, row) => {
      const device = reader.take(line, row)
      if (device === undefined) return undefined
      return { row, uid: device.uid, identities: [{ certificates: [device.certificate] }], problems: [] }
    },
    end: (number) => reader.end(number).seal,
  }
}

function deviceListReader(): OwnReader {
  const reader = new SealedReader(DEVICE_LIST_FORMS)
  return {
    take: (line, row) => {
      const device = reader.take(line, row)
      if (device === undefined) return undefined
      const { uid, slot, key, certificate, chain } = device
      const certificates = certificate === undefined ? [] : [certificate, ...chain]
      const identity = { certificates, ...(slot !== undefined && { slot }), ...(key !== undefined && { key }) }
      return { row, ...(uid !== undefined && { uid }), identities: [identity], problems: [] }
    },
    end: (number) => reader.end(number).seal,
  }
}

/** The closing line is signed, and names the hash of everything before it. */
function checkSeal({ seal, lines }: OwnScan, signers: PinnedSigners | undefined): void {
  if (seal === undefined) {
    if (signers !== undefined) throw invalid(lines + 1, 'the signature is missing')
    return
  }
  if (signers === undefined) throw manifestFault('MANIFEST_SIGNER_MISSING', { format: 'birthmark' })
  if (!signers.made(seal.algorithm, seal.message, seal.signature)) {
    throw invalid(lines, 'the signature was not made by a pinned signer over this file')
  }
}

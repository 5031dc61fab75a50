import type { Members } from '@birthmark/factory/json'
import { concat } from '@birthmark/foundation/kernel'
import type { ChainFile } from './chain-file.ts'
import { CHAIN_START, type ChainLine, type ChainPosition, decodeChainLine } from './chain-line.ts'

/** Where a line stands in its file, in bytes; its line feed is not counted. */
export interface Place {
  readonly at: number
  readonly bytes: number
}

/** One entry of a chained log, and where it can be read again. */
export interface ChainedEntry<Content> extends ChainLine<Content> {
  readonly place: Place
}

/** What the walk through a file meets next. */
export type ChainStep<Content> =
  | { readonly kind: 'entry'; readonly entry: ChainedEntry<Content> }
  /** The last step of an undamaged file; `tornBytes` after the last line feed are a write that was cut short. */
  | { readonly kind: 'end'; readonly size: number; readonly tornBytes: number; readonly position: ChainPosition }
  /** The last step of a damaged file. Lines count from 1. */
  | { readonly kind: 'damage'; readonly line: number; readonly why: string }

/**
 * Longest line, in bytes, line feed excluded. The longest entries hold one certificate (a kilobyte or two, base64); a
 * longer line is refused at writing and is damage at reading.
 */
export const CHAIN_LINE_BYTES_MAX = 65_536

/**
 * Walks through the entries of a chained log in order, checking each, in constant memory.
 *
 * A line is written in one piece and its line feed last: what follows the last line feed was never acknowledged to
 * anybody. A whole line that does not fit is damage wherever it stands.
 */
export async function* walkChain<Content>(
  file: Pick<ChainFile, 'read'>,
  size: number,
  read: (members: Members) => Content | undefined,
): AsyncGenerator<ChainStep<Content>, void, undefined> {
  let position = CHAIN_START
  let rest: Uint8Array = new Uint8Array()
  let at = 0
  for (let offset = 0; offset < size; offset += READ_BYTES) {
    const chunk = await file.read(offset, Math.min(READ_BYTES, size - offset))
    let bytes = concat(rest, chunk)
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED)) {
      const line = decodeChainLine(bytes.subarray(0, end), position, read)
      if (!line.ok) return yield damage(position.seq + 1, line.problems.join('; '))
      yield { kind: 'entry', entry: { ...line.value, place: { at, bytes: end } } }
      position = { seq: position.seq + 1, previous: line.value.hash }
      bytes = bytes.subarray(end + 1)
      at += end + 1
    }
    if (bytes.length > CHAIN_LINE_BYTES_MAX) return yield damage(position.seq + 1, 'it is too long')
    rest = bytes
  }
  yield { kind: 'end', size: at, tornBytes: size - at, position }
}

function damage(line: number, why: string): { readonly kind: 'damage'; readonly line: number; readonly why: string } {
  return { kind: 'damage', line, why }
}

const LINE_FEED = 0x0a

/** Bytes read at once: large enough that the disk, not the calls, sets the pace. */
const READ_BYTES = 1_048_576

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
  /** `bytes` are those of the line, and only good until the next step. */
  | { readonly kind: 'entry'; readonly entry: ChainedEntry<Content>; readonly bytes: Uint8Array }
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
 *
 * @param start Where to begin, when what stands before was checked earlier.
 */
export async function* walkChain<Content>(
  file: Pick<ChainFile, 'read'>,
  size: number,
  read: (members: Members) => Content | undefined,
  start: { readonly position: ChainPosition; readonly at: number } = { position: CHAIN_START, at: 0 },
): AsyncGenerator<ChainStep<Content>, void, undefined> {
  let { position, at } = start
  for await (const line of readLines(file, size, at)) {
    if (line === 'too-long') return yield damage(position.seq + 1, 'it is too long')
    const parsed = decodeChainLine(line.bytes, position, read)
    if (!parsed.ok) return yield damage(position.seq + 1, parsed.problems.join('; '))
    const { bytes } = line
    yield { kind: 'entry', entry: { ...parsed.value, place: { at: line.at, bytes: bytes.length } }, bytes }
    position = { seq: position.seq + 1, previous: parsed.value.hash }
    at = line.at + bytes.length + 1
  }
  yield { kind: 'end', size: at, tornBytes: size - at, position }
}

/** Gives the whole lines of a file from offset `at` on, without their line feeds; `too-long` ends it. */
export async function* readLines(
  file: Pick<ChainFile, 'read'>,
  size: number,
  at: number,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly at: number } | 'too-long', void, undefined> {
  let rest: Uint8Array = new Uint8Array()
  let start = at
  for (let offset = at; offset < size; offset += READ_BYTES) {
    const bytes = concat(rest, await file.read(offset, Math.min(READ_BYTES, size - offset)))
    let from = 0
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, from)) {
      yield { bytes: bytes.subarray(from, end), at: start + from }
      from = end + 1
    }
    rest = bytes.subarray(from)
    start += from
    if (rest.length > CHAIN_LINE_BYTES_MAX) return yield 'too-long'
  }
}

function damage(line: number, why: string): { readonly kind: 'damage'; readonly line: number; readonly why: string } {
  return { kind: 'damage', line, why }
}

const LINE_FEED = 0x0a

/** Bytes read at once: large enough that the disk, not the calls, sets the pace. */
const READ_BYTES = 1_048_576

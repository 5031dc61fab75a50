import { hash } from 'node:crypto'
import { Members, type Parsed } from '@birthmark/factory/json'
import { decodeUtf8, type Instant, instant } from '@birthmark/foundation/kernel'

/**
 * One line of a chained log: a JSON object whose last member is the SHA-256 of everything before it.
 *
 *     {"seq":7,"time":"2026-01-31T12:00:00.000Z","record":{...},"previous":"<hash of line 6>","hash":"<hash>"}
 *     '---------------------- what is hashed, byte by byte -------------------------------'
 *
 * The hash covers bytes, not values, so that there is no canonical form to agree on and any tool can check it.
 */
export interface ChainLine<Content> {
  readonly seq: number
  readonly time: Instant
  readonly content: Content
  readonly hash: string
}

/** Where a chain stands: the sequence number the next line must have, and the hash it must name. */
export interface ChainPosition {
  readonly seq: number
  readonly previous: string
}

/** The first place in a chain, with what its line names as its predecessor. */
export const CHAIN_START: ChainPosition = { seq: 0, previous: '0'.repeat(64) }

/** Writes the next line of a chain, line feed included. @param record Plain JSON data. */
export function encodeChainLine(
  position: ChainPosition,
  time: Instant,
  record: object,
): { readonly text: string; readonly hash: string } {
  const { seq, previous } = position
  const hashed = JSON.stringify({ seq, time: new Date(time).toISOString(), record, previous }).slice(0, -1)
  const digest = hash('sha256', hashed)
  return { text: `${hashed}${HASH_MEMBER}${digest}${LINE_END}\n`, hash: digest }
}

/**
 * Reads the line that must stand at `position`, without its line feed. Any input gives an answer.
 *
 * @param position Without `previous`, the line before is not compared: for reading a line on its own.
 * @param read Reads the members of the record itself.
 */
export function decodeChainLine<Content>(
  bytes: Uint8Array,
  position: { readonly seq: number; readonly previous?: string },
  read: (members: Members) => Content | undefined,
): Parsed<ChainLine<Content>> {
  const text = decodeUtf8(bytes)
  if (text === undefined) return refuse('it is not UTF-8')
  const end = text.length - HASH_MEMBER.length - HASH_HEX_LENGTH - LINE_END.length
  if (!text.startsWith(HASH_MEMBER, end) || !text.endsWith(LINE_END)) return refuse('it does not end in a hash')
  const named = text.slice(end + HASH_MEMBER.length, -LINE_END.length)
  if (hash('sha256', text.slice(0, end)) !== named) return refuse('its content does not match its hash')
  const problems: string[] = []
  const line = Members.read(parse(text), '', problems, (members) => ({
    seq: members.integer('seq', 0, Number.MAX_SAFE_INTEGER),
    time: instant(members.moment('time')),
    previous: members.text('previous', HASH, 'a SHA-256 in hex'),
    hash: members.text('hash', HASH, 'a SHA-256 in hex'),
    content: members.object('record', read),
  }))
  if (line?.content === undefined || problems.length > 0) return { ok: false, problems }
  if (line.seq !== position.seq) return refuse(`it is number ${line.seq} where ${position.seq} belongs`)
  if (position.previous !== undefined && line.previous !== position.previous)
    return refuse('it does not follow the line before it')
  return { ok: true, value: { seq: line.seq, time: line.time, content: line.content, hash: line.hash } }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function refuse(problem: string): { readonly ok: false; readonly problems: readonly string[] } {
  return { ok: false, problems: [problem] }
}

const HASH = /^[0-9a-f]{64}$/
const HASH_MEMBER = ',"hash":"'
const HASH_HEX_LENGTH = 64
const LINE_END = '"}'

import { type Members, readJsonObject } from '@birthmark/factory/json'
import type { KnownEntry } from '@birthmark/factory/ledger'
import type { Distribution } from './journal-records.ts'

/** Up to where an index knows its journal, and what it then is in sum. */
export interface JournalMark {
  /** The last record that was applied. */
  readonly last: KnownEntry
  /** The fingerprints of the certificates that this is the journal of. */
  readonly heading: { readonly root: string; readonly issuing: string }
  readonly issued: number
  readonly intents: number
  /** How many certificates must not be trusted. */
  readonly ended: number
  /** How many certificates are from before the journal. */
  readonly known: number
  /** The number of the last revocation list; 0 before the first. */
  readonly crlNumber: number
  /** The last full list about every certificate. */
  readonly base?: { readonly number: number; readonly seq: number }
  readonly distribution?: Distribution
  /** The first shard of that distribution. */
  readonly firstShard: number
}

/** Writes a mark as text. */
export function writeMark(mark: JournalMark): string {
  return JSON.stringify(mark)
}

/** Reads a mark; `undefined` for a text that is none. */
export function readMark(text: string): JournalMark | undefined {
  const mark = readJsonObject(text, readMembers)
  return mark.ok ? mark.value : undefined
}

function readMembers(members: Members): JournalMark {
  const base = members.has('base') ? members.object('base', readBase) : undefined
  const distribution = members.has('distribution') ? members.object('distribution', readDistributionMark) : undefined
  return {
    last: members.object('last', readEntry) ?? { seq: 0, hash: '', place: { at: 0, bytes: 0 } },
    heading: members.object('heading', (of) => ({ root: hash(of, 'root'), issuing: hash(of, 'issuing') })) ?? {
      root: '',
      issuing: '',
    },
    issued: count(members, 'issued'),
    intents: count(members, 'intents'),
    ended: count(members, 'ended'),
    known: count(members, 'known'),
    crlNumber: count(members, 'crlNumber'),
    firstShard: count(members, 'firstShard'),
    ...(base !== undefined && { base }),
    ...(distribution !== undefined && { distribution }),
  }
}

function readEntry(members: Members): KnownEntry {
  const place = members.object('place', (of) => ({ at: count(of, 'at'), bytes: count(of, 'bytes') }))
  return { seq: count(members, 'seq'), hash: hash(members, 'hash'), place: place ?? { at: 0, bytes: 0 } }
}

function readBase(members: Members): { readonly number: number; readonly seq: number } {
  return { number: count(members, 'number'), seq: count(members, 'seq') }
}

function readDistributionMark(members: Members): Distribution {
  return { url: members.text('url', /^http:/, 'a URL'), shardSize: count(members, 'shardSize') }
}

function hash(members: Members, name: string): string {
  return members.text(name, /^[0-9a-f]{64}$/, 'a SHA-256 in hex')
}

function count(members: Members, name: string): number {
  return members.integer(name, 0, Number.MAX_SAFE_INTEGER)
}

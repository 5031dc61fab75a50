import type { Members } from '@birthmark/factory/json'
import { ELEMENT_UID, ORDER_ID } from '@birthmark/factory/ledger'
import { type Instant, instant } from '@birthmark/foundation/kernel'

/** Leave to make a number of devices without the authority, until a moment. */
export interface Allotment {
  /** 16 random bytes, hex. */
  readonly id: string
  readonly order: string
  /** The id of the station's key. */
  readonly station: string
  readonly count: number
  readonly until: Instant
  /** What the challenges of its CSRs are made from, as a session has it. */
  readonly seed: string
}

/** One record of a desk. */
export type DeskRecord =
  | { readonly kind: 'desk'; readonly format: typeof DESK_FORMAT }
  /** The clock has come as far as the time of this record. */
  | { readonly kind: 'time' }
  /** A session began: the station will show this token the next time. */
  | { readonly kind: 'session'; readonly station: string; readonly token: string; readonly previous: string }
  | { readonly kind: 'released'; readonly station: string }
  /** Something was refused. `count` are as many of the same kind since the last record of it. */
  | {
      readonly kind: 'refused'
      readonly code: string
      readonly station: string
      readonly order?: string
      readonly uid?: string
      readonly count?: number
    }
  | { readonly kind: 'allotted'; readonly allotment: Allotment }
  /** A device was issued under an allotment. */
  | { readonly kind: 'drawn'; readonly allotment: string; readonly uid: string }
  | {
      readonly kind: 'settled'
      readonly allotment: string
      readonly issued: number
      readonly scrapped: readonly string[]
      /** After the last one nothing more is drawn from it. */
      readonly last: boolean
    }
  /** An element vouched for a device; `element` is the SHA-256 of its vendor's certificate. */
  | { readonly kind: 'vouched'; readonly uid: string; readonly element: string }

/** The form of the file; another one is refused. */
const DESK_FORMAT = 'birthmark-desk/1'

/** Gives the first record of a new desk. */
export function deskHeading(): DeskRecord {
  return { kind: 'desk', format: DESK_FORMAT }
}

/** Writes a record as plain JSON data. */
export function writeDeskRecord(record: DeskRecord): object {
  return record.kind === 'allotted' ? { ...record, allotment: allotmentJson(record.allotment) } : record
}

/** Writes an allotment as plain JSON data. */
export function allotmentJson({ until, ...allotment }: Allotment): object {
  return { ...allotment, until: new Date(until).toISOString() }
}

/** Reads a record; what is wrong with it is noted in `members`. */
export function readDeskRecord(members: Members): DeskRecord | undefined {
  const words = ['desk', 'time', 'session', 'released', 'refused', 'allotted', 'drawn', 'settled', 'vouched'] as const
  const kind = members.word('kind', words)
  switch (kind) {
    case 'desk':
      return { kind, format: members.word('format', [DESK_FORMAT]) }
    case 'time':
      return { kind }
    case 'session': {
      const token = members.text('token', SHA256, 'a token')
      return { kind, station: stationOf(members), token, previous: members.text('previous', TOKEN, 'a token') }
    }
    case 'released':
      return { kind, station: stationOf(members) }
    case 'refused':
      return {
        kind,
        code: members.text('code', /^[A-Z][A-Z0-9_]{2,63}$/, 'the code of a fault'),
        station: members.text('station', TOKEN, 'the id of a station key, or nothing'),
        ...(members.has('order') && { order: members.text('order', ORDER_ID, 'the number of an order') }),
        ...(members.has('uid') && { uid: uidOf(members) }),
        ...(members.has('count') && { count: members.integer('count', 1, Number.MAX_SAFE_INTEGER) }),
      }
    case 'allotted': {
      const allotment = members.object('allotment', readAllotment)
      return allotment && { kind, allotment }
    }
    case 'drawn':
      return { kind, allotment: allotmentId(members, 'allotment'), uid: uidOf(members) }
    case 'settled':
      return {
        kind,
        allotment: allotmentId(members, 'allotment'),
        issued: members.integer('issued', 0, Number.MAX_SAFE_INTEGER),
        scrapped: members.texts('scrapped', ELEMENT_UID, 'element numbers', { least: 0 }),
        last: members.flag('last'),
      }
    case 'vouched':
      return { kind, uid: uidOf(members), element: members.text('element', SHA256, 'a SHA-256 in hex') }
  }
}

/** Reads an allotment. */
export function readAllotment(members: Members): Allotment {
  return {
    id: allotmentId(members, 'id'),
    order: members.text('order', ORDER_ID, 'the number of an order'),
    station: stationOf(members),
    count: members.integer('count', 1, Number.MAX_SAFE_INTEGER),
    until: instant(members.moment('until')),
    seed: members.text('seed', SHA256, 'a seed'),
  }
}

function stationOf(members: Members): string {
  return members.text('station', SHA256, 'the id of a station key')
}

function uidOf(members: Members): string {
  return members.text('uid', ELEMENT_UID, '8 to 64 hex digits in lower case')
}

function allotmentId(members: Members, name: string): string {
  return members.text(name, /^[0-9a-f]{32}$/, 'the number of an allotment')
}

const SHA256 = /^[0-9a-f]{64}$/
const TOKEN = /^(?:[0-9a-f]{64})?$/

import type { WorkOrder } from '@birthmark/factory/order'
import { type Entropy, type Instant, instant, toHex } from '@birthmark/foundation/kernel'
import type { Signer } from '@birthmark/foundation/x509'
import type { DeskAuthority } from './desk-authority.ts'
import type { DeskState, OpenAllotment } from './desk-state.ts'
import { sealJson } from './envelope.ts'
import { deskFault } from './faults.ts'
import type { StationMessage } from './protocol.ts'
import { type Allotment, allotmentJson, type DeskRecord } from './records.ts'

/** What a desk does something with, for one order at one moment. */
export interface DeskContext {
  readonly order: WorkOrder
  readonly now: Instant
  readonly authority: Pick<DeskAuthority, 'left' | 'knows'>
  readonly entropy: Entropy
  readonly signer: Signer
  readonly state: DeskState
  /** Returns when the record is on the disk and applied. */
  readonly record: (record: DeskRecord) => Promise<void>
}

/**
 * Sets a number of devices of the order aside for a station that will work without the authority.
 *
 * @returns The allotment, signed by the desk.
 * @throws `ALLOTMENT_REFUSED` (caller)
 */
export async function allot(
  { station, count, hours }: StationMessage & { readonly op: 'allot' },
  { order, now, authority, entropy, signer, state, record }: DeskContext,
): Promise<{ readonly allotment: string }> {
  if (count > ALLOTMENT_COUNT_MAX)
    throw deskFault('ALLOTMENT_REFUSED', { why: `at most ${ALLOTMENT_COUNT_MAX} at once` })
  if (hours > ALLOTMENT_HOURS_MAX) throw deskFault('ALLOTMENT_REFUSED', { why: `at most ${ALLOTMENT_HOURS_MAX} hours` })
  const ends = Math.min(now + hours * HOUR_MS, order.until ?? Number.POSITIVE_INFINITY)
  const allotment: Allotment = {
    id: toHex(entropy.bytes(16)),
    order: order.id,
    station,
    count,
    until: instant(ends),
    seed: toHex(entropy.bytes(32)),
  }
  // Signed first: a key that does not sign would set devices aside for nobody. Between what is left and the record
  // nothing else may come, and nothing is given before it is on record.
  const signed = await sealJson({ format: ALLOTMENT_FORMAT, ...allotmentJson(allotment) }, signer)
  const free = authority.left(order.id) - state.reserved(order.id, now)
  if (count > free) throw deskFault('ALLOTMENT_REFUSED', { why: `the order has ${Math.max(free, 0)} devices left` })
  await record({ kind: 'allotted', allotment })
  return { allotment: signed }
}

/** Gives the open allotment of a station. @throws `ALLOTMENT_UNKNOWN` (caller) */
export function draw(id: string, station: string, { order, now, state }: DeskContext): OpenAllotment {
  const open = state.allotments.get(id)
  const isTheirs = open?.order === order.id && open.station === station
  if (open === undefined || !isTheirs || now > open.until) throw deskFault('ALLOTMENT_UNKNOWN', { allotment: id })
  return open
}

/**
 * Takes one device from an allotment, or from what no allotment holds.
 *
 * @throws `ALLOTMENT_USED_UP`, `ALLOTMENT_REFUSED` when only allotted devices are left (caller)
 */
export async function takeFrom(
  drawn: OpenAllotment | undefined,
  uid: string,
  { order, now, authority, state, record }: DeskContext,
): Promise<void> {
  if (drawn === undefined) {
    const reserved = state.reserved(order.id, now)
    if (reserved === 0 || authority.left(order.id) > reserved || (await authority.knows(order.id, uid))) return
    throw deskFault('ALLOTMENT_REFUSED', {
      why: `the last ${reserved} devices of the order are set aside for stations`,
    })
  }
  if (drawn.drawn.has(uid)) return
  if (drawn.drawn.size >= drawn.count) {
    throw deskFault('ALLOTMENT_USED_UP', { allotment: drawn.id, count: drawn.count })
  }
  // Taken at once, so that two messages cannot have the last one.
  drawn.drawn.add(uid)
  await record({ kind: 'drawn', allotment: drawn.id, uid })
}

/** Takes what is left of an allotment back. @returns The account of it. @throws `ALLOTMENT_UNKNOWN` (caller) */
export async function settle(
  { station, allotment: id, scrapped, last }: StationMessage & { readonly op: 'settle' },
  { order, state, record }: DeskContext,
): Promise<{ readonly issued: number; readonly scrapped: number; readonly returned: number }> {
  const open = state.allotments.get(id)
  if (open?.order !== order.id || open.station !== station) throw deskFault('ALLOTMENT_UNKNOWN', { allotment: id })
  const issued = open.drawn.size
  await record({ kind: 'settled', allotment: id, issued, scrapped, last })
  return { issued, scrapped: open.scrapped.size, returned: open.count - issued }
}

/** The form of an allotment; another one is refused. */
export const ALLOTMENT_FORMAT = 'birthmark-allotment/1'

/** Devices in one allotment: what a station that is not heard of any more may have made. */
const ALLOTMENT_COUNT_MAX = 100_000

/** A month. */
const ALLOTMENT_HOURS_MAX = 720

const HOUR_MS = 3_600_000

import type { Scope } from '@birthmark/cloud/registry'
import type { Alarm, AlarmRule } from './alarm.ts'

/** An alarm at its place in the book. */
export type AlarmRecord = Alarm &
  Scope & {
    /** Counts the alarms since the server started, from 1. */
    readonly sequence: number
    /** What the server did about it by itself. */
    readonly action: string
  }

/** Which alarms are wanted; every member that is there must fit. */
export interface AlarmFilter {
  readonly scope: Scope
  /** At most so many. */
  readonly limit: number
  readonly rule?: AlarmRule
  readonly certificateId?: string
  /** Only later ones than the one with this number, which then come oldest first. */
  readonly after?: number
}

/** The alarms of a server, in memory: the newest {@link ALARMS_COUNT_MAX}. */
export class AlarmBook {
  readonly #ring: AlarmRecord[] = []
  #written = 0

  /** Writes an alarm down. */
  add(alarm: Alarm, { account, region }: Scope, action: string): AlarmRecord {
    const record = { sequence: this.#written + 1, account, region, action, ...alarm }
    this.#ring[this.#written % ALARMS_COUNT_MAX] = record
    this.#written += 1
    return record
  }

  /** Gives what fits, newest first; what came after a number, oldest first. */
  list({ scope, limit, rule, certificateId, after }: AlarmFilter): readonly AlarmRecord[] {
    const newestFirst = this.#ring.toSorted((left, right) => right.sequence - left.sequence)
    const found = newestFirst.filter(
      (one) =>
        one.account === scope.account &&
        one.region === scope.region &&
        (rule === undefined || one.rule === rule) &&
        (certificateId === undefined || one.certificateId === certificateId) &&
        (after === undefined || one.sequence > after),
    )
    return after === undefined ? found.slice(0, limit) : found.toReversed().slice(0, limit)
  }
}

/** Alarms that are kept, about 1 KB each; the audit log has all of them. At the limit: the oldest is forgotten. */
const ALARMS_COUNT_MAX = 1000

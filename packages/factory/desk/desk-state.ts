import type { Instant } from '@birthmark/foundation/kernel'
import type { Allotment, DeskRecord } from './records.ts'

/** An allotment that is not settled, and what was drawn from it. */
export interface OpenAllotment extends Allotment {
  readonly drawn: Set<string>
  readonly scrapped: Set<string>
}

/** A station as the desk knows it. */
export interface KnownStation {
  /** What it must show the next time. */
  readonly token: string
  /** What it had before: good as long as nothing was asked for with the new one, which it may never have got. */
  readonly previous: string
}

/** What the records of a desk, taken together, say. */
export class DeskState {
  readonly stations: Map<string, KnownStation> = new Map()
  /** Keys that two stations were caught with. */
  readonly copied: Set<string> = new Set()
  readonly allotments: Map<string, OpenAllotment> = new Map()
  /** Which device each element vouched for. About 200 bytes a device, and only where an order wants vendors. */
  readonly vouched: Map<string, string> = new Map()
  /** What was refused, by code. */
  readonly refusals: Map<string, number> = new Map()
  /** The latest time that the clock said. */
  latest: number = Number.NEGATIVE_INFINITY

  apply(record: DeskRecord, at: Instant): void {
    this.latest = Math.max(this.latest, at)
    switch (record.kind) {
      case 'desk':
      case 'time':
        break
      case 'session':
        this.stations.set(record.station, { token: record.token, previous: record.previous })
        break
      case 'released':
        this.copied.delete(record.station)
        this.stations.delete(record.station)
        break
      case 'refused':
        this.refusals.set(record.code, (this.refusals.get(record.code) ?? 0) + (record.count ?? 1))
        if (record.code === 'STATION_COPIED') this.copied.add(record.station)
        break
      case 'allotted':
        this.allotments.set(record.allotment.id, { ...record.allotment, drawn: new Set(), scrapped: new Set() })
        break
      case 'drawn':
        this.allotments.get(record.allotment)?.drawn.add(record.uid)
        break
      case 'settled': {
        const open = this.allotments.get(record.allotment)
        for (const uid of record.scrapped) open?.scrapped.add(uid)
        if (record.last) this.allotments.delete(record.allotment)
        break
      }
      case 'vouched':
        this.vouched.set(record.element, record.uid)
        break
    }
  }

  /** Devices of an order that stations may still make without asking. */
  reserved(order: string, now: Instant): number {
    let count = 0
    for (const allotment of this.allotments.values()) {
      if (allotment.order === order && now <= allotment.until) count += allotment.count - allotment.drawn.size
    }
    return count
  }
}

import { hash } from 'node:crypto'
import type { ChainedEntry, KnownEntry } from '@birthmark/factory/ledger'
import type { Instant } from '@birthmark/foundation/kernel'
import { type JournalMark, readMark, writeMark } from './journal-mark.ts'
import {
  type AdmittedOrder,
  type Distribution,
  type IssueIntent,
  type JournalRecord,
  type KnownSerial,
  type ListScope,
  readOrderText,
  writeOrderText,
} from './journal-records.ts'
import type { JournalPlace, JournalTables, OrderRow, Shard } from './journal-tables.ts'

/**
 * What the records of a journal, taken together, say. Only durable records are applied. Certificates are in the
 * tables; in memory are the orders, the shards and the intents under way.
 */
export class JournalState {
  readonly #tables: JournalTables
  #mark: Changing<JournalMark> | undefined
  readonly #orders = new Map<string, { readonly order: AdmittedOrder; used: number }>()
  readonly #shards = new Map<number, Shard>()
  /** Intents without a result, by serial number; what those of earlier runs say has to be told by {@link recall}. */
  readonly #open = new Map<string, { readonly seq: number; readonly intent?: IssueIntent }>()
  readonly #changedOrders = new Set<string>()
  readonly #changedShards = new Set<number>()
  /** Records applied since the last commit. */
  #uncommitted = 0

  constructor(tables: JournalTables) {
    this.#tables = tables
    this.#mark = tables.mark === undefined ? undefined : readMark(tables.mark)
    if (this.#mark === undefined) return
    for (const { id, text, used } of tables.orders()) {
      const order = readOrderText(text)
      if (order !== undefined) this.#orders.set(id, { order, used })
    }
    for (const shard of tables.shards()) this.#shards.set(shard.number, shard)
    for (const { serial, seq } of tables.open()) this.#open.set(serial, { seq })
  }

  /** Up to where this is known; `undefined` before the first record. */
  get mark(): JournalMark | undefined {
    return this.#mark
  }

  /** Records that only memory knows of. */
  get uncommitted(): number {
    return this.#uncommitted
  }

  /** Intents without a result. */
  get unresolved(): readonly IssueIntent[] {
    return [...this.#open.values()].map(({ intent }) => intent).filter((intent) => intent !== undefined)
  }

  /** Tells what an intent of an earlier run says. */
  recall(intent: IssueIntent): void {
    const open = this.#open.get(intent.serial)
    if (open !== undefined) this.#open.set(intent.serial, { ...open, intent })
  }

  get shards(): readonly Shard[] {
    return [...this.#shards.values()]
  }

  get lastShard(): Shard | undefined {
    return this.#shards.get(this.#shards.size)
  }

  /** Gives an admitted order, and how many of its devices were issued or may have been. */
  order(id: string): { readonly order: AdmittedOrder; readonly used: number } | undefined {
    return this.#orders.get(id)
  }

  /** Adds a record. @returns What is wrong with it after the ones before it; `undefined` when nothing is. */
  apply(entry: ChainedEntry<JournalRecord>): string | undefined {
    const { seq, place, content } = entry
    if ((content.kind === 'journal') !== (seq === 0)) return 'a journal has one heading, and it comes first'
    const why = this.#apply(content, entry)
    if (why !== undefined) return why
    const last: KnownEntry = { seq, hash: entry.hash, place }
    if (this.#mark !== undefined) this.#mark.last = last
    this.#uncommitted += 1
    return undefined
  }

  /** Writes to the disk what memory knows. */
  commit(): void {
    if (this.#mark === undefined || this.#uncommitted === 0) return
    const shards = [...this.#changedShards]
      .map((number) => this.#shards.get(number))
      .filter((shard) => shard !== undefined)
    this.#tables.commit(writeMark(this.#mark), this.#orderRows(), shards)
    this.#changedOrders.clear()
    this.#changedShards.clear()
    this.#uncommitted = 0
  }

  *#orderRows(): Generator<OrderRow> {
    for (const id of this.#changedOrders) {
      const row = this.#orders.get(id)
      if (row !== undefined) yield { id, text: writeOrderText(row.order), used: row.used }
    }
  }

  #apply(record: JournalRecord, at: ChainedEntry<JournalRecord>): string | undefined {
    switch (record.kind) {
      case 'journal':
        this.#mark = emptyMark(record, at)
        return undefined
      case 'known':
        return this.#applyKnown(record.known, at)
      case 'order':
        return this.#applyOrder(record.order)
      case 'intent':
        return this.#applyIntent(record.intent, at)
      case 'result':
        return this.#applyResult(record.serial, at)
      case 'revoked': {
        const row = this.#tables.bySerial(record.serial)
        if (row === undefined) return 'no certificate has its serial number'
        if (row.isRevoked) return 'it was revoked before'
        this.#tables.revoke(record.serial, at.seq, at.time, record.reason)
        if (row.ended === undefined) this.#count('ended')
        return undefined
      }
      case 'crl':
        return this.#applyList(record.number, record, at.seq)
      case 'distribution':
        this.#put({ distribution: record.distribution, firstShard: this.#shards.size + 1 })
        return undefined
    }
  }

  #applyKnown({ serial, revoked }: KnownSerial, at: JournalPlace): string | undefined {
    if (!this.#tables.add({ serial, at, state: 'known', shard: undefined, request: undefined })) return SERIAL_USED
    this.#count('known')
    if (revoked === undefined) return undefined
    this.#tables.revoke(serial, at.seq, revoked.at, revoked.reason)
    this.#count('ended')
    return undefined
  }

  #applyOrder(order: AdmittedOrder): string | undefined {
    if (this.#orders.has(order.id)) return 'its order was admitted before'
    this.#orders.set(order.id, { order, used: 0 })
    this.#changedOrders.add(order.id)
    return undefined
  }

  #applyIntent(intent: IssueIntent, at: JournalPlace & { readonly time: Instant }): string | undefined {
    const { serial, voids, order, idempotencyKey: key, shard } = intent
    const admitted = order === undefined ? undefined : this.#orders.get(order)
    if (order !== undefined && admitted === undefined) return 'its order was not admitted'
    const replaced = voids === undefined ? undefined : this.#open.get(voids)?.seq
    if (voids !== undefined && replaced === undefined) return 'what it replaces is not open'
    const why = shard === undefined ? undefined : this.#fill(shard)
    if (why !== undefined) return why
    const request = key === undefined ? undefined : requestNumber(key)
    if (!this.#tables.add({ serial, at, state: 'open', shard, request })) return SERIAL_USED
    if (voids !== undefined && replaced !== undefined) this.#replace(voids, replaced, at)
    else if (admitted !== undefined && order !== undefined) {
      admitted.used += 1
      this.#changedOrders.add(order)
    }
    this.#count('intents')
    this.#open.set(serial, { seq: at.seq, intent })
    return undefined
  }

  #replace(serial: string, seq: number, by: { readonly seq: number; readonly time: Instant }): void {
    const isEnded = this.#tables.bySerial(serial)?.ended !== undefined
    this.#tables.replace(seq, by.seq, by.time)
    this.#open.delete(serial)
    if (!isEnded) this.#count('ended')
  }

  /** Counts a certificate into its shard: the last one, or the one after it. */
  #fill(number: number): string | undefined {
    const distribution = this.#mark?.distribution
    const last = this.#shards.size
    if (distribution === undefined || number < last || number > last + 1) return 'its shard is not open'
    const shard = this.#shards.get(number) ?? { number, url: shardUrl(distribution, number), certificates: 0 }
    this.#shards.set(number, { ...shard, certificates: shard.certificates + 1 })
    this.#changedShards.add(number)
    return undefined
  }

  #applyResult(serial: string, result: JournalPlace): string | undefined {
    const seq = this.#open.get(serial)?.seq
    if (seq === undefined) return 'no intent is open for its serial number'
    this.#tables.complete(seq, { seq: result.seq, place: result.place })
    this.#open.delete(serial)
    this.#count('issued')
    return undefined
  }

  #applyList(number: number, { shard, base }: ListScope, seq: number): string | undefined {
    if (number <= (this.#mark?.crlNumber ?? 0)) return 'a list with a number as high was made before'
    this.#put({ crlNumber: number })
    if (base !== undefined) return undefined
    if (shard === undefined) this.#put({ base: { number, seq } })
    else {
      const about = this.#shards.get(shard)
      if (about === undefined) return 'its shard is not there'
      this.#shards.set(shard, { ...about, base: { number, seq } })
      this.#changedShards.add(shard)
    }
    return undefined
  }

  #count(what: 'issued' | 'intents' | 'ended' | 'known'): void {
    if (this.#mark !== undefined) this.#mark[what] += 1
  }

  #put(change: Partial<JournalMark>): void {
    if (this.#mark !== undefined) Object.assign(this.#mark, change)
  }
}

type Changing<Value> = { -readonly [Name in keyof Value]: Value[Name] }

/** Where the full list of a shard is. */
export function shardUrl({ url }: Distribution, shard: number): string {
  return `${url}/crl/${shard}.crl`
}

/** Gives the number under which the tables find an idempotency key: 48 bits of its hash, which others may share. */
export function requestNumber(idempotencyKey: string): number {
  return hash('sha256', idempotencyKey, 'buffer').readUIntBE(0, 6)
}

function emptyMark(
  { root, issuing }: { readonly root: string; readonly issuing: string },
  { seq, hash: digest, place }: ChainedEntry<unknown>,
): JournalMark {
  const counts = { issued: 0, intents: 0, ended: 0, known: 0, crlNumber: 0, firstShard: 1 }
  return { last: { seq, hash: digest, place }, heading: { root, issuing }, ...counts }
}

const SERIAL_USED = 'its serial number was used before'

import type { Place } from '@birthmark/factory/ledger'
import type { Instant } from '@birthmark/foundation/kernel'
import type { RevokedCertificate } from '@birthmark/foundation/x509'
import type { AdmittedOrder, IssueIntent, JournalRecord } from './journal-records.ts'

/** One intent, and where its certificate is written down, if it is. */
export interface Issuance {
  readonly intent: IssueIntent
  readonly result?: JournalPlace
}

/** Where a record stands in the journal. */
export interface JournalPlace {
  readonly seq: number
  readonly place: Place
}

/** What the records of a journal, taken together, say. Only durable records are applied. */
export class JournalState {
  heading: { readonly root: string; readonly issuing: string } | undefined
  issuedCount = 0
  /** Every intent without a result that no later intent made void, by serial number. */
  readonly unresolved: Map<string, IssueIntent> = new Map()
  /** Serial numbers that a later intent for the same key replaced, and when. */
  readonly voided: Map<string, Instant> = new Map()
  /** What was revoked, by serial number. */
  readonly revoked: Map<string, RevokedCertificate> = new Map()
  /** The number of the last revocation list; 0 before the first. */
  crlNumber = 0
  readonly #orders = new Map<string, { readonly order: AdmittedOrder; used: number }>()
  readonly #issuances = new Map<string, Issuance>()

  /** Gives an admitted order, and how many of its devices were issued or may have been. */
  order(id: string): { readonly order: AdmittedOrder; readonly used: number } | undefined {
    return this.#orders.get(id)
  }

  /** Gives what was last intended under an idempotency key. */
  find(idempotencyKey: string): Issuance | undefined {
    return this.#issuances.get(idempotencyKey)
  }

  /** Adds a record. @returns What is wrong with it after the ones before it; `undefined` when nothing is. */
  apply(record: JournalRecord, at: JournalPlace & { readonly time: Instant }): string | undefined {
    if ((record.kind === 'journal') !== (at.seq === 0)) return 'a journal has one heading, and it comes first'
    switch (record.kind) {
      case 'journal':
        this.heading = { root: record.root, issuing: record.issuing }
        return undefined
      case 'order':
        return this.#applyOrder(record.order)
      case 'intent':
        return this.#applyIntent(record.intent, at.time)
      case 'result':
        return this.#applyResult(record.serial, at)
      case 'revoked':
        if (this.revoked.has(record.serial)) return 'it was revoked before'
        this.revoked.set(record.serial, { serial: record.serial, at: at.time, reason: record.reason })
        return undefined
      case 'crl':
        if (record.number <= this.crlNumber) return 'a list with a number as high was made before'
        this.crlNumber = record.number
        return undefined
    }
  }

  #applyOrder(order: AdmittedOrder): string | undefined {
    if (this.#orders.has(order.id)) return 'its order was admitted before'
    this.#orders.set(order.id, { order, used: 0 })
    return undefined
  }

  #applyIntent(intent: IssueIntent, time: Instant): string | undefined {
    const { serial, voids, order, idempotencyKey } = intent
    const admitted = order === undefined ? undefined : this.#orders.get(order)
    if (order !== undefined && admitted === undefined) return 'its order was not admitted'
    if (voids !== undefined) {
      if (!this.unresolved.delete(voids)) return 'what it replaces is not open'
      this.voided.set(voids, time)
    } else if (admitted !== undefined) admitted.used += 1
    this.unresolved.set(serial, intent)
    if (idempotencyKey !== undefined) this.#issuances.set(idempotencyKey, { intent })
    return undefined
  }

  #applyResult(serial: string, result: JournalPlace): string | undefined {
    const intent = this.unresolved.get(serial)
    if (intent === undefined) return 'no intent is open for its serial number'
    this.unresolved.delete(serial)
    this.issuedCount += 1
    if (intent.idempotencyKey !== undefined)
      this.#issuances.set(intent.idempotencyKey, { intent, result: { seq: result.seq, place: result.place } })
    return undefined
  }
}

import { concat } from '@birthmark/foundation/kernel'
import { tlsFault } from './faults.ts'
import { CONTENT_BYTES_MAX, encodeHeader, RecordReader } from './record.ts'
import type { Content, RecordProtection } from './record-protection.ts'

/** Turns contents into records and back, under the keys of the moment. */
export class RecordLayer {
  readonly #reader = new RecordReader()
  #reading: RecordProtection | undefined
  #writing: RecordProtection | undefined
  #contentBytesMax = CONTENT_BYTES_MAX

  /** Records written under the current key. */
  get writtenUnderKey(): number {
    return this.#writing?.count ?? 0
  }

  /** Takes bytes from the peer. */
  feed(bytes: Uint8Array): void {
    this.#reader.feed(bytes)
  }

  /**
   * Gives the content of the next record; `undefined` when more bytes are needed.
   *
   * @throws the faults of {@link RecordReader.next} and {@link RecordProtection.open}, `TLS_RECORD_MALFORMED`
   */
  next(): Content | undefined {
    const record = this.#reader.next(this.#reading?.fragmentBytesMax ?? CONTENT_BYTES_MAX)
    if (record === undefined) return undefined
    const content = this.#reading?.open(record) ?? { type: record.type, bytes: record.fragment }
    // RFC 8446 §5.1, RFC 5246 §6.2.1: only application data may be empty.
    if (content.bytes.length === 0 && content.type !== 'application_data') {
      throw tlsFault('TLS_RECORD_MALFORMED', { what: `an empty ${content.type} record` })
    }
    return content
  }

  /** Cuts `bytes` into what single records may carry; nothing when empty. */
  *fragments(bytes: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += this.#contentBytesMax) {
      yield bytes.subarray(at, at + this.#contentBytesMax)
    }
  }

  /** Gives the records that carry `content`. */
  write({ type, bytes }: Content): Uint8Array {
    const records: Uint8Array[] = []
    for (const fragment of this.fragments(bytes)) {
      const content = { type, bytes: fragment }
      records.push(this.#writing?.seal(content) ?? concat(encodeHeader(type, fragment.length), fragment))
    }
    return Buffer.concat(records)
  }

  /** Opens everything from the next record on with `protection`. */
  protectReading(protection: RecordProtection): void {
    this.#reading?.wipe()
    this.#reading = protection
  }

  /** Seals everything from now on with `protection`. */
  protectWriting(protection: RecordProtection): void {
    this.#writing?.wipe()
    this.#writing = protection
  }

  /** Writes at most `bytes` of content into one record, as the server asked (RFC 8449). */
  limitContent(bytes: number): void {
    this.#contentBytesMax = Math.min(bytes, CONTENT_BYTES_MAX)
  }

  /** Forgets the keys; nothing can be read or written afterwards. */
  wipe(): void {
    this.#reading?.wipe()
    this.#writing?.wipe()
  }
}

import { concat, uint16 } from '@birthmark/foundation/kernel'
import { tlsFault } from './faults.ts'
import { codeText } from './wire.ts'

/** What a record carries (RFC 8446 §5.1). */
export type ContentType = 'change_cipher_spec' | 'alert' | 'handshake' | 'application_data'

/** One record as it came from the wire, still protected if keys are in use. */
export interface WireRecord {
  readonly type: ContentType
  /** Protocol version field: 0x0303 in every record of TLS 1.2 and 1.3 but the first ClientHello. */
  readonly version: number
  /** The five bytes before the fragment. */
  readonly header: Uint8Array
  readonly fragment: Uint8Array
}

/** Largest content of one record, in bytes (RFC 8446 §5.1, RFC 5246 §6.2.1). Larger: `TLS_RECORD_TOO_LARGE`. */
export const CONTENT_BYTES_MAX: number = 2 ** 14

/** Version field of the records that this client sends (RFC 8446 §5.1). */
const RECORD_VERSION = 0x0303

/** The only content that a ChangeCipherSpec record has (RFC 5246 §7.1, RFC 8446 §5). */
export const CHANGE_CIPHER_SPEC: Uint8Array = Uint8Array.of(1)

/** Cuts the byte stream from the peer into records. */
export class RecordReader {
  #buffer: Uint8Array = new Uint8Array()

  /** Takes bytes as they arrive; they are copied. */
  feed(bytes: Uint8Array): void {
    this.#buffer = concat(this.#buffer, bytes)
  }

  /**
   * Gives the next whole record; `undefined` when more bytes are needed.
   *
   * @param fragmentBytesMax Most bytes of a fragment; protection may add some to {@link CONTENT_BYTES_MAX}.
   * @throws `TLS_RECORD_NOT_TLS`, `TLS_RECORD_TOO_LARGE`, `TLS_VERSION_NOT_OFFERED`, as early as the header tells
   */
  next(fragmentBytesMax: number): WireRecord | undefined {
    const [code, major, minor, high, low] = this.#buffer
    if (code === undefined) return undefined
    const type = CONTENT_TYPES.get(code)
    if (type === undefined || (major !== undefined && major !== 3)) throw tlsFault('TLS_RECORD_NOT_TLS')
    if (major === undefined || minor === undefined || high === undefined || low === undefined) return undefined
    const version = major * 256 + minor
    const size = high * 256 + low
    refuseOtherVersion(type, version)
    if (size > fragmentBytesMax) throw tlsFault('TLS_RECORD_TOO_LARGE', { size, max: fragmentBytesMax })
    const end = HEADER_BYTES + size
    if (this.#buffer.length < end) return undefined
    const header = this.#buffer.subarray(0, HEADER_BYTES)
    const fragment = this.#buffer.subarray(HEADER_BYTES, end)
    this.#buffer = this.#buffer.subarray(end)
    return { type, version, header, fragment }
  }
}

/** Writes the five bytes that stand before a fragment of `size` bytes. */
export function encodeHeader(type: ContentType, size: number, version: number = RECORD_VERSION): Uint8Array {
  return concat(Uint8Array.of(CONTENT_CODES.get(type) ?? 0), uint16(version), uint16(size))
}

/** Gives the number of a content type. */
export function contentCode(type: ContentType): number {
  return CONTENT_CODES.get(type) ?? 0
}

/** Gives the content type of a number; `undefined` when there is none. */
export function contentType(code: number): ContentType | undefined {
  return CONTENT_TYPES.get(code)
}

/**
 * RFC 8446 §5.1 obliges servers to write 0x0303 and would have clients ignore the field. We insist on it instead, as
 * TLS 1.2 does, so that no byte of a flight changes unseen. Only alerts may be older: a server that knows neither
 * version complains in its own.
 */
function refuseOtherVersion(type: ContentType, version: number): void {
  if (type === 'alert' || version === RECORD_VERSION) return
  throw tlsFault('TLS_VERSION_NOT_OFFERED', { version: codeText(version) })
}

const HEADER_BYTES = 5
const CONTENT_TYPES: ReadonlyMap<number, ContentType> = new Map([
  [20, 'change_cipher_spec'],
  [21, 'alert'],
  [22, 'handshake'],
  [23, 'application_data'],
])
const CONTENT_CODES: ReadonlyMap<ContentType, number> = new Map([...CONTENT_TYPES].map(([code, type]) => [type, code]))

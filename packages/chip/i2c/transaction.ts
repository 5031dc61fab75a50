import { i2cFault } from './faults.ts'

/**
 * One message of the virtual chip bus: four bytes of header, then data.
 *
 * ```text
 *   host to chip   op(1)     address(1)  length(2)  data     op 1 write, 2 read (length is what is wanted), 3 pin
 *   chip to host   status(1) address(1)  length(2)  data     status 0 is ACK, anything else NACK
 * ```
 */
export interface BusMessage {
  /** The operation, or the status. */
  readonly head: number
  /** 7-bit bus address. */
  readonly address: number
  /** Bytes of {@link data}; of a read, bytes wanted. */
  readonly length: number
  readonly data: Uint8Array
}

/** The operations of a host. */
export const OPERATION = { WRITE: 1, READ: 2, PIN: 3 } as const

/** The chip's answers; every other status is a NACK too. */
export const STATUS = { ACK: 0, NACK: 1 } as const

/** Writes a message. `length` is that of the data, but for a read. */
export function encodeMessage(
  head: number,
  address: number,
  data: Uint8Array,
  length: number = data.length,
): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + data.length)
  bytes[0] = head
  bytes[1] = address
  bytes[2] = length >>> 8
  bytes[3] = length & 0xff
  bytes.set(data, HEADER_BYTES)
  return bytes
}

/**
 * Cuts a stream into messages. It holds what was pushed and not taken: at most one message of 64 KiB and a chunk, as
 * long as every {@link push} is followed by {@link next} until there is none.
 */
export class MessageReader {
  readonly #dataBytes: (head: number, length: number) => number
  #bytes: Uint8Array = new Uint8Array(0)

  private constructor(dataBytes: (head: number, length: number) => number) {
    this.#dataBytes = dataBytes
  }

  /** Gives a reader of what hosts send. */
  static forRequests(): MessageReader {
    return new MessageReader((operation, length) => {
      if (operation === OPERATION.READ) return 0
      if (operation === OPERATION.WRITE || (operation === OPERATION.PIN && length === 2)) return length
      throw i2cFault('I2C_BUS_GARBLED', {
        why: operation === OPERATION.PIN ? 'a pin of two bytes' : 'no such operation',
      })
    })
  }

  /** Gives a reader of what chips answer. */
  static forReplies(): MessageReader {
    return new MessageReader((_status, length) => length)
  }

  /** Takes the next bytes of the stream. */
  push(chunk: Uint8Array): void {
    const bytes = new Uint8Array(this.#bytes.length + chunk.length)
    bytes.set(this.#bytes)
    bytes.set(chunk, this.#bytes.length)
    this.#bytes = bytes
  }

  /**
   * Gives the next message; `undefined` when more bytes are needed.
   *
   * @throws `I2C_BUS_GARBLED` for an operation that does not exist: nobody knows where the next message starts then
   */
  next(): BusMessage | undefined {
    const [head, address, high, low] = this.#bytes
    if (head === undefined || address === undefined || high === undefined || low === undefined) return undefined
    const length = (high << 8) | low
    const end = HEADER_BYTES + this.#dataBytes(head, length)
    if (this.#bytes.length < end) return undefined
    const data = this.#bytes.subarray(HEADER_BYTES, end)
    this.#bytes = this.#bytes.subarray(end)
    return { head, address, length, data }
  }
}

const HEADER_BYTES = 4

import { connect, type Socket } from 'node:net'
import { type Cancel, type Fault, type Millis, millis, type Timers } from '@birthmark/foundation/kernel'
import { systemTimers } from '@birthmark/foundation/system'
import { BASE_ADDRESS, encodeMessage, type I2cBus, i2cFault, MessageReader, OPERATION, STATUS } from '../index.ts'
import { type BusAddress, formatAddress, netOptions, systemCode } from './address.ts'

/** How to talk to a chip behind a socket; every part has a default. */
export interface SocketBusOptions {
  /** 7-bit address of the chip; default 0x30. */
  readonly chipAddress?: number
  /** How long the other end may take for one transaction; default {@link TRANSACTION_PATIENCE}. */
  readonly patience?: Millis
  readonly timers?: Timers
}

/**
 * Connects to a virtual chip behind a socket; for the chip this is power-up.
 *
 * @throws `I2C_BUS_UNREACHABLE`
 */
export async function connectBus(address: BusAddress, options: SocketBusOptions = {}): Promise<I2cBus> {
  const socket = connect({ ...netOptions(address), noDelay: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', (error) => {
      const context = { target: formatAddress(address), why: systemCode(error), executed: 'no' }
      reject(i2cFault('I2C_BUS_UNREACHABLE', context, error))
    })
  })
  return new SocketBus(socket, options)
}

/** A transaction that waits for its reply. */
interface Waiting {
  readonly count: number
  readonly resolve: (bytes: Uint8Array) => void
  readonly reject: (fault: Fault) => void
}

class SocketBus implements I2cBus {
  readonly #socket: Socket
  readonly #chipAddress: number
  readonly #patience: Millis
  readonly #timers: Timers
  readonly #reader = MessageReader.forReplies()
  readonly #waiting: Waiting[] = []
  #cancelPatience: Cancel | undefined
  #failure: Fault | undefined

  constructor(socket: Socket, options: SocketBusOptions) {
    this.#socket = socket
    this.#chipAddress = options.chipAddress ?? BASE_ADDRESS
    this.#patience = options.patience ?? TRANSACTION_PATIENCE
    this.#timers = options.timers ?? systemTimers
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    socket.on('error', (error) => this.#fail(i2cFault('I2C_BUS_GONE', {}, error)))
    socket.on('close', () => this.#fail(i2cFault('I2C_BUS_GONE')))
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length > TRANSFER_BYTES_MAX) throw i2cFault('I2C_TRANSFER_TOO_LONG', { count: bytes.length })
    await this.#transact(encodeMessage(OPERATION.WRITE, this.#chipAddress, bytes), 0)
  }

  async read(count: number): Promise<Uint8Array> {
    if (count > TRANSFER_BYTES_MAX) throw i2cFault('I2C_TRANSFER_TOO_LONG', { count })
    return this.#transact(encodeMessage(OPERATION.READ, this.#chipAddress, new Uint8Array(0), count), count)
  }

  async close(): Promise<void> {
    this.#fail(i2cFault('I2C_BUS_GONE'))
  }

  #transact(request: Uint8Array, count: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      this.#waiting.push({ count, resolve, reject })
      if (this.#waiting.length === 1) this.#startPatience()
      this.#socket.write(request)
    })
  }

  #receive(chunk: Uint8Array): void {
    this.#reader.push(chunk)
    for (let reply = this.#reader.next(); reply !== undefined; reply = this.#reader.next()) {
      const waiting = this.#waiting.shift()
      if (waiting === undefined)
        return this.#fail(i2cFault('I2C_BUS_GARBLED', { why: 'an answer that nobody asked for' }))
      this.#cancelPatience?.()
      if (this.#waiting.length > 0) this.#startPatience()
      if (reply.head !== STATUS.ACK) waiting.reject(i2cFault('I2C_NOT_ACKNOWLEDGED'))
      else if (reply.length === waiting.count) waiting.resolve(Uint8Array.from(reply.data))
      else {
        const fault = i2cFault('I2C_BUS_GARBLED', { why: 'an answer of another length' })
        waiting.reject(fault)
        return this.#fail(fault)
      }
    }
  }

  #startPatience(): void {
    this.#cancelPatience = this.#timers.after(this.#patience, () => {
      this.#fail(i2cFault('I2C_BUS_GARBLED', { why: `no answer within ${this.#patience} ms` }))
    })
  }

  /** The first failure is the one that everybody hears. */
  #fail(fault: Fault): void {
    if (this.#failure !== undefined) return
    this.#failure = fault
    this.#cancelPatience?.()
    this.#socket.destroy()
    for (const { reject } of this.#waiting.splice(0)) reject(fault)
  }
}

/** A transaction on the wires takes milliseconds; this is for a chip's process that is busy or stopped. */
export const TRANSACTION_PATIENCE: Millis = millis(5000)

/** Longest transfer, in bytes: what the length field holds. */
const TRANSFER_BYTES_MAX = 0xffff

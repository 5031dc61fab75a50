import { once } from 'node:events'
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls'

/*
 * The clients of `bench/messages.ts`: so little of MQTT 3.1.1 that one core can load any broker. Packets are made once
 * and written by the batch; what arrives is counted, and acknowledged, without making objects of it.
 */

/** Who connects. */
export interface LoadIdentity {
  readonly name: string
  readonly keyPem: string
  readonly certificatePem: string
}

/** A client connection. */
export class LoadClient {
  /** PUBLISH packets that came. */
  received = 0
  /** PUBACK packets that came. */
  acknowledged = 0
  /** Called after each piece of input that held a PUBLISH or PUBACK. */
  onProgress: () => void = () => undefined
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>
  readonly #socket: TLSSocket
  readonly #answers: (() => void)[] = []
  #rest: Buffer = Buffer.alloc(0)
  #nextId = 1

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  /** Connects, and says so when the broker has accepted. @throws when it does not */
  static async connect(port: number, identity: LoadIdentity, rootPem: string): Promise<LoadClient> {
    const { name, keyPem: key, certificatePem: cert } = identity
    const secureContext = createSecureContext({ ca: rootPem, key, cert, minVersion: 'TLSv1.3' })
    const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', secureContext })
    socket.setNoDelay(true)
    // Whoever waits for an answer hears of the close.
    socket.on('error', () => undefined)
    await once(socket, 'secureConnect')
    const client = new LoadClient(socket)
    const login = [...word('MQTT'), 4, 0xc2, 0, 0, ...word(name), ...word(name), ...word(name)]
    // A keep-alive of none, and a user name with a password for a broker that knows its users by them.
    await client.#ask(0x10, login, name)
    return client
  }

  subscribe(filter: string, qos: 0 | 1): Promise<void> {
    return this.#ask(0x82, [0, 1, ...word(filter), qos], filter)
  }

  /** Makes publishing ready: gives a function that sends so many messages at once. */
  publisher(topic: string, payload: Uint8Array, qos: 0 | 1): (count: number) => void {
    const head = qos === 0 ? word(topic) : [...word(topic), 0, 0]
    const packet = Buffer.from([qos === 0 ? 0x30 : 0x32, ...varint(head.length + payload.length), ...head, ...payload])
    const idAt = packet.length - payload.length - 2
    return (count) => {
      const batch = Buffer.allocUnsafe(packet.length * count)
      for (let index = 0; index < count; index++) {
        batch.set(packet, index * packet.length)
        if (qos === 1) batch.writeUInt16BE(this.#takeId(), index * packet.length + idAt)
      }
      this.#socket.write(batch)
    }
  }

  get isOpen(): boolean {
    return !this.#socket.closed
  }

  async close(): Promise<void> {
    this.#socket.end(Uint8Array.of(0xe0, 0))
    await this.closed
  }

  #takeId(): number {
    const id = this.#nextId
    this.#nextId = id === 0xffff ? 1 : id + 1
    return id
  }

  #ask(first: number, body: readonly number[], what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const lost = (): void => reject(new Error(`the broker closed the connection at ${what}`))
      this.#socket.once('close', lost)
      this.#answers.push(() => {
        this.#socket.off('close', lost)
        resolve()
      })
      this.#socket.write(Buffer.from([first, ...varint(body.length), ...body]))
    })
  }

  #take(chunk: Buffer): void {
    const input = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const acknowledgements: number[] = []
    let at = 0
    let hasProgress = false
    for (;;) {
      const frame = frameAt(input, at)
      if (frame === undefined) break
      const type = (input[at] ?? 0) >> 4
      if (type === 3) {
        this.received++
        hasProgress = true
        if (((input[at] ?? 0) & 0x06) !== 0) {
          const idAt = frame.body + 2 + input.readUInt16BE(frame.body)
          acknowledgements.push(0x40, 2, input[idAt] ?? 0, input[idAt + 1] ?? 0)
        }
      } else if (type === 4) {
        this.acknowledged++
        hasProgress = true
      } else this.#answer(input.subarray(at, frame.end))
      at = frame.end
    }
    this.#rest = input.subarray(at)
    if (acknowledgements.length > 0 && this.#socket.writable) this.#socket.write(Buffer.from(acknowledgements))
    if (hasProgress) this.onProgress()
  }

  #answer(packet: Buffer): void {
    const refused = packet[0] === 0x20 ? packet[3] !== 0 : packet.at(-1) === 0x80
    if (refused) this.#socket.destroy()
    else this.#answers.shift()?.()
  }
}

/** Where a packet is. */
export interface Frame {
  /** Offset of what follows the fixed header. */
  readonly body: number
  readonly end: number
}

/** Finds the packet that begins at an offset, when all of it is there. */
export function frameAt(input: Buffer, at: number): Frame | undefined {
  let length = 0
  let shift = 0
  for (let index = at + 1; index < input.length; index++) {
    const byte = input[index] ?? 0
    length |= (byte & 0x7f) << shift
    shift += 7
    if (byte < 0x80) {
      const end = index + 1 + length
      return end <= input.length ? { body: index + 1, end } : undefined
    }
  }
  return undefined
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)]
}

function word(text: string): number[] {
  const bytes = Buffer.from(text)
  return [bytes.length >> 8, bytes.length & 0xff, ...bytes]
}

/*
 * The ceiling of `bench/messages.ts`: a bare Node TLS server of the front's settings that hands each PUBLISH to every
 * subscriber. It knows one topic, asks nobody who they are, checks nothing, keeps nothing.
 *
 *     node bench/messages-relay.ts FOLDER
 *
 * Prints `{"port":…}` when it listens, collects its garbage at each line of its standard input, and ends with it.
 */

import { constants } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createServer, type TLSSocket } from 'node:tls'
import { ENDPOINT_CIPHERS } from '@birthmark/cloud/front'
import { frameAt } from './messages-load.ts'

class Relayed {
  readonly #socket: TLSSocket
  #waiting: Uint8Array[] = []
  #nextId = 1
  #rest: Buffer = Buffer.alloc(0)

  constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('error', () => undefined)
    socket.on('close', () => subscribers.delete(this))
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  /** Writes at the end of this turn. */
  send(bytes: Uint8Array): void {
    if (this.#waiting.length === 0) {
      if (dirty.length === 0) setImmediate(flushAll)
      dirty.push(this)
    }
    this.#waiting.push(bytes)
  }

  /** Sends on a PUBLISH; of QoS 1, under a packet identifier of its own. */
  relay(packet: Buffer, idAt: number | undefined): void {
    if (idAt === undefined) return this.send(packet)
    const copy = Buffer.from(packet)
    copy.writeUInt16BE(this.#nextId, idAt)
    this.#nextId = this.#nextId === 0xffff ? 1 : this.#nextId + 1
    this.send(copy)
  }

  flush(): void {
    if (this.#socket.writable) this.#socket.write(Buffer.concat(this.#waiting))
    this.#waiting = []
  }

  #take(chunk: Buffer): void {
    const input = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    for (let frame = frameAt(input, at); frame !== undefined; frame = frameAt(input, at)) {
      this.#packet(input.subarray(at, frame.end), frame.body - at)
      at = frame.end
    }
    this.#rest = input.subarray(at)
  }

  #packet(packet: Buffer, body: number): void {
    const [first = 0] = packet
    if (first >> 4 === CONNECT) this.send(Uint8Array.of(0x20, 2, 0, 0))
    else if (first >> 4 === SUBSCRIBE) {
      subscribers.add(this)
      this.send(Uint8Array.of(0x90, 3, packet[body] ?? 0, packet[body + 1] ?? 0, packet.at(-1) ?? 0))
    } else if (first >> 4 === PUBLISH) {
      const idAt = (first & 0x06) === 0 ? undefined : body + 2 + packet.readUInt16BE(body)
      if (idAt !== undefined) this.send(Uint8Array.of(0x40, 2, packet[idAt] ?? 0, packet[idAt + 1] ?? 0))
      for (const subscriber of subscribers) subscriber.relay(packet, idAt)
    }
  }
}

const CONNECT = 1
const PUBLISH = 3
const SUBSCRIBE = 8

const subscribers = new Set<Relayed>()
let dirty: Relayed[] = []

function flushAll(): void {
  const flushing = dirty
  dirty = []
  for (const relayed of flushing) relayed.flush()
}

const [folder = ''] = process.argv.slice(2)
const server = createServer(
  {
    key: readFileSync(join(folder, 'endpoint.key.pem')),
    cert: readFileSync(join(folder, 'endpoint.pem')),
    ca: [],
    requestCert: true,
    rejectUnauthorized: false,
    ciphers: ENDPOINT_CIPHERS,
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    noDelay: true,
  },
  (socket) => new Relayed(socket),
)
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(JSON.stringify({ port: typeof address === 'object' ? address?.port : undefined }))
})
for await (const _ of createInterface({ input: process.stdin })) {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  console.log('{}')
}
process.exit(0)

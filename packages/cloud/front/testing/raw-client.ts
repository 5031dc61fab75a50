/** An MQTT client that sends what it is told, right or wrong, to the listener without TLS. */
import assert from 'node:assert/strict'
import { connect as connectTcp, type Socket } from 'node:net'
import {
  type Connack,
  type Connect,
  encodePacket,
  NO_PROPERTIES,
  type Packet,
  PacketDecoder,
  type ProtocolVersion,
  type Publish,
  type Subscribe,
  type SubscriptionRequest,
} from '@birthmark/cloud/mqtt'
import { fromHex } from '@birthmark/foundation/kernel'

let clients = 0

export class RawClient {
  readonly version: ProtocolVersion
  readonly #socket: Socket
  readonly #decoder: PacketDecoder
  readonly #packets: Packet[] = []
  #isClosed = false
  /** Whether what comes is not looked at: it may be of any version. */
  #isDeaf = false
  #look: () => void = () => undefined

  private constructor(socket: Socket, version: ProtocolVersion) {
    this.version = version
    this.#socket = socket
    this.#decoder = new PacketDecoder({ version, packetBytesMax: 10_000_000 })
    socket.on('data', (chunk: Buffer) => {
      if (this.#isDeaf) return
      this.#decoder.push(chunk)
      for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
        this.#packets.push(packet)
      }
      this.#look()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#isClosed = true
      this.#look()
    })
  }

  /** Opens a connection and sends nothing. */
  static async open(port: number, version: ProtocolVersion): Promise<RawClient> {
    const socket = connectTcp({ host: '127.0.0.1', port, noDelay: true })
    const client = new RawClient(socket, version)
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return client
  }

  /** Opens a connection and is let in. */
  static async in(port: number, version: ProtocolVersion, changes: Partial<Connect> = {}): Promise<RawClient> {
    const client = await RawClient.open(port, version)
    const connack = await client.connect(changes)
    assert.equal(connack.reasonCode, 0)
    return client
  }

  /** Sends a CONNECT with a client id of its own, and gives the answer. */
  async connect(changes: Partial<Connect> = {}): Promise<Connack> {
    this.send(connectPacket(this.version, changes))
    const answer = await this.next()
    assert.ok(answer !== 'closed' && answer.type === 'connack', `no CONNACK but ${JSON.stringify(answer)}`)
    return answer
  }

  send(packet: Packet): void {
    this.#socket.write(encodePacket(packet, this.version))
  }

  /** Sends bytes that are written in hex, spaces allowed. */
  sendHex(text: string): void {
    this.#socket.write(fromHex(text.replaceAll(' ', '')))
  }

  /** Gives the next packet that comes, or that none comes any more. */
  async next(): Promise<Packet | 'closed'> {
    for (;;) {
      const packet = this.#packets.shift()
      if (packet !== undefined) return packet
      if (this.#isClosed) return 'closed'
      await new Promise<void>((resolve) => {
        this.#look = resolve
      })
    }
  }

  /** Gives the next packet, which must be of this type. */
  async expect<Type extends Packet['type']>(type: Type): Promise<Packet & { readonly type: Type }> {
    const packet = await this.next()
    assert.ok(packet !== 'closed' && packet.type === type, `no ${type} but ${JSON.stringify(packet)}`)
    return packet as Packet & { readonly type: Type }
  }

  /** Waits until the server closes; gives the reason code of its DISCONNECT or CONNACK, if one came before. */
  async ended(): Promise<number | undefined> {
    let code: number | undefined
    for (let packet = await this.next(); packet !== 'closed'; packet = await this.next()) {
      if (packet.type === 'disconnect' || packet.type === 'connack') code = packet.reasonCode
    }
    return code
  }

  /** Waits until the server closes, whatever it says before. */
  async closed(): Promise<void> {
    this.#isDeaf = true
    await this.ended()
  }

  async subscribe(filter: string, changes: Partial<SubscriptionRequest> = {}, identifier?: number): Promise<number> {
    const plain = { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    const properties = identifier === undefined ? NO_PROPERTIES : { subscriptionIdentifiers: [identifier] }
    const packet: Subscribe = {
      type: 'subscribe',
      packetId: 77,
      subscriptions: [{ ...plain, ...changes }],
      properties,
    }
    this.send(packet)
    const { packetId, reasonCodes } = await this.expect('suback')
    assert.equal(packetId, 77)
    return reasonCodes[0] ?? -1
  }

  publish(topic: string, changes: Partial<Publish> = {}): void {
    this.send(publishPacket(topic, changes))
  }

  /** Shows that nothing else came before: the next packet answers a PINGREQ. */
  async silent(): Promise<void> {
    this.send({ type: 'pingreq' })
    await this.expect('pingresp')
  }

  /** Breaks the connection without a word. */
  vanish(): void {
    this.#socket.destroy()
  }

  bye(): void {
    this.send({ type: 'disconnect', reasonCode: 0, properties: NO_PROPERTIES })
    this.#socket.end()
  }
}

/** A plain CONNECT with a client id that nobody else has. */
export function connectPacket(protocolVersion: ProtocolVersion, changes: Partial<Connect> = {}): Connect {
  clients++
  return {
    type: 'connect',
    protocolVersion,
    clientId: `raw-${clients}`,
    cleanStart: true,
    keepAlive: 60,
    will: undefined,
    userName: undefined,
    password: undefined,
    properties: NO_PROPERTIES,
    ...changes,
  }
}

/** A plain PUBLISH of QoS 0, or 1 with packet identifier 1 unless it is another. */
export function publishPacket(topic: string, changes: Partial<Publish> = {}): Publish {
  const qos = changes.qos ?? 0
  const packetId = qos === 0 ? undefined : 1
  const plain = { payload: Uint8Array.of(1), qos, retain: false, dup: false, packetId, properties: NO_PROPERTIES }
  return { type: 'publish', topic, ...plain, ...changes }
}

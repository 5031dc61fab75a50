/** Waiting for what an MQTT client goes through, without timers. */
import type { IConnackPacket, IPublishPacket, MqttClient } from 'mqtt'

/** Resolves with the CONNACK; rejects when the connection ends without one that lets the client in. */
export function connected(client: MqttClient): Promise<IConnackPacket> {
  return new Promise((resolve, reject) => {
    client.once('connect', resolve)
    client.once('close', () => reject(new Error('closed before it was let in')))
  })
}

/** How a connection ended, as its client saw it. */
export interface ClientEnd {
  /** The reason code of the CONNACK or DISCONNECT that came, if one did. */
  readonly code: number | undefined
}

/** Resolves when the client's connection is closed. */
export function closed(client: MqttClient): Promise<ClientEnd> {
  return new Promise((resolve) => {
    let code: number | undefined
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'connack') code = packet.reasonCode ?? packet.returnCode
      if (packet.cmd === 'disconnect') code = packet.reasonCode
    })
    client.once('close', () => resolve({ code }))
  })
}

/** Collects the messages that a client gets. */
export class Inbox {
  readonly messages: { readonly topic: string; readonly payload: string; readonly qos: number }[] = []
  readonly #waiting = new Set<() => void>()

  constructor(client: MqttClient) {
    client.on('message', (topic: string, payload: Buffer, packet: IPublishPacket) => {
      this.messages.push({ topic, payload: payload.toString(), qos: packet.qos })
      for (const check of this.#waiting) check()
    })
  }

  /** Resolves with the payloads once there are `count` of them. */
  until(count: number): Promise<readonly string[]> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.messages.length < count) return
        this.#waiting.delete(check)
        resolve(this.messages.map(({ payload }) => payload))
      }
      this.#waiting.add(check)
      check()
    })
  }
}

/** Gives the first message that a client gets from now on. */
export function firstMessage(client: MqttClient): Promise<{ readonly topic: string; readonly payload: Buffer }> {
  return new Promise((resolve) => client.once('message', (topic, payload) => resolve({ topic, payload })))
}

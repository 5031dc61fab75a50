import { connect as connectTcp, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connectTls } from '@birthmark/device/tls'
import { type Clock, type Entropy, messageOf, type Timers } from '@birthmark/foundation/kernel'
import { SoftwareSigner } from '@birthmark/foundation/x509'
import { MqttClient } from 'mqtt'
import { agentFault } from './faults.ts'
import type { DeviceIdentity } from './identity.ts'
import { connectNodeTls } from './node-tls.ts'

/** Where a device connects to. */
export interface Endpoint {
  /** Name that the endpoint's certificate must carry; it is sent as SNI. */
  readonly host: string
  readonly port: number
}

/** What a device's connection needs from outside. */
export interface DevicePorts {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly timers: Timers
}

/** A device online. */
export interface DeviceConnection {
  /**
   * Publishes at QoS 1 and resolves when the endpoint has acknowledged it.
   *
   * @throws `PUBLISH_REFUSED` when the endpoint answers otherwise or closes the connection
   */
  publish(topic: string, payload: string): Promise<void>
  /**
   * Subscribes at QoS 1 and resolves when the endpoint has granted it.
   *
   * @throws `SUBSCRIPTION_REFUSED`
   */
  subscribe(filter: string): Promise<void>
  /** Has `take` called with each message from now on; the function that comes back ends that. */
  onMessage(take: (topic: string, payload: Uint8Array) => void): () => void
  /** Resolves when the connection is over, however that came. */
  readonly closed: Promise<void>
  /** Says DISCONNECT and closes. */
  close(): Promise<void>
}

/**
 * Connects once: TCP, TLS with the element's key, MQTT CONNECT.
 *
 * @throws `ENDPOINT_UNREACHABLE`, `ENDPOINT_NOT_TRUSTED`, `CONNECTION_DROPPED`, `CONNECTION_REFUSED`, and the faults of
 * `device/tls`
 */
export async function connectOnce(
  identity: DeviceIdentity,
  endpoint: Endpoint,
  clientId: string,
  ports: DevicePorts,
): Promise<DeviceConnection> {
  const socket = await openSocket(endpoint)
  try {
    return await openMqtt(await shakeHands(socket, endpoint.host, identity, ports), clientId)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** A key in this process is for OpenSSL to use; one in an element signs where it is. */
function shakeHands(
  socket: Socket,
  host: string,
  identity: DeviceIdentity,
  { clock, entropy, timers }: DevicePorts,
): Promise<Duplex> {
  const { signer, certificate, trustAnchor, otherAnchors = [] } = identity
  const alpn = [MQTT_ALPN]
  if (signer instanceof SoftwareSigner)
    return connectNodeTls(socket, host, { ...identity, signer }, { alpn, entropy, timers })
  const anchors = [trustAnchor, ...otherAnchors]
  const own = { certificates: [certificate], signer }
  return connectTls({ transport: socket, host, alpn, anchors, identity: own, clock, entropy, timers })
}

function openSocket({ host, port }: Endpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, noDelay: true })
    const refuse = (error: Error): void => {
      reject(agentFault('ENDPOINT_UNREACHABLE', { host, port, why: error.message }, error))
    }
    socket.once('error', refuse)
    socket.once('connect', () => {
      socket.off('error', refuse)
      resolve(socket)
    })
  })
}

function openMqtt(stream: Duplex, clientId: string): Promise<DeviceConnection> {
  const client = new MqttClient(() => stream, {
    clientId,
    protocolVersion: 5,
    clean: true,
    keepalive: KEEP_ALIVE_S,
    reconnectPeriod: 0,
    connectTimeout: CONNACK_TIMEOUT_MS,
    queueQoSZero: false,
  })
  return new Promise((resolve, reject) => {
    let last: unknown
    client.on('error', (error) => {
      last = error
    })
    client.once('connect', () => resolve(deviceConnection(client, () => last)))
    client.once('close', () => {
      client.end(true)
      reject(connectFailure(last))
    })
  })
}

/** A CONNACK with a reason code is a refusal; a stream that just ends is a drop. */
function connectFailure(last: unknown): Error {
  if (last instanceof Error && 'code' in last && typeof last.code === 'number') {
    return agentFault('CONNECTION_REFUSED', { reason: last.message }, last)
  }
  return agentFault('CONNECTION_DROPPED', {}, last)
}

function deviceConnection(client: MqttClient, lastError: () => unknown): DeviceConnection {
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
  return {
    publish: (topic, payload) =>
      new Promise((resolve, reject) => {
        const lost = (): void => {
          const last = lastError()
          const why = last === undefined ? 'the endpoint closed the connection' : messageOf(last)
          reject(agentFault('PUBLISH_REFUSED', { topic, why }, last))
        }
        if (!client.connected) return lost()
        client.once('close', lost)
        client.publish(topic, payload, { qos: 1 }, (error) => {
          client.off('close', lost)
          if (error) reject(agentFault('PUBLISH_REFUSED', { topic, why: error.message }, error))
          else resolve()
        })
      }),
    subscribe: (topic) =>
      new Promise((resolve, reject) => {
        const refuse = (why: string, cause?: unknown): void =>
          reject(agentFault('SUBSCRIPTION_REFUSED', { topic, why }, cause))
        const lost = (): void => refuse('the endpoint closed the connection', lastError())
        if (!client.connected) return lost()
        client.once('close', lost)
        client.subscribe(topic, { qos: 1 }, (error, granted) => {
          client.off('close', lost)
          const isRefused = granted?.some(({ qos }) => qos >= REASON_FAILED_MIN) === true
          if (error) refuse(error.message, error)
          else if (isRefused) refuse('it is not granted')
          else resolve()
        })
      }),
    onMessage: (take) => {
      const listener = (topic: string, payload: Uint8Array): void => take(topic, payload)
      client.on('message', listener)
      return () => void client.off('message', listener)
    },
    closed,
    close: () => new Promise((resolve) => client.end(false, {}, () => resolve())),
  }
}

/** A SUBACK's codes from here on are failures (MQTT 5.0 §3.9.3). */
const REASON_FAILED_MIN = 0x80
/** The protocol name that AWS IoT expects from certificate clients on a shared port; harmless on 8883. */
const MQTT_ALPN = 'x-amzn-mqtt-ca'
/** AWS's upper bound, so that a quiet device costs least. */
const KEEP_ALIVE_S = 1200
/** How long a CONNACK may take; a slow link needs a few seconds, a dead one none. */
const CONNACK_TIMEOUT_MS = 30_000

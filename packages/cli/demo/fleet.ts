import type { SecureElement } from '@birthmark/chip'
import {
  type Backoff,
  comeOnline,
  type DeviceConnection,
  type DeviceIdentity,
  type Endpoint,
  loadIdentity,
} from '@birthmark/device/agent'
import { isFault, millis, seconds, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'

/** A device: a personalised element, and who it is. */
export interface FleetDevice {
  readonly identity: DeviceIdentity
  /** The certificate's common name: the name of its thing and its MQTT client id. */
  readonly name: string
}

/** How a fleet came online. */
export interface FleetResult {
  /** Moments of the process's clock, in milliseconds, at which the first connection of each device had ended. */
  readonly firstConnectionEnds: readonly number[]
  readonly startedAt: number
  readonly finishedAt: number
  /** Connections beyond the two that a first boot takes, over all devices. */
  readonly extraConnections: number
}

/** Boots a device: reads its identity from its element, as firmware does. */
export async function bootDevice(element: SecureElement): Promise<FleetDevice> {
  const identity = await loadIdentity(element)
  const name = identity.certificate.subject.find(({ type }) => type === 'CN')?.value ?? identity.certificate.fingerprint
  return { identity, name }
}

/**
 * Brings every device online and has each publish to its own topic, again and again until the cloud has acknowledged
 * it: the first connection is dropped once the device is provisioned, and the cloud itself may be gone for a while.
 */
export async function bringFleetOnline(
  devices: readonly FleetDevice[],
  endpoint: Endpoint,
  onOnline: () => void = () => undefined,
): Promise<FleetResult> {
  const startedAt = performance.now()
  const firstConnectionEnds: number[] = []
  let connections = 0
  const queue = devices.values()
  const worker = async (): Promise<void> => {
    for (const device of queue) {
      const taken = await publishOnce(device, endpoint, () => firstConnectionEnds.push(performance.now()))
      connections += taken
      onOnline()
    }
  }
  await Promise.all(Array.from({ length: DEVICES_AT_ONCE_MAX }, worker))
  const extraConnections = connections - 2 * devices.length
  return { firstConnectionEnds, startedAt, finishedAt: performance.now(), extraConnections }
}

/** Gives how many connections it took until one message of the device was acknowledged. */
async function publishOnce(device: FleetDevice, endpoint: Endpoint, onFirstEnd: () => void): Promise<number> {
  let connections = 0
  for (;;) {
    const online = await connectDevice(device, endpoint, connections === 0 ? onFirstEnd : undefined)
    connections += online.attempts
    try {
      await online.connection.publish(telemetryTopic(device.name), telemetry())
      return connections
    } catch (error) {
      if (!isFault(error, 'PUBLISH_REFUSED')) throw error
    } finally {
      await online.connection.close()
    }
  }
}

/** Connects a device with patience for a first boot. */
export async function connectDevice(
  device: FleetDevice,
  endpoint: Endpoint,
  onFirstEnd?: () => void,
  attemptsMax: number = ATTEMPTS_MAX,
): Promise<{ readonly connection: DeviceConnection; readonly attempts: number }> {
  return comeOnline({
    identity: device.identity,
    endpoint,
    clientId: device.name,
    backoff: DEMO_BACKOFF,
    attemptsMax,
    onFailedTry: (attempt) => {
      if (attempt === 1) onFirstEnd?.()
    },
    clock: systemClock,
    entropy: systemEntropy,
    timers: systemTimers,
    log: silentLog,
  })
}

/** The topic that a device of this name may publish to. */
export function telemetryTopic(name: string): string {
  return `dt/${name}/telemetry`
}

function telemetry(): string {
  const [byte = 0] = systemEntropy.bytes(1)
  return JSON.stringify({ temperature: 20 + (byte % 50) / 10 })
}

/** A device in the field waits longer; here the wait is long enough to see and to spread a hundred devices. */
const DEMO_BACKOFF: Backoff = { firstDelayMax: millis(500), delayMax: seconds(5) }
/** Tries before the demo gives up on a device: five minutes of a cloud that is away. */
const ATTEMPTS_MAX = 120
/** Devices that boot side by side, their waits included; each costs a socket and a handshake under way. */
const DEVICES_AT_ONCE_MAX = 256

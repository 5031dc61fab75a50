import type { Endpoint } from '@birthmark/device/agent'
import { isFault } from '@birthmark/foundation/kernel'
import { type AttemptView, readAttempts } from '../attempts.ts'
import type { CloudAccess } from '../cloud-client.ts'
import { demoFault } from './faults.ts'
import { connectDevice, type FleetDevice, telemetryTopic } from './fleet.ts'

/** A refusal as the cloud recorded it. */
export interface Refusal {
  readonly what: string
  readonly code: string
  readonly reason: string
  readonly remedy: string
}

/**
 * Has `device` publish to the topic of `other`, which its policy does not allow.
 *
 * @throws `DEMO_NOT_REFUSED`
 */
export async function publishToForeignTopic(
  device: FleetDevice,
  other: FleetDevice,
  endpoint: Endpoint,
  access: CloudAccess,
): Promise<Refusal> {
  const what = `${device.name} publishes to ${telemetryTopic(other.name)}`
  const { connection } = await connectDevice(device, endpoint)
  try {
    await connection.publish(telemetryTopic(other.name), '{}')
  } catch (error) {
    if (!isFault(error, 'PUBLISH_REFUSED')) throw error
    return await recordedRefusal(device, what, access)
  } finally {
    await connection.close()
  }
  throw demoFault('DEMO_NOT_REFUSED', { what })
}

/**
 * Has a device connect whose certificate comes from a CA that nobody registered.
 *
 * @throws `DEMO_NOT_REFUSED`
 */
export async function connectAsStranger(
  stranger: FleetDevice,
  endpoint: Endpoint,
  access: CloudAccess,
): Promise<Refusal> {
  const what = `${stranger.name} connects with a certificate of a CA that is not registered`
  try {
    const { connection } = await connectDevice(stranger, endpoint, undefined, 1)
    await connection.close()
  } catch (error) {
    if (!isFault(error, 'TRIES_EXHAUSTED')) throw error
    return recordedRefusal(stranger, what, access)
  }
  throw demoFault('DEMO_NOT_REFUSED', { what })
}

async function recordedRefusal(device: FleetDevice, what: string, access: CloudAccess): Promise<Refusal> {
  const certificateId = device.identity.certificate.fingerprint
  const attempts = await readAttempts(access, { certificateId, limit: '10' })
  const cause = attempts.map((attempt: AttemptView) => attempt.cause).find((found) => found !== undefined)
  if (cause === undefined)
    throw demoFault('DEMO_NOT_REFUSED', { what: `${what}: no cause is on record, so it seems it` })
  return { what, ...cause }
}

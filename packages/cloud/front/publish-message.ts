import { TAKEN } from '@birthmark/cloud/bus'
import { type Message, serviceOf } from '@birthmark/cloud/mqtt'
import type { ClientSession } from '@birthmark/cloud/sessions'
import type { ConnectionPorts } from './connection-ports.ts'
import type { ServiceRequest, TopicService } from './topic-service.ts'

/** Whose message it is. */
export interface Publisher {
  /** What outlives its connection; absent when nothing does. */
  readonly durable: ClientSession | undefined
  /** Makes of a message a request to a service. */
  readonly request: (message: Message) => ServiceRequest
}

/**
 * Gives a client's message to the service whose topic it has, or to the bus.
 *
 * @param packetId Of a message of QoS 1 or 2, but for a will.
 * @returns resolves when it is taken, and rejects when it is not; `undefined` when it is taken already
 */
export function publishMessage(
  message: Message,
  packetId: number | undefined,
  { durable, request }: Publisher,
  ports: ConnectionPorts,
): Promise<void> | undefined {
  const service = serviceFor(message.topic, ports)
  let taken: Promise<void> | undefined
  if (service?.receive === undefined) taken = ports.bus.publish(message)
  else service.receive(request(message))
  const noted = message.qos === 2 && packetId !== undefined ? durable?.receive(packetId) : undefined
  if (noted === undefined || packetId === undefined) return taken === TAKEN ? undefined : taken
  // In one turn with what the receivers keep: either both are on disk, or none.
  return Promise.all([taken, noted]).then(
    () => undefined,
    (error: unknown) => {
      void durable?.forget(packetId)
      throw error
    },
  )
}

function serviceFor(topic: string, { services }: ConnectionPorts): TopicService | undefined {
  const name = serviceOf(topic)
  return name === undefined ? undefined : services.get(name)
}

import type { Bus } from '@birthmark/cloud/bus'
import type { Message } from '@birthmark/cloud/mqtt'
import { type Log, messageOf } from '@birthmark/foundation/kernel'
import type { ScopedRetained } from './retained-messages.ts'

/**
 * Makes a bus keep what is published with RETAIN, whoever publishes: a client, a will, a rule, the HTTP data plane. A
 * QoS 1 publish resolves when it is on disk. One of QoS 0 that could not be kept is logged.
 */
export function retainingBus(bus: Bus, retained: ScopedRetained, log: Log): Bus {
  const publish = bus.publish.bind(bus)
  bus.publish = (message: Message): Promise<void> => {
    const taken = publish(message)
    if (message.retain !== true) return taken
    const kept = retained.put(message)
    if (message.qos > 0) return Promise.all([taken, kept]).then(() => undefined)
    kept.catch((error: unknown) =>
      log.write('error', 'retained.put-failed', { topic: message.topic, why: messageOf(error) }),
    )
    return taken
  }
  return bus
}

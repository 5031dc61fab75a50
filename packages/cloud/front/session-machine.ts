import {
  type AcceptedConnect,
  type Delivery,
  type QoS,
  ServerSession,
  type SessionInput,
  type SessionPolicy,
  type StoredMark,
} from '@birthmark/cloud/mqtt'
import type { ClientSession } from '@birthmark/cloud/sessions'
import type { ConnectionPorts } from './connection-ports.ts'

/** Makes the machine of one connection, which goes on where the last one of its session ended. */
export function sessionMachine(
  client: {
    readonly accepted: AcceptedConnect
    readonly connectionId: string
    readonly policy: SessionPolicy
    readonly durable: ClientSession | undefined
  },
  { bus, clock, deniedSubscribe, profile, retained, serviceNames }: ConnectionPorts,
): ServerSession {
  const { durable, ...own } = client
  return new ServerSession({
    ...own,
    profile,
    services: serviceNames,
    deniedSubscribe,
    ...(durable !== undefined && {
      resumed: durable.subscriptions.map(({ filter }) => filter),
      resumedReceived: durable.received,
    }),
    ...(retained !== undefined && { retainRefusal: (topic, deletes) => retained.refusal(topic, deletes) }),
    mayShare: (filter) => bus.mayShare(filter),
    now: clock.now(),
  })
}

/** Says to a machine that the bus has a message for it. */
export function delivering(delivery: Delivery, qos: QoS, stored: StoredMark | undefined): SessionInput {
  return stored === undefined ? { on: 'deliver', delivery, qos } : { on: 'deliver', delivery, qos, stored }
}

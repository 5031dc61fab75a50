import type { Bus } from '@birthmark/cloud/bus'
import {
  type AwsEvent,
  connectedEvent,
  connectFailedEvent,
  type DisconnectReason,
  disconnectedEvent,
  type PresenceFacts,
  PresenceVersions,
  type SubscriptionFacts,
  subscriptionEvent,
} from '@birthmark/cloud/events'
import { type BrokerProfile, NO_PROPERTIES, parseTopicName, type SessionEnd } from '@birthmark/cloud/mqtt'
import { type Clock, encodeUtf8, isFault, type Log, messageOf } from '@birthmark/foundation/kernel'

/** What telling of connections needs. */
export interface PresenceOptions {
  readonly bus: Bus
  readonly profile: BrokerProfile
  readonly clock: Clock
  readonly log: Log
}

/** Tells the subscribers of `$aws/events/presence/…` and `…/subscriptions/…` what clients of one scope do. */
export class Presence {
  readonly #options: PresenceOptions
  readonly #versions = new PresenceVersions()

  constructor(options: PresenceOptions) {
    this.#options = options
  }

  /** Gives the version number of the connection, for {@link disconnected}. */
  connected(facts: PresenceFacts): number {
    const version = this.#versions.connected(facts.clientId, facts.at)
    this.publish(connectedEvent(facts, version))
    return version
  }

  disconnected(facts: PresenceFacts, reason: DisconnectReason, version: number): void {
    this.#versions.disconnected(facts.clientId, facts.at)
    this.publish(disconnectedEvent(facts, reason, version))
  }

  failed(facts: PresenceFacts): void {
    this.publish(connectFailedEvent(facts))
  }

  subscription(facts: SubscriptionFacts): void {
    this.publish(subscriptionEvent(facts))
  }

  /** Publishes an event; that nobody could be told changes nothing of what happened. */
  publish(event: AwsEvent | undefined): void {
    if (event === undefined) return
    const { bus, profile, clock, log } = this.#options
    const complain = (error: unknown): void =>
      log.write('error', 'front.publish-failed', { topic: event.topic, why: messageOf(error) })
    try {
      // A client id may have more levels than a topic; such a client has no events.
      const topic = parseTopicName(event.topic, profile)
      const payload = encodeUtf8(JSON.stringify(event.payload))
      const { clientId } = event
      const origin = { qos: 1, properties: NO_PROPERTIES, publisher: undefined, receivedAt: clock.now() } as const
      bus.publish({ topic, payload, clientId, ...origin }).catch(complain)
    } catch (error) {
      if (!isFault(error, 'MQTT_TOPIC_TOO_DEEP') && !isFault(error, 'MQTT_TOPIC_TOO_LONG')) complain(error)
    }
  }
}

/** {@link Presence} as the front needs it, in this process or in another. */
export type PresencePort = Pick<Presence, 'connected' | 'disconnected' | 'failed' | 'subscription' | 'publish'>

/** Says what is true of a client when it is asked. */
export interface PresentClient {
  presenceFacts(): PresenceFacts
}

/** What one session tells of itself: that it began, each change of its subscriptions, that it ended. */
export class SessionPresence {
  readonly #presence: PresencePort
  readonly #client: PresentClient
  readonly #version: number
  /** Filters of the packet that is being worked on. */
  #filters: string[] | undefined

  /** Tells that a client is connected. */
  constructor(presence: PresencePort, client: PresentClient) {
    this.#presence = presence
    this.#client = client
    this.#version = presence.connected(client.presenceFacts())
  }

  /** A filter was subscribed to, or unsubscribed from. */
  changed(filter: string): void {
    this.#filters ??= []
    this.#filters.push(filter)
  }

  /** A packet of this type has been worked on: what it changed is told in one event. */
  settle(packet: string): void {
    if (this.#filters === undefined) return
    const what = packet === 'subscribe' ? 'subscribed' : 'unsubscribed'
    this.#presence.subscription({ ...this.#client.presenceFacts(), what, topics: this.#filters })
    this.#filters = undefined
  }

  ended(reason: DisconnectReason): void {
    this.#presence.disconnected(this.#client.presenceFacts(), reason, this.#version)
  }
}

/** Says in AWS's words why a session ended (developer guide, Lifecycle events). */
export function disconnectReasonOf(end: SessionEnd): DisconnectReason {
  switch (end.because) {
    case 'disconnected':
      return 'CLIENT_INITIATED_DISCONNECT'
    case 'connection-lost':
      return 'CONNECTION_LOST'
    case 'denied':
      return 'FORBIDDEN_ACCESS'
    case 'fault':
      return end.fault.code === 'MQTT_KEEP_ALIVE_TIMEOUT' ? 'MQTT_KEEP_ALIVE_TIMEOUT' : 'CLIENT_ERROR'
    case 'ordered':
      return REASON_BY_ORDER[end.order]
  }
}

const REASON_BY_ORDER: Readonly<Record<Extract<SessionEnd, { because: 'ordered' }>['order'], DisconnectReason>> = {
  'taken-over': 'DUPLICATE_CLIENTID',
  'shutting-down': 'SERVER_INITIATED_DISCONNECT',
  administrative: 'API_INITIATED_DISCONNECT',
  'not-authorized': 'AUTH_ERROR',
  'server-error': 'SERVER_ERROR',
}

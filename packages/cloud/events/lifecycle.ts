import type { Instant } from '@birthmark/foundation/kernel'
import type { AwsEvent } from './event.ts'

/*
 * Lifecycle events (AWS IoT Core developer guide, Lifecycle events): always on, on `$aws/events/presence/…` and
 * `$aws/events/subscriptions/…`. Moments are milliseconds.
 */

/** Why a connection ended, in AWS's words (developer guide, Lifecycle events, table of disconnect reasons). */
export type DisconnectReason =
  | 'AUTH_ERROR'
  | 'CLIENT_INITIATED_DISCONNECT'
  | 'CLIENT_ERROR'
  | 'CONNECTION_LOST'
  | 'DUPLICATE_CLIENTID'
  | 'FORBIDDEN_ACCESS'
  | 'MQTT_KEEP_ALIVE_TIMEOUT'
  | 'SERVER_ERROR'
  | 'SERVER_INITIATED_DISCONNECT'
  | 'API_INITIATED_DISCONNECT'
  | 'THROTTLED'
  | 'WEBSOCKET_TTL_EXPIRATION'
  | 'CUSTOMAUTH_TTL_EXPIRATION'

/** Who connected, and when. */
export interface PresenceFacts {
  readonly clientId: string
  readonly at: Instant
  /** UUID of the connection: the same in its events. */
  readonly sessionIdentifier: string
  /** The certificate's id. */
  readonly principalIdentifier: string
  readonly ipAddress: string
  /** Only where the certificate is attached to one thing exclusively. */
  readonly thingName: string | undefined
}

/** Who subscribed or unsubscribed, and to what. */
export type SubscriptionFacts = Omit<PresenceFacts, 'ipAddress' | 'thingName'> & {
  readonly what: 'subscribed' | 'unsubscribed'
  readonly topics: readonly string[]
}

/** A client is connected. @param versionNumber See `PresenceVersions`. */
export function connectedEvent(facts: PresenceFacts, versionNumber: number): AwsEvent | undefined {
  return event('presence/connected', facts.clientId, {
    ...leading(facts, 'connected'),
    ...trailing(facts),
    ipAddress: facts.ipAddress,
    versionNumber,
  })
}

/** A client is not connected any more. @param versionNumber That of its {@link connectedEvent}. */
export function disconnectedEvent(
  facts: PresenceFacts,
  disconnectReason: DisconnectReason,
  versionNumber: number,
): AwsEvent | undefined {
  return event('presence/disconnected', facts.clientId, {
    ...leading(facts, 'disconnected'),
    ...trailing(facts),
    clientInitiatedDisconnect: disconnectReason === 'CLIENT_INITIATED_DISCONNECT',
    disconnectReason,
    versionNumber,
  })
}

/** A client with a known certificate was not let in, because of its status or its policies. */
export function connectFailedEvent(facts: PresenceFacts): AwsEvent | undefined {
  return event('presence/connect_failed', facts.clientId, {
    ...leading(facts, 'connect_failed'),
    connectFailureReason: 'AUTHORIZATION_FAILED',
    ...trailing(facts),
    ipAddress: facts.ipAddress,
  })
}

/** A client has subscribed or unsubscribed; `topics` are the filters of one packet that were granted. */
export function subscriptionEvent(facts: SubscriptionFacts): AwsEvent | undefined {
  const { clientId, at, what, topics } = facts
  const head = { clientId, timestamp: at, eventType: what }
  return event(`subscriptions/${what}`, clientId, { ...head, ...trailing(facts), topics })
}

function leading({ clientId, thingName, at }: PresenceFacts, eventType: string): Record<string, unknown> {
  return { clientId, ...(thingName === undefined ? {} : { thingName }), timestamp: at, eventType }
}

function trailing({
  sessionIdentifier,
  principalIdentifier,
}: Pick<PresenceFacts, 'sessionIdentifier' | 'principalIdentifier'>): Record<string, unknown> {
  return { sessionIdentifier, principalIdentifier }
}

/** Client ids with `#` or `+` have no events (developer guide, Lifecycle events): no topic could carry them. */
function event(kind: string, clientId: string, payload: Readonly<Record<string, unknown>>): AwsEvent | undefined {
  return /[#+]/.test(clientId) ? undefined : { topic: `$aws/events/${kind}/${clientId}`, payload }
}

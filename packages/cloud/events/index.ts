/** What AWS IoT Core tells about connections and the registry on `$aws/events/…`: topics and payloads. Pure. */
export type { AwsEvent } from './event.ts'
export {
  connectedEvent,
  connectFailedEvent,
  type DisconnectReason,
  disconnectedEvent,
  type PresenceFacts,
  type SubscriptionFacts,
  subscriptionEvent,
} from './lifecycle.ts'
export { PresenceVersions } from './presence-versions.ts'
export { registeredEvent } from './registered.ts'
export {
  type EventHead,
  hierarchyEvent,
  membershipEvent,
  type Operation,
  type ThingGroupFacts,
  thingEvent,
  thingGroupEvent,
  thingTypeEvent,
  typeAssociationEvent,
} from './registry-events.ts'

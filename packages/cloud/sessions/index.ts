/** MQTT sessions that outlive their connections: their subscriptions, and the messages that wait for their clients. */
export type { Begun, ClientSession, ClientSessions, LeftSession } from './client-sessions.ts'
export type { Consumer } from './consumer.ts'
export type { DurableSession } from './durable-session.ts'
export { SESSION_LIMITS, type SessionLimits } from './limits.ts'
export { type RemoteBegun, RemoteSessions, type SessionsLink } from './remote-sessions.ts'
export type { BegunHere, ScopedSessions } from './scoped-sessions.ts'
export { Sessions, type SessionsOptions } from './sessions.ts'
export type {
  KeptWill,
  RestoredSession,
  SessionChange,
  SessionCounts,
  SessionRecord,
  SessionStore,
  SessionSubscription,
  WaitingMessage,
} from './store.ts'

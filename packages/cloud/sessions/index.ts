/** MQTT sessions that outlive their connections: their subscriptions, and the messages that wait for their clients. */
export type { Consumer, DurableSession } from './durable-session.ts'
export { SESSION_LIMITS, type SessionLimits } from './limits.ts'
export type { Begun, ScopedSessions } from './scoped-sessions.ts'
export { Sessions, type SessionsOptions } from './sessions.ts'
export type {
  KeptWill,
  RestoredSession,
  SessionChange,
  SessionRecord,
  SessionStore,
  SessionSubscription,
  WaitingMessage,
} from './store.ts'

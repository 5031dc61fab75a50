/** What bounds the sessions of one account and region. Each has a default of its name below. */
export interface SessionLimits {
  readonly messagesMax: number
  readonly messageBytesMax: number
  readonly replayPerSecond: number
  readonly sessionsMax: number
}

/**
 * Messages of QoS 1 that wait for one client, sent and not acknowledged ones included. AWS IoT publishes no number: a
 * message every few seconds for the hour that a session lasts. At the limit: the newest is not kept.
 */
const MESSAGES_MAX = 1000

/**
 * The same in bytes of MQTT 5.0 PUBLISH packets: 128 of the largest. At the limit: the newest is not kept.
 */
const MESSAGE_BYTES_MAX: number = 16 * 1024 * 1024

/**
 * Stored messages that a client gets in a second. AWS IoT: 10. No limit here: messages stay in their order, so a client
 * that may have ten a second and gets eleven new ones would never catch up.
 */
const REPLAY_PER_SECOND: number = Number.POSITIVE_INFINITY

/**
 * Sessions at a time, with a connection or without: AWS IoT's connections of an account. Each takes about 1 KB of
 * memory. At the limit: a new one ends with its connection, a 5.0 client is told so, and `sessions.limit` is logged.
 */
const SESSIONS_MAX: number = 500_000

/** The limits of sessions that are told no others. */
export const SESSION_LIMITS: SessionLimits = {
  messagesMax: MESSAGES_MAX,
  messageBytesMax: MESSAGE_BYTES_MAX,
  replayPerSecond: REPLAY_PER_SECOND,
  sessionsMax: SESSIONS_MAX,
}

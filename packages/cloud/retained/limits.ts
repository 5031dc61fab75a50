/** What bounds the retained messages of one account and region. Each has a default of its name below. */
export interface RetainedLimits {
  readonly messagesMax: number
  readonly perTopicPerSecond: number
  readonly perSecond: number
}

/**
 * Retained messages of an account (AWS IoT Core quotas, retained messages). At the limit: a message for a further topic
 * is refused with 0x97; one that replaces another is taken.
 */
const MESSAGES_MAX = 500_000

/** Retained messages for one topic in a second (the same page). At the limit: the message is refused with 0x97. */
const PER_TOPIC_PER_SECOND = 1

/** Retained messages of an account in a second (the same page). At the limit: the message is refused with 0x97. */
const PER_SECOND = 500

/** The limits of retained messages that are told no others. */
export const RETAINED_LIMITS: RetainedLimits = {
  messagesMax: MESSAGES_MAX,
  perTopicPerSecond: PER_TOPIC_PER_SECOND,
  perSecond: PER_SECOND,
}

import type { Delivery, Grant, Message, QoS, TopicFilter } from '@birthmark/cloud/mqtt'

/** Takes messages from publishers to receivers: within a process, or between processes and hosts. */
export interface Bus {
  /**
   * Takes a message. QoS 1: resolves when every receiver that keeps it has it on disk, which is when its publisher may
   * be told so. A payload that must outlive the call is copied.
   *
   * @throws (rejects) when a QoS 1 message could not be taken; the publisher must not be told that it was
   */
  publish(message: Message): Promise<void>

  /**
   * Subscribes, or changes the grant of an existing subscription. Publishers of this process reach the receiver at
   * once, those of others as soon as word has spread.
   *
   * A filter `$share/<name>/<filter>` makes the receiver a member of that group: each message that matches goes to one
   * member, chosen at random among those that are not {@link Receiver.isAway}, or among all when all are.
   */
  subscribe(filter: TopicFilter, receiver: Receiver, grant: Grant): void

  /**
   * Gives what resolves when every subscription that was made is in force for publishers wherever they are, and whoever
   * subscribed may be told so; `undefined` when it is already. Absent where there is one process.
   */
  spread?(): Promise<void> | undefined

  /** Ends a subscription; gives false when there was none. */
  unsubscribe(filter: TopicFilter, receiver: Receiver): boolean

  /** Ends every subscription of a receiver, as its connection ends. */
  leave(receiver: Receiver): void

  /** Messages given to receivers in this process so far, one for each receiver. */
  readonly delivered: number

  /** Tells whether the group of a shared subscription has room for another member, {@link SHARE_MEMBERS_MAX}. */
  mayShare(filter: TopicFilter): boolean
}

/**
 * What {@link Bus.publish} may give for a message that it has taken already: who knows it need not wait for it, which
 * would cost a turn for each message that nobody keeps.
 */
export const TAKEN: Promise<void> = Promise.resolve()

/** Members of one group (AWS IoT Core quotas, shared subscriptions). At the limit: further ones are refused, 0x97. */
export const SHARE_MEMBERS_MAX = 100

/** Groups of an account and region (the same page). At the limit: the first member of another is refused, 0x97. */
export const SHARE_GROUPS_MAX = 100

/** One connection, or one service of the server, as the bus sees it. Told apart by identity. */
export interface Receiver {
  /** Marks its own messages, for subscriptions that do not want them; `undefined` for a service. */
  readonly connectionId: string | undefined

  /**
   * Takes a message, once however many of the receiver's subscriptions match. Must not throw. The message is borrowed:
   * to keep it, keep a copy.
   *
   * @param qos The lower of the message's and the best matching subscription's.
   * @returns when the receiver keeps the message: what resolves when it is on disk, and rejects when it is not
   */
  deliver(delivery: Delivery, qos: QoS): void | Promise<void>
  /** Whether it only keeps messages for a client that is not connected; absent where that cannot be. */
  readonly isAway?: boolean
}

import type { Delivery, Grant, Message, QoS, TopicFilter } from '@birthmark/cloud/mqtt'

/** The main process as the bus of one account and region in a worker needs it. What is told first is heard first. */
export interface HubLink {
  /**
   * Takes a message to everybody who is not in this worker.
   *
   * @returns for QoS 1 what resolves when it is taken as {@link Bus.publish} says
   */
  publish(message: Message): Promise<void>
  /** Begins or ends to want what a filter matches. @returns resolves when every process knows */
  want(filter: TopicFilter, isWanted: boolean): Promise<void>
  /** Makes a receiver, known by a number of the worker's choice, a member of a group. @returns as {@link want} */
  join(member: number, filter: TopicFilter, grant: Grant): Promise<void>
  part(member: number, filter: TopicFilter): void
}

/** A worker as the bus of one account and region in the main process needs it. */
export interface WorkerLink {
  /**
   * Takes a message to the receivers in that worker whose filters match.
   *
   * @returns for QoS 1 what resolves when the worker keeps up again; `undefined` while it does
   */
  deliver(message: Message): void | Promise<void>
  /** Takes a message to one member of a group. @returns as {@link deliver} */
  deliverTo(member: number, delivery: Delivery, qos: QoS): void | Promise<void>
  /** Says what is subscribed to elsewhere, and what no longer. @returns resolves when the worker acts on it */
  heed(begun: readonly TopicFilter[], ended: readonly TopicFilter[]): Promise<void>
  /** Says how many members each group has. */
  shares(sizes: ReadonlyMap<TopicFilter, number>): void
}

import {
  Delivery,
  type Grant,
  isShared,
  type Message,
  parseTopicFilter,
  type Subscribers,
  splitShared,
  type TopicFilter,
  TopicTree,
} from '@birthmark/cloud/mqtt'
import type { Entropy } from '@birthmark/foundation/kernel'
import type { Bus, Receiver } from './bus.ts'
import { ShareGroups } from './share-groups.ts'

/** The bus of a single process. A message has reached its receivers when {@link publish} returns. */
export class LocalBus implements Bus {
  readonly #tree: TopicTree<Receiver>
  readonly #groups: ShareGroups
  /** What each receiver subscribes to. */
  readonly #filters = new Map<Receiver, Set<TopicFilter>>()

  /**
   * @param options.hashMatchesParent Whether `a/#` matches `a`: yes in the standard, no at AWS IoT.
   * @param entropy Chooses among the members of shared subscriptions.
   */
  constructor(options: { readonly hashMatchesParent: boolean }, entropy: Entropy) {
    this.#tree = new TopicTree(options)
    this.#groups = new ShareGroups(entropy)
  }

  publish(message: Message): Promise<void> {
    const matches = this.#tree.match(message.topic)
    const [only] = matches
    if (only === undefined) return TAKEN
    const delivery = new Delivery(message)
    let kept: Promise<void> | undefined
    let others: Promise<void>[] | undefined
    for (const [receiver, grant] of matches.length === 1 ? only : merged(matches, message)) {
      if (!isWanted(message, receiver, grant)) continue
      const keeping = receiver.deliver(delivery, message.qos === 0 ? 0 : grant.qos)
      // Receivers that share a store share what they wait for.
      if (keeping === undefined || keeping === kept) continue
      if (kept === undefined) kept = keeping
      else (others ??= []).push(keeping)
    }
    if (others === undefined) return kept ?? TAKEN
    return Promise.all([kept, ...others]).then(() => undefined)
  }

  subscribe(filter: TopicFilter, receiver: Receiver, grant: Grant): void {
    if (isShared(filter)) {
      const group = this.#groups.join(filter, receiver, grant)
      if (group !== undefined) this.#tree.subscribe(ownFilter(filter), group, WHATEVER_COMES)
    } else this.#tree.subscribe(filter, receiver, grant)
    const filters = this.#filters.get(receiver)
    if (filters === undefined) this.#filters.set(receiver, new Set([filter]))
    else filters.add(filter)
  }

  unsubscribe(filter: TopicFilter, receiver: Receiver): boolean {
    this.#filters.get(receiver)?.delete(filter)
    return this.#end(filter, receiver)
  }

  leave(receiver: Receiver): void {
    for (const filter of this.#filters.get(receiver) ?? []) this.#end(filter, receiver)
    this.#filters.delete(receiver)
  }

  mayShare(filter: TopicFilter): boolean {
    return this.#groups.mayJoin(filter)
  }

  #end(filter: TopicFilter, receiver: Receiver): boolean {
    if (!isShared(filter)) return this.#tree.unsubscribe(filter, receiver)
    const { left, emptied } = this.#groups.leave(filter, receiver)
    if (emptied !== undefined) this.#tree.unsubscribe(ownFilter(filter), emptied)
    return left
  }
}

/** Gives each receiver once, with the best of its grants that want the message. */
function merged(matches: readonly Subscribers<Receiver>[], message: Message): Subscribers<Receiver> {
  const best = new Map<Receiver, Grant>()
  for (const subscribers of matches) {
    for (const [receiver, grant] of subscribers) {
      const known = best.get(receiver)
      if (isWanted(message, receiver, grant) && (known === undefined || known.qos < grant.qos))
        best.set(receiver, grant)
    }
  }
  return best
}

/** MQTT 5.0 §3.8.3.1 [MQTT-3.8.3-3]: No Local keeps a client's own messages from it. */
function isWanted(message: Message, receiver: Receiver, grant: Grant): boolean {
  return !grant.noLocal || message.publisher === undefined || message.publisher !== receiver.connectionId
}

/** Gives what a group waits for. */
function ownFilter(filter: TopicFilter): TopicFilter {
  return parseTopicFilter(splitShared(filter).filter, NO_LIMITS)
}

/** The member that gets the message has a grant of its own. */
const WHATEVER_COMES: Grant = { qos: 1, noLocal: false }
const NO_LIMITS = { topicBytesMax: Number.POSITIVE_INFINITY, topicSlashesMax: Number.POSITIVE_INFINITY }
const TAKEN: Promise<void> = Promise.resolve()

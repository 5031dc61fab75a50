import {
  Delivery,
  type Grant,
  isShared,
  lowerQos,
  type Message,
  parseTopicFilter,
  type Subscribers,
  splitShared,
  type TopicFilter,
  TopicTree,
} from '@birthmark/cloud/mqtt'
import type { Entropy } from '@birthmark/foundation/kernel'
import { type Bus, type Receiver, TAKEN } from './bus.ts'
import { type MergedGrant, marked, mergeGrants } from './marked.ts'
import { ShareGroups } from './share-groups.ts'

/** The bus of a single process. A message has reached its receivers when {@link publish} returns. */
export class LocalBus implements Bus {
  delivered = 0
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
      this.delivered += 1
      const keeping = receiver.deliver(marked(delivery, grant), lowerQos(message.qos, grant.qos))
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

  /** Gives what a receiver subscribes to. */
  filtersOf(receiver: Receiver): readonly TopicFilter[] {
    return [...(this.#filters.get(receiver) ?? [])]
  }

  /** Gives how many members each group of shared subscriptions has. */
  shares(): ReadonlyMap<TopicFilter, number> {
    return this.#groups.sizes()
  }

  #end(filter: TopicFilter, receiver: Receiver): boolean {
    if (!isShared(filter)) return this.#tree.unsubscribe(filter, receiver)
    const { left, emptied } = this.#groups.leave(filter, receiver)
    if (emptied !== undefined) this.#tree.unsubscribe(ownFilter(filter), emptied)
    return left
  }
}

/** Gives each receiver once, with all of its grants that want the message. */
function merged(matches: readonly Subscribers<Receiver>[], message: Message): ReadonlyMap<Receiver, MergedGrant> {
  const best = new Map<Receiver, MergedGrant>()
  for (const subscribers of matches) {
    for (const [receiver, grant] of subscribers) {
      if (!isWanted(message, receiver, grant)) continue
      const known = best.get(receiver)
      best.set(receiver, known === undefined ? grant : mergeGrants(known, grant))
    }
  }
  return best
}

/** MQTT 5.0 §3.8.3.1 [MQTT-3.8.3-3]: No Local keeps a client's own messages from it. */
function isWanted(message: Message, receiver: Receiver, grant: Grant): boolean {
  return !grant.noLocal || message.publisher === undefined || message.publisher !== receiver.connectionId
}

/** Gives what a group waits for; a filter that is not shared as it is. */
export function ownFilter(filter: TopicFilter): TopicFilter {
  return isShared(filter) ? parseTopicFilter(splitShared(filter).filter, NO_LIMITS) : filter
}

/** The member that gets the message has a grant of its own. */
const WHATEVER_COMES: Grant = { qos: 2, noLocal: false }
const NO_LIMITS = { topicBytesMax: Number.POSITIVE_INFINITY, topicSlashesMax: Number.POSITIVE_INFINITY }

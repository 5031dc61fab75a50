import type { QoS } from './packet.ts'
import { hasWildcard, type TopicFilter, type TopicName } from './topic.ts'

/** What a subscription was granted. */
export interface Grant {
  readonly qos: QoS
  /** Whether the subscriber's own messages are kept from it (MQTT 5.0 §3.8.3.1). */
  readonly noLocal: boolean
  /** Whether messages come with the RETAIN that they were published with (the same section); absent: without. */
  readonly retainAsPublished?: boolean
  /** Its subscription identifier (MQTT 5.0 §3.8.2.1.2); absent without one. */
  readonly identifier?: number
}

/** The subscriptions to one filter. */
export type Subscribers<Subscriber> = ReadonlyMap<Subscriber, Grant>

/**
 * Finds the subscriptions that match a topic. Filters without wildcards are found in one look-up, however many there
 * are; the others form a tree by level. Subscribers are told apart by identity.
 */
export class TopicTree<Subscriber> {
  readonly #hashMatchesParent: boolean
  readonly #exact = new Map<string, Map<Subscriber, Grant>>()
  readonly #root = new Node<Subscriber>()
  /** Filters with wildcards that somebody subscribes to. */
  #wildcards = 0
  /** What was found lately. It stays true until a filter gets its first subscriber or loses its last one. */
  readonly #found = new Map<TopicName, readonly Subscribers<Subscriber>[]>()

  /** @param options.hashMatchesParent Whether `a/#` matches `a`: yes in the standard, no at AWS IoT. */
  constructor(options: { readonly hashMatchesParent: boolean }) {
    this.#hashMatchesParent = options.hashMatchesParent
  }

  /** Subscribes, or changes the grant of an existing subscription. */
  subscribe(filter: TopicFilter, subscriber: Subscriber, grant: Grant): void {
    if (hasWildcard(filter)) {
      const { subscribers } = this.#root.grow(filter.split('/'), 0)
      if (subscribers.size === 0) {
        this.#wildcards += 1
        this.#found.clear()
      }
      subscribers.set(subscriber, grant)
      return
    }
    const subscribers = this.#exact.get(filter)
    if (subscribers !== undefined) subscribers.set(subscriber, grant)
    else {
      this.#exact.set(filter, new Map([[subscriber, grant]]))
      this.#found.clear()
    }
  }

  /** Ends a subscription; gives false when there was none. */
  unsubscribe(filter: TopicFilter, subscriber: Subscriber): boolean {
    if (hasWildcard(filter)) {
      const left = this.#root.prune(filter.split('/'), 0, subscriber)
      if (left === 0) {
        this.#wildcards -= 1
        this.#found.clear()
      }
      return left !== undefined
    }
    const subscribers = this.#exact.get(filter)
    if (subscribers?.delete(subscriber) !== true) return false
    if (subscribers.size === 0) {
      this.#exact.delete(filter)
      this.#found.clear()
    }
    return true
  }

  /**
   * Gives the subscriptions to each filter that matches `topic`. A subscriber with several such filters occurs in
   * several of them. What is given is alive: it changes with the subscriptions.
   */
  match(topic: TopicName): readonly Subscribers<Subscriber>[] {
    const known = this.#found.get(topic)
    if (known !== undefined) return known
    const found = this.#search(topic)
    if (this.#found.size >= FOUND_MAX) this.#found.clear()
    this.#found.set(topic, found)
    return found
  }

  #search(topic: TopicName): readonly Subscribers<Subscriber>[] {
    const exact = this.#exact.get(topic)
    if (this.#wildcards === 0) return exact === undefined ? NONE : [exact]
    const found: Subscribers<Subscriber>[] = exact === undefined ? [] : [exact]
    const levels = topic.split('/')
    // MQTT 5.0 §4.7.2 [MQTT-4.7.2-1]: a leading wildcard does not match a topic that begins with $.
    if (topic.startsWith('$'))
      this.#root.children?.get(levels[0] ?? '')?.collect(levels, 1, this.#hashMatchesParent, found)
    else this.#root.collect(levels, 0, this.#hashMatchesParent, found)
    return found
  }
}

/** One level of the filters with wildcards. */
class Node<Subscriber> {
  children: Map<string, Node<Subscriber>> | undefined
  readonly subscribers = new Map<Subscriber, Grant>()

  /** Gives the node of the filter that goes on with `levels` from `depth`, made where there is none. */
  grow(levels: readonly string[], depth: number): Node<Subscriber> {
    const level = levels[depth]
    if (level === undefined) return this
    this.children ??= new Map()
    let child = this.children.get(level)
    if (child === undefined) {
      child = new Node()
      this.children.set(level, child)
    }
    return child.grow(levels, depth + 1)
  }

  /** Ends a subscription below this node; gives how many the filter has left, `undefined` when there was none. */
  prune(levels: readonly string[], depth: number, subscriber: Subscriber): number | undefined {
    const level = levels[depth]
    if (level === undefined) return this.subscribers.delete(subscriber) ? this.subscribers.size : undefined
    const child = this.children?.get(level)
    const left = child?.prune(levels, depth + 1, subscriber)
    if (child !== undefined && child.subscribers.size === 0 && !child.children?.size) this.children?.delete(level)
    return left
  }

  /** Adds the subscribers of every filter that matches `levels` from `depth` on. */
  collect(
    levels: readonly string[],
    depth: number,
    hashMatchesParent: boolean,
    found: Subscribers<Subscriber>[],
  ): void {
    const level = levels[depth]
    const rest = this.children?.get('#')
    if (level === undefined) {
      if (this.subscribers.size > 0) found.push(this.subscribers)
      if (rest !== undefined && hashMatchesParent) found.push(rest.subscribers)
      return
    }
    if (rest !== undefined) found.push(rest.subscribers)
    this.children?.get(level)?.collect(levels, depth + 1, hashMatchesParent, found)
    this.children?.get('+')?.collect(levels, depth + 1, hashMatchesParent, found)
  }
}

/** Topics whose subscriptions a tree remembers, at about 150 bytes each; at the limit all are forgotten. */
const FOUND_MAX = 4096

const NONE: readonly never[] = []

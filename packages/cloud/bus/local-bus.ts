import {
  Delivery,
  type Grant,
  type Message,
  type Subscribers,
  type TopicFilter,
  TopicTree,
} from '@birthmark/cloud/mqtt'
import type { Bus, Receiver } from './bus.ts'

/** The bus of a single process. A message has reached its receivers when {@link publish} returns. */
export class LocalBus implements Bus {
  readonly #tree: TopicTree<Receiver>
  /** What each receiver subscribes to. */
  readonly #filters = new Map<Receiver, Set<TopicFilter>>()

  /** @param options.hashMatchesParent Whether `a/#` matches `a`: yes in the standard, no at AWS IoT. */
  constructor(options: { readonly hashMatchesParent: boolean }) {
    this.#tree = new TopicTree(options)
  }

  publish(message: Message): Promise<void> {
    const matches = this.#tree.match(message.topic)
    const [only] = matches
    if (only === undefined) return TAKEN
    const delivery = new Delivery(message)
    for (const [receiver, grant] of matches.length === 1 ? only : merged(matches, message)) {
      if (isWanted(message, receiver, grant)) receiver.deliver(delivery, message.qos === 0 ? 0 : grant.qos)
    }
    return TAKEN
  }

  subscribe(filter: TopicFilter, receiver: Receiver, grant: Grant): void {
    this.#tree.subscribe(filter, receiver, grant)
    const filters = this.#filters.get(receiver)
    if (filters === undefined) this.#filters.set(receiver, new Set([filter]))
    else filters.add(filter)
  }

  unsubscribe(filter: TopicFilter, receiver: Receiver): boolean {
    this.#filters.get(receiver)?.delete(filter)
    return this.#tree.unsubscribe(filter, receiver)
  }

  leave(receiver: Receiver): void {
    for (const filter of this.#filters.get(receiver) ?? []) this.#tree.unsubscribe(filter, receiver)
    this.#filters.delete(receiver)
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

const TAKEN: Promise<void> = Promise.resolve()

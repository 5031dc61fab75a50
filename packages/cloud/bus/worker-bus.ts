import {
  Delivery,
  type Grant,
  isShared,
  type Message,
  type QoS,
  type TopicFilter,
  TopicTree,
} from '@birthmark/cloud/mqtt'
import type { Entropy } from '@birthmark/foundation/kernel'
import type { Bus, Receiver } from './bus.ts'
import type { HubLink } from './links.ts'
import { LocalBus, ownFilter } from './local-bus.ts'
import { hasRoom } from './share-groups.ts'

/** The bus of one account and region in a worker: its own receivers at once, all others by the main process. */
export class WorkerBus implements Bus {
  readonly #hub: HubLink
  readonly #local: LocalBus
  /** What somebody elsewhere subscribes to; the subscriber is the filter as it was told. */
  readonly #elsewhere: TopicTree<TopicFilter>
  /** How many receivers here want what a filter matches. */
  readonly #wanted = new Map<TopicFilter, number>()
  readonly #members = new Map<number, Receiver>()
  readonly #memberships = new Map<Receiver, { readonly number: number; readonly filters: Set<TopicFilter> }>()
  #deliveredToMembers = 0
  #shares: ReadonlyMap<TopicFilter, number> = new Map()
  #nextMember = 1
  #spreading: Promise<void> | undefined

  /** @param options as of {@link LocalBus} */
  constructor(hub: HubLink, options: { readonly hashMatchesParent: boolean }, entropy: Entropy) {
    this.#hub = hub
    this.#local = new LocalBus(options, entropy)
    this.#elsewhere = new TopicTree(options)
  }

  get delivered(): number {
    return this.#local.delivered + this.#deliveredToMembers
  }

  publish(message: Message): Promise<void> {
    const here = this.#local.publish(message)
    if (this.#elsewhere.match(message.topic).length === 0) return here
    const there = this.#hub.publish(message)
    return message.qos === 0 ? there : Promise.all([here, there]).then(() => undefined)
  }

  subscribe(filter: TopicFilter, receiver: Receiver, grant: Grant): void {
    if (isShared(filter)) return this.#join(filter, receiver, grant)
    if (!this.#local.filtersOf(receiver).includes(filter)) this.#count(filter, 1)
    this.#local.subscribe(filter, receiver, grant)
  }

  unsubscribe(filter: TopicFilter, receiver: Receiver): boolean {
    if (isShared(filter)) return this.#part(filter, receiver)
    const was = this.#local.unsubscribe(filter, receiver)
    if (was) this.#count(filter, -1)
    return was
  }

  leave(receiver: Receiver): void {
    for (const filter of this.#memberships.get(receiver)?.filters ?? []) this.#part(filter, receiver)
    for (const filter of this.#local.filtersOf(receiver)) this.#count(filter, -1)
    this.#local.leave(receiver)
  }

  mayShare(filter: TopicFilter): boolean {
    return hasRoom(this.#shares, filter)
  }

  spread(): Promise<void> | undefined {
    return this.#spreading
  }

  /** Takes a message from the main process to the receivers here. */
  take(message: Message): void {
    void this.#local.publish(message)
  }

  /** Takes a message that is for one member of a group. */
  takeFor(member: number, delivery: Delivery, qos: QoS): void {
    const receiver = this.#members.get(member)
    if (receiver === undefined) return
    this.#deliveredToMembers++
    void receiver.deliver(delivery, qos)
  }

  /** Hears what is subscribed to elsewhere, and what no longer. */
  heed(begun: readonly TopicFilter[], ended: readonly TopicFilter[]): void {
    for (const filter of begun) this.#elsewhere.subscribe(ownFilter(filter), filter, ANY_GRANT)
    for (const filter of ended) this.#elsewhere.unsubscribe(ownFilter(filter), filter)
  }

  /** Hears how many members each group has. */
  hearShares(sizes: ReadonlyMap<TopicFilter, number>): void {
    this.#shares = sizes
  }

  /** The main process is told of the first receiver that wants something, and of the last. */
  #count(filter: TopicFilter, change: 1 | -1): void {
    const count = (this.#wanted.get(filter) ?? 0) + change
    if (count === 0) this.#wanted.delete(filter)
    else this.#wanted.set(filter, count)
    if (change === 1 && count === 1) this.#await(this.#hub.want(filter, true))
    // Others need not wait for it: what still comes finds nobody.
    if (count === 0) this.#hub.want(filter, false).catch(() => undefined)
  }

  #join(filter: TopicFilter, receiver: Receiver, grant: Grant): void {
    const known = this.#memberships.get(receiver)
    const membership = known ?? { number: this.#nextMember++, filters: new Set() }
    this.#memberships.set(receiver, membership)
    this.#members.set(membership.number, receiver)
    membership.filters.add(filter)
    // Until the main process has said how many there are, counting those of this worker.
    this.#shares = new Map(this.#shares).set(filter, (this.#shares.get(filter) ?? 0) + 1)
    this.#await(this.#hub.join(membership.number, filter, grant))
  }

  #part(filter: TopicFilter, receiver: Receiver): boolean {
    const membership = this.#memberships.get(receiver)
    if (membership?.filters.delete(filter) !== true) return false
    this.#hub.part(membership.number, filter)
    if (membership.filters.size > 0) return true
    this.#memberships.delete(receiver)
    this.#members.delete(membership.number)
    return true
  }

  #await(told: Promise<void>): void {
    const all = Promise.allSettled([this.#spreading, told]).then(() => {
      if (this.#spreading === all) this.#spreading = undefined
    })
    this.#spreading = all
  }
}

const ANY_GRANT: Grant = { qos: 0, noLocal: false }

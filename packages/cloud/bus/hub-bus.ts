import { type Delivery, type Grant, isShared, type Message, type QoS, type TopicFilter } from '@birthmark/cloud/mqtt'
import type { Entropy } from '@birthmark/foundation/kernel'
import type { Bus, Receiver } from './bus.ts'
import type { WorkerLink } from './links.ts'
import { LocalBus } from './local-bus.ts'

/**
 * The bus of one account and region in the main process of a server with workers. Each worker is one receiver here, and
 * learns which filters somebody elsewhere subscribes to; groups of shared subscriptions are all here.
 */
export class HubBus implements Bus {
  readonly #local: LocalBus
  readonly #subscribers = new Map<TopicFilter, Set<Receiver>>()
  readonly #seats = new Set<WorkerSeat>()
  /** Messages given to workers, whose buses count whom they give them to. */
  #passedOn = 0
  /** Resolves when every worker knows of what was subscribed to. */
  #spreading: Promise<void> | undefined

  /** @param options as of {@link LocalBus} */
  constructor(options: { readonly hashMatchesParent: boolean }, entropy: Entropy) {
    this.#local = new LocalBus(options, entropy)
  }

  /** As {@link Bus.delivered}: what was given to receivers in this process. */
  get delivered(): number {
    return this.#local.delivered - this.#passedOn
  }

  /** Hears of a message that a receiver is given who stands for a worker. */
  passOn(): void {
    this.#passedOn++
  }

  publish(message: Message): Promise<void> {
    return this.#local.publish(message)
  }

  /** Takes a message that a worker's bus has taken already: what is done with a message once was done there. */
  take(message: Message): Promise<void> {
    return this.#local.publish(message)
  }

  subscribe(filter: TopicFilter, receiver: Receiver, grant: Grant): void {
    this.#local.subscribe(filter, receiver, grant)
    const receivers = this.#subscribers.get(filter) ?? new Set()
    if (receivers.has(receiver)) return
    this.#subscribers.set(filter, receivers)
    this.#change(filter, receivers, () => receivers.add(receiver))
  }

  unsubscribe(filter: TopicFilter, receiver: Receiver): boolean {
    const receivers = this.#subscribers.get(filter)
    if (receivers?.has(receiver) === true) {
      if (receivers.size === 1) this.#subscribers.delete(filter)
      this.#change(filter, receivers, () => receivers.delete(receiver))
    }
    const was = this.#local.unsubscribe(filter, receiver)
    if (was && isShared(filter)) this.#tellShares()
    return was
  }

  leave(receiver: Receiver): void {
    for (const filter of this.#local.filtersOf(receiver)) this.unsubscribe(filter, receiver)
    this.#local.leave(receiver)
  }

  mayShare(filter: TopicFilter): boolean {
    return this.#local.mayShare(filter)
  }

  spread(): Promise<void> | undefined {
    return this.#spreading
  }

  /** Gives a worker its place, and tells it what there is. */
  seat(link: WorkerLink): WorkerSeat {
    const seat = new WorkerSeat(this, link)
    this.#seats.add(seat)
    const wanted = [...this.#subscribers.keys()]
    if (wanted.length > 0) this.#await([link.heed(wanted, [])])
    if (this.#local.shares().size > 0) link.shares(this.#local.shares())
    return seat
  }

  /** Ends a worker's place with everything it subscribed to. */
  unseat(seat: WorkerSeat): void {
    this.#seats.delete(seat)
  }

  /** Changes who subscribes to a filter, and tells each worker for which that makes a difference. */
  #change(filter: TopicFilter, receivers: ReadonlySet<Receiver>, make: () => void): void {
    const before = new Set([...this.#seats].filter((seat) => hasOthers(receivers, seat)))
    make()
    const told: Promise<void>[] = []
    for (const seat of this.#seats) {
      const isWanted = hasOthers(receivers, seat)
      if (isWanted === before.has(seat)) continue
      told.push(isWanted ? seat.link.heed([filter], []) : seat.link.heed([], [filter]))
    }
    this.#await(told)
    if (isShared(filter)) this.#tellShares()
  }

  #await(told: readonly Promise<void>[]): void {
    if (told.length === 0) return
    // A worker that is gone needs not know.
    const all = Promise.allSettled([this.#spreading, ...told]).then(() => {
      if (this.#spreading === all) this.#spreading = undefined
    })
    this.#spreading = all
  }

  #tellShares(): void {
    const sizes = this.#local.shares()
    for (const { link } of this.#seats) link.shares(sizes)
  }
}

/** A worker's place at the bus: what it subscribes to and publishes. */
export class WorkerSeat implements Receiver {
  readonly connectionId = undefined
  readonly link: WorkerLink
  readonly #bus: HubBus
  readonly #members = new Map<number, Member>()
  /** What is just coming from there and must not go back. */
  #taking: Message | undefined

  constructor(bus: HubBus, link: WorkerLink) {
    this.#bus = bus
    this.link = link
  }

  deliver({ message }: Delivery): void | Promise<void> {
    this.#bus.passOn()
    return message === this.#taking ? undefined : this.link.deliver(message)
  }

  /** Takes a message from the worker to everybody else. */
  publish(message: Message): Promise<void> {
    this.#taking = message
    try {
      return this.#bus.take(message)
    } finally {
      this.#taking = undefined
    }
  }

  /** The worker wants what a filter matches, or does no longer. @returns resolves when every process knows */
  async want(filter: TopicFilter, isWanted: boolean): Promise<void> {
    if (isWanted) this.#bus.subscribe(filter, this, WHATEVER_COMES)
    else this.#bus.unsubscribe(filter, this)
    await this.#bus.spread()
  }

  async join(number: number, filter: TopicFilter, grant: Grant): Promise<void> {
    const member = this.#members.get(number) ?? new Member(this.#bus, this.link, number)
    this.#members.set(number, member)
    member.filters.add(filter)
    this.#bus.subscribe(filter, member, grant)
    await this.#bus.spread()
  }

  part(number: number, filter: TopicFilter): void {
    const member = this.#members.get(number)
    if (member === undefined) return
    this.#bus.unsubscribe(filter, member)
    member.filters.delete(filter)
    if (member.filters.size === 0) this.#members.delete(number)
  }

  /** The worker is gone, and every receiver in it. */
  end(): void {
    this.#bus.unseat(this)
    this.#bus.leave(this)
    for (const member of this.#members.values()) this.#bus.leave(member)
    this.#members.clear()
  }
}

/** A receiver in a worker that is a member of groups. */
class Member implements Receiver {
  readonly connectionId = undefined
  readonly filters = new Set<TopicFilter>()
  readonly #bus: HubBus
  readonly #link: WorkerLink
  readonly #number: number

  constructor(bus: HubBus, link: WorkerLink, number: number) {
    this.#bus = bus
    this.#link = link
    this.#number = number
  }

  deliver(delivery: Delivery, qos: QoS): void | Promise<void> {
    this.#bus.passOn()
    return this.#link.deliverTo(this.#number, delivery, qos)
  }
}

/** Whether somebody but the worker itself subscribes. */
function hasOthers(receivers: ReadonlySet<Receiver>, seat: WorkerSeat): boolean {
  return receivers.size > (receivers.has(seat) ? 1 : 0)
}

/** Receivers have their own grants, where they are. */
const WHATEVER_COMES: Grant = { qos: 2, noLocal: false }

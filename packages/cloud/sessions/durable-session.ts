import type { Bus, Receiver } from '@birthmark/cloud/bus'
import type { Delivery, Grant, QoS, StoredMark, TopicFilter } from '@birthmark/cloud/mqtt'
import { type Cancel, type Clock, type Instant, later, millis, type Timers } from '@birthmark/foundation/kernel'
import type { ClientSession } from './client-sessions.ts'
import type { Consumer } from './consumer.ts'
import type { SessionLimits } from './limits.ts'
import { Pace } from './pace.ts'
import type { RestoredSession, SessionChange, SessionRecord, SessionStore, SessionSubscription } from './store.ts'

/** What a session needs from outside. */
export interface SessionPorts {
  readonly store: SessionStore
  readonly bus: Bus
  readonly clock: Clock
  readonly timers: Timers
  readonly limits: SessionLimits
}

/**
 * A session that outlives its connections: the receiver of its subscriptions, connected or not. Every message of QoS 1
 * is on disk before its publisher is told that it was taken, and until the client has acknowledged it. Messages that
 * the client has no room for stay there, in their order; only counts are kept in memory.
 */
export class DurableSession implements ClientSession, Receiver {
  readonly #ports: SessionPorts
  #record: SessionRecord
  readonly #subscriptions = new Map<TopicFilter, SessionSubscription>()
  #consumer: Consumer | undefined
  /** Messages on disk, or on their way there, and their bytes. */
  #count: number
  #bytes: number
  /** The place of the newest message. */
  #newest: number
  /** The place of the newest message that can be read back. */
  #readable: number
  /** The place of the newest message that was given to the consumer. */
  #given = 0
  /** The client may have been sent the messages up to this place before. */
  #repeatedTo: number
  readonly #received: Set<number>
  #keeping: Promise<void> | undefined
  #isPumping = false
  #purgedAt: Instant | undefined
  readonly #pace: Pace
  #cancelPump: Cancel | undefined
  #dropped = 0
  #hasEnded = false

  constructor({ record, subscriptions, messages, received }: RestoredSession, ports: SessionPorts) {
    this.#ports = ports
    this.#record = record
    this.#count = messages.count
    this.#bytes = messages.bytes
    this.#newest = messages.lastPlace
    this.#readable = messages.lastPlace
    this.#repeatedTo = messages.lastPlace
    this.#received = new Set(received)
    this.#pace = new Pace(ports.limits.replayPerSecond)
    for (const subscription of subscriptions) this.#join(subscription)
  }

  get record(): SessionRecord {
    return this.#record
  }

  get connectionId(): string | undefined {
    return this.#consumer?.connectionId
  }

  get isAway(): boolean {
    return this.#consumer === undefined
  }

  get subscriptions(): readonly SessionSubscription[] {
    return [...this.#subscriptions.values()]
  }

  get received(): readonly number[] {
    return [...this.#received]
  }

  /** Messages that were not kept because there were too many. */
  get dropped(): number {
    return this.#dropped
  }

  /** Lets a connection have what waits, from the oldest on; what the last one left unacknowledged is sent again. */
  attach(consumer: Consumer): void {
    this.#consumer = consumer
    this.#repeatedTo = Math.max(this.#repeatedTo, this.#given)
    this.#given = 0
  }

  detach(): void {
    this.#consumer = undefined
    this.#cancelPump?.()
    this.#cancelPump = undefined
  }

  /** Changes the record. @returns resolves when that is on disk */
  update(changes: Partial<Pick<SessionRecord, 'expiry' | 'disconnectedAt' | 'will'>>): Promise<void> {
    this.#record = { ...this.#record, ...changes }
    return this.#write({ do: 'update', session: this.#record })
  }

  /** Subscribes. @returns resolves when that is on disk and in force */
  subscribe(filter: TopicFilter, grant: Grant): Promise<void> {
    const subscription = { ...grant, filter }
    this.#join(subscription)
    const kept = this.#write({ do: 'subscribe', id: this.#record.id, subscription })
    const spread = this.#ports.bus.spread?.()
    return spread === undefined ? kept : Promise.all([kept, spread]).then(() => undefined)
  }

  /** Ends a subscription. @returns resolves when that is on disk */
  unsubscribe(filter: TopicFilter): Promise<void> {
    this.#subscriptions.delete(filter)
    this.#ports.bus.unsubscribe(filter, this)
    return this.#write({ do: 'unsubscribe', id: this.#record.id, filter })
  }

  /** Ends the session for good. */
  end(): void {
    this.#hasEnded = true
    this.detach()
    this.#ports.bus.leave(this)
  }

  deliver(delivery: Delivery, qos: QoS): void | Promise<void> {
    if (qos === 0) return this.#consumer?.deliver(delivery, 0)
    const packet = delivery.qos0(5)
    if (this.#hasEnded || !this.#hasRoomFor(packet.length)) {
      this.#dropped++
      return undefined
    }
    const { receivedAt, properties } = delivery.message
    const place = this.#newest + 1
    const stored = { place, bytes: packet.length }
    const { messageExpiryInterval: lasts } = properties
    const expiresAt = lasts === undefined ? undefined : later(receivedAt, millis(lasts * 1000))
    const isNext = this.#given === this.#newest
    this.#newest = place
    this.#count++
    this.#bytes += packet.length
    const kept = this.#write({ do: 'keep', id: this.#record.id, place, qos, packet, receivedAt, expiresAt })
    const consumer = this.#consumer
    if (isNext && consumer !== undefined && consumer.room > 0) {
      this.#given = place
      consumer.deliver(delivery, qos, stored)
    }
    this.#whenReadable(kept, place)
    return kept
  }

  keep(delivery: Delivery, qos: 1 | 2): void | Promise<void> {
    return this.deliver(delivery, qos)
  }

  /** A message needs to be kept no longer. */
  settle({ place, bytes }: StoredMark): void {
    this.#count--
    this.#bytes -= bytes
    void this.#write({ do: 'settle', id: this.#record.id, place })
  }

  release({ place }: StoredMark): Promise<void> {
    return this.#write({ do: 'release', id: this.#record.id, place })
  }

  receive(packetId: number): Promise<void> {
    this.#received.add(packetId)
    return this.#write({ do: 'receive', id: this.#record.id, packetId })
  }

  forget(packetId: number): Promise<void> {
    this.#received.delete(packetId)
    return this.#write({ do: 'forget', id: this.#record.id, packetId })
  }

  /** Gives the consumer what waits on disk, as far as there is room. */
  pump(): void {
    if (this.#isPumping || this.#given >= this.#readable) return
    this.#isPumping = true
    try {
      this.#giveWaiting()
    } catch (error) {
      this.#consumer?.fail(error)
    } finally {
      this.#isPumping = false
    }
  }

  #giveWaiting(): void {
    const { store, clock } = this.#ports
    for (let room = this.#consumer?.room ?? 0; room > 0; room = this.#consumer?.room ?? 0) {
      const wanted = this.#pace.take(Math.min(room, READ_MAX), clock.now())
      if (wanted === 0) return this.#pumpLater()
      const messages = store.read(this.#record.id, { after: this.#given, last: this.#readable }, wanted)
      this.#pace.giveBack(wanted - messages.length)
      if (messages.length === 0) {
        this.#given = this.#readable
        return
      }
      for (const { delivery, ...place } of messages) {
        const consumer = this.#consumer
        if (consumer === undefined || consumer.room === 0) return
        this.#given = place.place
        const stored = { ...place, isRepeated: place.place <= this.#repeatedTo }
        if (delivery === undefined) consumer.resumeReleased(stored)
        else consumer.deliver(delivery, delivery.message.qos, stored)
      }
    }
  }

  #pumpLater(): void {
    if (this.#cancelPump !== undefined) return
    this.#cancelPump = this.#ports.timers.after(this.#pace.wait, () => {
      this.#cancelPump = undefined
      this.pump()
    })
  }

  /** What was written in one turn becomes readable together. */
  #whenReadable(kept: Promise<void>, place: number): void {
    if (this.#given === place) {
      // The consumer has it: nothing to read back.
      this.#readable = Math.max(this.#readable, place)
      return
    }
    if (this.#keeping === kept) return
    this.#keeping = kept
    const last = (): void => {
      if (this.#keeping !== kept) return
      this.#keeping = undefined
      this.#readable = this.#newest
      this.pump()
    }
    kept.then(last, last)
  }

  #hasRoomFor(bytes: number): boolean {
    const { messagesMax, messageBytesMax } = this.#ports.limits
    const hasRoom = (): boolean => this.#count < messagesMax && this.#bytes + bytes <= messageBytesMax
    return hasRoom() || (this.#purge() && hasRoom())
  }

  /** Forgets what has expired while it waited; not with every message, because it is a search. */
  #purge(): boolean {
    const { clock, store } = this.#ports
    const now = clock.now()
    if (this.#purgedAt !== undefined && now - this.#purgedAt < PURGE_EVERY_MS) return false
    this.#purgedAt = now
    const left = store.dropExpired(this.#record.id, this.#given, now)
    if (left === undefined) return false
    this.#count = left.count
    this.#bytes = left.bytes
    return true
  }

  #join(subscription: SessionSubscription): void {
    const { filter, ...grant } = subscription
    this.#subscriptions.set(filter, subscription)
    this.#ports.bus.subscribe(filter, this, grant)
  }

  #write(change: SessionChange): Promise<void> {
    return this.#hasEnded ? NOTHING_TO_DO : this.#ports.store.write(change)
  }
}

/** Messages read from disk in one go: the AWS profile's window. */
const READ_MAX = 100
const PURGE_EVERY_MS = 1000
const NOTHING_TO_DO: Promise<void> = Promise.resolve()

import {
  hasWildcard,
  keptMessage,
  type Message,
  mqttFault,
  type TopicFilter,
  topicMatches,
} from '@birthmark/cloud/mqtt'
import type { Scope } from '@birthmark/cloud/registry'
import {
  type Clock,
  type Fault,
  type Instant,
  KeyedRates,
  later,
  millis,
  seconds,
  TokenBucket,
} from '@birthmark/foundation/kernel'
import { RETAINED_LIMITS, type RetainedLimits } from './limits.ts'
import type { RetainedStore, RetainedSummary } from './store.ts'

/** What retained messages need from outside. */
export interface RetainedOptions {
  readonly store: RetainedStore
  readonly clock: Clock
  /** Limits that differ from {@link RETAINED_LIMITS}. */
  readonly limits?: Partial<RetainedLimits>
}

/** The retained messages of one server. */
export class RetainedMessages {
  readonly #options: RetainedOptions
  readonly #limits: RetainedLimits
  readonly #byScope = new Map<string, ScopedRetained>()

  constructor(options: RetainedOptions) {
    this.#options = options
    this.#limits = { ...RETAINED_LIMITS, ...options.limits }
  }

  /** Gives those of an account and region, the same object each time. */
  in(scope: Scope): ScopedRetained {
    const key = `${scope.account}/${scope.region}`
    let scoped = this.#byScope.get(key)
    if (scoped === undefined) {
      scoped = new ScopedRetained(scope, this.#options, this.#limits)
      this.#byScope.set(key, scoped)
    }
    return scoped
  }
}

/** The retained messages of one account and region, at most one for each topic. */
export class ScopedRetained {
  readonly #scope: Scope
  readonly #store: RetainedStore
  readonly #clock: Clock
  readonly #limits: RetainedLimits
  readonly #rate: TokenBucket
  readonly #topicRates: KeyedRates
  /** There are at most as many: counted once, then one more with each that was kept. */
  #countMax: number | undefined
  #countedAt: Instant | undefined

  constructor(scope: Scope, { store, clock }: RetainedOptions, limits: RetainedLimits) {
    this.#scope = scope
    this.#store = store
    this.#clock = clock
    this.#limits = limits
    this.#rate = new TokenBucket(limits.perSecond)
    this.#topicRates = new KeyedRates(limits.perTopicPerSecond)
  }

  /**
   * Judges by the limits whether a client's message may be retained, and counts it; gives why not.
   *
   * @param deletes Whether its payload is empty: that needs no room.
   */
  refusal(topic: string, deletes: boolean): Fault | undefined {
    const now = this.#clock.now()
    const { messagesMax, perSecond, perTopicPerSecond } = this.#limits
    if (!this.#topicRates.take(topic, now)) return mqttFault('MQTT_RETAINED_TOO_FAST', { max: perTopicPerSecond })
    if (!this.#rate.take(1, now)) return mqttFault('MQTT_RETAINED_TOO_FAST', { max: perSecond })
    if (deletes || this.#hasRoom(now) || this.#store.read(this.#scope, topic) !== undefined) return undefined
    return mqttFault('MQTT_RETAINED_TOO_MANY', { max: messagesMax })
  }

  /** Gives the message of a topic as it came; `undefined` when there is none, or it has expired. */
  get(topic: string): Message | undefined {
    const found = this.#store.read(this.#scope, topic)
    if (found === undefined || hasExpired(found.expiresAt, this.#clock.now())) return undefined
    return found.message
  }

  /** Gives what is retained, ordered by topic, behind the topic `after`. */
  list({ after = '', limit }: { readonly after?: string; readonly limit: number }): readonly RetainedSummary[] {
    return this.#store.list(this.#scope, { prefix: '', after, limit, now: this.#clock.now() })
  }

  /**
   * Gives the messages that a filter matches, one at a time: each is read when it is asked for.
   *
   * @param hashMatchesParent Whether `a/#` matches `a`.
   */
  *matching(filter: TopicFilter, hashMatchesParent: boolean): Generator<Message> {
    if (!hasWildcard(filter)) {
      const message = this.get(filter)
      if (message !== undefined) yield message
      return
    }
    // `a/#` may match `a`, which has no slash.
    const prefix = filter.slice(0, Math.max(0, filter.search(/[+#]/) - 1))
    for (let after = ''; ; ) {
      const page = this.#store.list(this.#scope, { prefix, after, limit: PAGE, now: this.#clock.now() })
      for (const { topic } of page) {
        after = topic
        const message = topicMatches(filter, topic, hashMatchesParent) ? this.get(topic) : undefined
        if (message !== undefined) yield message
      }
      if (page.length < PAGE) return
    }
  }

  /**
   * Keeps a copy of a message in place of the one that its topic had; an empty payload deletes that one (MQTT 5.0
   * §3.3.1.3).
   *
   * @returns resolves when it is on disk
   * @throws (rejects) what {@link RetainedStore.write} does
   */
  put(message: Message): Promise<void> {
    if (message.payload.length === 0) return this.delete(message.topic)
    if (this.#countMax !== undefined) this.#countMax++
    const { messageExpiryInterval: lasts } = message.properties
    const expiresAt = lasts === undefined ? undefined : later(message.receivedAt, millis(lasts * 1000))
    return this.#store.write({ do: 'put', scope: this.#scope, message: keptMessage(message), expiresAt })
  }

  /** Forgets the message of a topic. @returns resolves when that is on disk */
  delete(topic: string): Promise<void> {
    return this.#store.write({ do: 'delete', scope: this.#scope, topic })
  }

  /** Counting takes its time with many messages, so that it is not done again at once when it did not help. */
  #hasRoom(now: Instant): boolean {
    const { messagesMax } = this.#limits
    const isFull = (): boolean => this.#countMax === undefined || this.#countMax >= messagesMax
    if (!isFull()) return true
    if (this.#countedAt !== undefined && Math.abs(now - this.#countedAt) < COUNT_EVERY) return false
    this.#countedAt = now
    this.#countMax = this.#store.count(this.#scope)
    if (!isFull()) return true
    this.#store.dropExpired(now)
    this.#countMax = this.#store.count(this.#scope)
    return !isFull()
  }
}

function hasExpired(expiresAt: Instant | undefined, now: Instant): boolean {
  return expiresAt !== undefined && expiresAt <= now
}

/** Topics read in one go while a filter with wildcards is matched. */
const PAGE = 256
const COUNT_EVERY = seconds(1)

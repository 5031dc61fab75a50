import { Delivery, type Grant, lowerQos, type Message, type QoS, type TopicFilter } from '@birthmark/cloud/mqtt'
import type { ScopedRetained } from '@birthmark/cloud/retained'
import type { ClientSession, Consumer } from '@birthmark/cloud/sessions'
import { type Cancel, millis, type Timers } from '@birthmark/foundation/kernel'

/** The retained messages of one account and region, as connections use them. */
export type RetainedSource = Pick<ScopedRetained, 'refusal' | 'matching'>

/** What a replay needs of its session. */
export interface ReplayPorts {
  readonly retained: RetainedSource
  readonly hashMatchesParent: boolean
  readonly timers: Timers
  readonly client: Consumer
  /** A session that lasts: it keeps what its client is given, as it keeps what is published. */
  readonly durable: ClientSession | undefined
}

/**
 * Gives a client what is retained for its new subscriptions, as fast as it takes it: a filter with wildcards may match
 * more than anybody can keep in memory.
 */
export class RetainedReplay {
  readonly #ports: ReplayPorts
  readonly #waiting = new Map<TopicFilter, { readonly grant: Grant; readonly messages: Iterator<Message> }>()
  #cancel: Cancel | undefined
  #isPumping = false

  constructor(ports: ReplayPorts) {
    this.#ports = ports
  }

  /** Begins with what is retained for a subscription; once more when it is made once more. */
  start(filter: TopicFilter, grant: Grant): void {
    const { retained, hashMatchesParent } = this.#ports
    this.#waiting.set(filter, { grant, messages: retained.matching(filter, hashMatchesParent) })
    this.pump()
  }

  /** The subscription has ended. */
  stop(filter: TopicFilter): void {
    this.#waiting.delete(filter)
  }

  /** The connection has ended. */
  end(): void {
    this.#waiting.clear()
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** Goes on while the client has room. */
  pump(): void {
    if (this.#isPumping || this.#waiting.size === 0) return
    this.#isPumping = true
    try {
      this.#give()
    } catch (error) {
      this.#ports.client.fail(error)
    } finally {
      this.#isPumping = false
    }
  }

  #give(): void {
    const { client } = this.#ports
    let left = MESSAGES_PER_TURN
    for (const [filter, { grant, messages }] of this.#waiting) {
      for (;;) {
        if (left === 0 || client.room === 0) return this.#goOnLater()
        const next = messages.next()
        if (next.done === true) break
        left--
        const identifiers = grant.identifier === undefined ? [] : [grant.identifier]
        this.#deliver(new Delivery(next.value, { retain: true, identifiers }), lowerQos(next.value.qos, grant.qos))
      }
      this.#waiting.delete(filter)
    }
  }

  #deliver(delivery: Delivery, qos: QoS): void {
    const { client, durable } = this.#ports
    if (qos === 0 || durable?.keep === undefined) client.deliver(delivery, qos)
    else void durable.keep(delivery, qos)
  }

  /** Nobody says when a rate has recovered, so that it looks again by itself. */
  #goOnLater(): void {
    if (this.#cancel !== undefined || this.#waiting.size === 0) return
    this.#cancel = this.#ports.timers.after(LOOK_AGAIN, () => {
      this.#cancel = undefined
      this.pump()
    })
  }
}

/** Messages given before others have their turn. */
const MESSAGES_PER_TURN = 100
const LOOK_AGAIN = millis(10)

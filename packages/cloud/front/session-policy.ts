import type { Denial, SessionPolicy, TopicFilter, TopicName } from '@birthmark/cloud/mqtt'
import type { BoundPolicies, PolicyAction } from '@birthmark/cloud/policy'
import type { Scope } from '@birthmark/cloud/registry'
import { resourceArn } from './policy-context.ts'

/** What one session may do, by the policies of its certificate; they can be exchanged while it lives. */
export class IdentityPolicy implements SessionPolicy {
  #policies: BoundPolicies
  readonly #topics: string
  readonly #filters: string
  readonly #published = new Decided()
  readonly #received = new Decided()

  constructor(policies: BoundPolicies, scope: Scope) {
    this.#policies = policies
    this.#topics = resourceArn(scope, 'topic/')
    this.#filters = resourceArn(scope, 'topicfilter/')
  }

  /** Decides by `policies` from now on. */
  exchange(policies: BoundPolicies): void {
    this.#policies = policies
    this.#published.clear()
    this.#received.clear()
  }

  publish(topic: TopicName): Denial | undefined {
    const known = this.#published.get(topic)
    return (known ?? this.#published.keep(topic, this.#denial('iot:Publish', this.#topics + topic))) || undefined
  }

  retainPublish(topic: TopicName): Denial | undefined {
    return this.#denial('iot:RetainPublish', this.#topics + topic)
  }

  subscribe(filter: TopicFilter): Denial | undefined {
    return this.#denial('iot:Subscribe', this.#filters + filter)
  }

  receive(topic: TopicName): boolean {
    const known = this.#received.get(topic)
    return (known ?? this.#received.keep(topic, this.#denial('iot:Receive', this.#topics + topic))) === ALLOWED
  }

  #denial(action: PolicyAction, resource: string): Denial | undefined {
    const decision = this.#policies.decide({ action, resource })
    return decision.effect === 'deny' ? decision : undefined
  }
}

/** What was decided lately. Topics come from the decoder's memory, so that the same one is the same string. */
class Decided {
  #decisions: Map<TopicName, Denial | typeof ALLOWED> | undefined

  /** Gives what was decided, if that is remembered. */
  get(topic: TopicName): Denial | typeof ALLOWED | undefined {
    return this.#decisions?.get(topic)
  }

  /** Remembers a decision, and gives it. */
  keep(topic: TopicName, denial: Denial | undefined): Denial | typeof ALLOWED {
    this.#decisions ??= new Map()
    const decisions = this.#decisions
    if (decisions.size >= REMEMBERED_TOPICS_MAX) decisions.delete(decisions.keys().next().value ?? topic)
    decisions.set(topic, denial ?? ALLOWED)
    return denial ?? ALLOWED
  }

  clear(): void {
    this.#decisions = undefined
  }
}

/** Stands for a decision that denies nothing. */
const ALLOWED = false

/**
 * Topics whose decision a session remembers, for each action; at the limit the oldest is forgotten. A service that
 * listens to a whole fleet cycles through its topics, a device uses a few. At about 100 bytes each, 200 KB at most.
 */
const REMEMBERED_TOPICS_MAX = 1024

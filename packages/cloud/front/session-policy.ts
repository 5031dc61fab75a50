import type { Denial, SessionPolicy, TopicFilter, TopicName } from '@birthmark/cloud/mqtt'
import type { BoundPolicies, PolicyAction } from '@birthmark/cloud/policy'
import type { Scope } from '@birthmark/cloud/registry'
import { resourceArn } from './policy-context.ts'

/** What one session may do, by the policies of its certificate; they can be exchanged while it lives. */
export class IdentityPolicy implements SessionPolicy {
  #policies: BoundPolicies
  readonly #topics: string
  readonly #filters: string

  constructor(policies: BoundPolicies, scope: Scope) {
    this.#policies = policies
    this.#topics = resourceArn(scope, 'topic/')
    this.#filters = resourceArn(scope, 'topicfilter/')
  }

  /** Decides by `policies` from now on. */
  exchange(policies: BoundPolicies): void {
    this.#policies = policies
  }

  publish(topic: TopicName): Denial | undefined {
    return this.#denial('iot:Publish', this.#topics + topic)
  }

  subscribe(filter: TopicFilter): Denial | undefined {
    return this.#denial('iot:Subscribe', this.#filters + filter)
  }

  receive(topic: TopicName): boolean {
    return this.#denial('iot:Receive', this.#topics + topic) === undefined
  }

  #denial(action: PolicyAction, resource: string): Denial | undefined {
    const decision = this.#policies.decide({ action, resource })
    return decision.effect === 'deny' ? decision : undefined
  }
}

/** Allows everything: for the listener without TLS, which asks nobody who they are. */
export const ALLOW_EVERYTHING: SessionPolicy = {
  publish: () => undefined,
  subscribe: () => undefined,
  receive: () => true,
}

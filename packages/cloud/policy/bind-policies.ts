import { BoundStatement } from './bind-statement.ts'
import type { PolicyDocument } from './document.ts'
import type { AccessRequest, Decision, PolicyContext } from './model.ts'

/** A policy as it is attached: its name and its parsed document. */
export interface NamedPolicy {
  readonly name: string
  readonly document: PolicyDocument
}

/** All policies of one connection, ready to decide. */
export interface BoundPolicies {
  /**
   * Judges one access: an explicit Deny in any policy wins, then any Allow, otherwise it is denied (AWS IoT Core
   * developer guide, evaluation logic). Repeated questions are answered from memory.
   */
  decide(request: AccessRequest): Decision
}

/**
 * Binds policies to a connection: replaces the variables, judges the conditions. Nothing of `context` is looked at
 * again, so a change of the registry needs new bound policies.
 */
export function bindPolicies(policies: readonly NamedPolicy[], context: PolicyContext): BoundPolicies {
  const statements = policies.flatMap(({ name, document }) =>
    document.statements.map(
      (statement, index) => new BoundStatement(statement, { policy: name, index, sid: statement.sid }, context),
    ),
  )
  return new RememberingPolicies(statements)
}

/** Bound policies that remember what they decided lately. A class, because closures would keep the context alive. */
class RememberingPolicies implements BoundPolicies {
  readonly #statements: readonly BoundStatement[]
  readonly #decided = new Map<Action, Map<string, Decision>>()

  constructor(statements: readonly BoundStatement[]) {
    this.#statements = statements
  }

  decide({ action, resource }: AccessRequest): Decision {
    const known = this.#decided.get(action)?.get(resource)
    if (known !== undefined) return known
    const decision = this.#judge(action, resource)
    // A connection asks only once whether it may be.
    if (action !== 'iot:Connect') this.#remember(action, resource, decision)
    return decision
  }

  #judge(action: Action, resource: string): Decision {
    const named = this.#statements.filter((statement) => statement.matchesAction(action))
    const deny = named.find((statement) => statement.effect === 'Deny' && statement.matches(resource))
    if (deny !== undefined) return { effect: 'deny', why: 'explicit-deny', by: deny.ref }
    const allows = named.filter(({ effect }) => effect === 'Allow')
    const allow = allows.find((statement) => statement.matches(resource))
    if (allow !== undefined) return { effect: 'allow', by: allow.ref }
    const near = allows.slice(0, NEAR_MISSES_MAX).map((statement) => statement.nearMiss(resource))
    return { effect: 'deny', why: 'no-statement-matched', considered: this.#statements.length, near }
  }

  #remember(action: Action, resource: string, decision: Decision): void {
    let decided = this.#decided.get(action)
    if (decided === undefined) {
      decided = new Map()
      this.#decided.set(action, decided)
    }
    if (decided.size >= REMEMBERED_DECISIONS_MAX) {
      for (const oldest of decided.keys()) {
        decided.delete(oldest)
        break
      }
    }
    decided.set(resource, decision)
  }
}

type Action = AccessRequest['action']

/**
 * Decisions remembered per connection and action; at the limit the oldest is forgotten. A device that uses more topics
 * in turn is judged anew each time. At about 300 bytes each they stay under 100 KB for the four actions.
 */
export const REMEMBERED_DECISIONS_MAX = 64

/** Near misses that a decision names; the first ones in the order of the policies. */
export const NEAR_MISSES_MAX = 5

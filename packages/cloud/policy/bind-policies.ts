import { BoundStatement, bindStatement } from './bind-statement.ts'
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
   * developer guide, evaluation logic).
   */
  decide(request: AccessRequest): Decision
}

/**
 * Binds policies to a connection: replaces the variables, judges the conditions. Nothing of `context` is looked at
 * again, so a change of the registry needs new bound policies.
 */
export function bindPolicies(policies: readonly NamedPolicy[], context: PolicyContext): BoundPolicies {
  const statements = policies.flatMap(({ name, document }) =>
    document.statements.map((statement, index) =>
      bindStatement(statement, { policy: name, index, sid: statement.sid }, context),
    ),
  )
  return new JudgingPolicies(statements.slice())
}

/** A class, because closures would keep the context alive. */
class JudgingPolicies implements BoundPolicies {
  readonly #statements: readonly BoundStatement[]
  /** The statements that name an action, for those asked for so far; made when one is asked for that may come again. */
  #naming: Map<Action, Naming> | undefined

  constructor(statements: readonly BoundStatement[]) {
    this.#statements = statements
  }

  decide({ action, resource }: AccessRequest): Decision {
    const { denies, allows } = this.#namingOf(action)
    const deny = denies.find((statement) => statement.matches(resource))
    if (deny !== undefined) return { effect: 'deny', why: 'explicit-deny', by: deny.ref }
    const allow = allows.find((statement) => statement.matches(resource))
    if (allow !== undefined) return { effect: 'allow', by: allow.ref }
    const near = allows.slice(0, NEAR_MISSES_MAX).map((statement) => statement.nearMiss(resource))
    return { effect: 'deny', why: 'no-statement-matched', considered: this.#statements.length, near }
  }

  #namingOf(action: Action): Naming {
    const known = this.#naming?.get(action)
    if (known !== undefined) return known
    const denies: BoundStatement[] = []
    const allows: BoundStatement[] = []
    for (const statement of this.#statements) {
      if (statement.matchesAction(action)) (statement.effect === 'Deny' ? denies : allows).push(statement)
    }
    const naming = { denies, allows }
    if (action !== 'iot:Connect') (this.#naming ??= new Map()).set(action, naming)
    return naming
  }
}

interface Naming {
  readonly denies: readonly BoundStatement[]
  readonly allows: readonly BoundStatement[]
}

type Action = AccessRequest['action']

/** Near misses that a decision names; the first ones in the order of the policies. */
export const NEAR_MISSES_MAX = 5

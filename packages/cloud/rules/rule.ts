import { ruleFault } from './faults.ts'
import { parseSql } from './parse-sql.ts'
import type { Query } from './sql.ts'

/** A topic rule, as it is run. */
export interface TopicRule {
  readonly query: Query
  readonly isDisabled: boolean
  readonly actions: readonly RuleAction[]
  readonly errorAction: RuleAction | undefined
}

/** What a rule does with each message that it takes. */
export type RuleAction =
  | { readonly do: 'lambda'; readonly functionArn: string }
  | { readonly do: 'republish'; readonly topic: string; readonly qos: 0 | 1 }

/**
 * Reads a rule from the payload by which AWS IoT describes it (TopicRulePayload).
 *
 * @throws `RULE_SQL_MALFORMED`, `RULE_ACTION_UNSUPPORTED` (caller)
 */
export function parseRule(payload: Readonly<Record<string, unknown>>): TopicRule {
  const { sql, actions, errorAction, ruleDisabled } = payload
  return {
    query: parseSql(typeof sql === 'string' ? sql : ''),
    isDisabled: ruleDisabled === true,
    actions: Array.isArray(actions) ? actions.map(parseAction) : [],
    errorAction: errorAction === undefined || errorAction === null ? undefined : parseAction(errorAction),
  }
}

function parseAction(action: unknown): RuleAction {
  const given = Object.entries(members(action)).filter(([, value]) => value !== undefined && value !== null)
  for (const [name, value] of given) {
    const { functionArn, topic, qos } = members(value)
    if (name === 'lambda' && typeof functionArn === 'string') return { do: 'lambda', functionArn }
    if (name === 'republish' && typeof topic === 'string') return { do: 'republish', topic, qos: qos === 1 ? 1 : 0 }
  }
  throw ruleFault('RULE_ACTION_UNSUPPORTED', { action: given[0]?.[0] ?? 'without a name' })
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

import type { PolicyCondition, PolicyStatement } from './document.ts'
import type { NearMiss, PolicyContext } from './model.ts'
import { NULL_OPERATOR } from './operators.ts'
import { bindTemplate } from './template.ts'
import { keyValues, substitution } from './variables.ts'

/** Gives the first condition of a statement that does not hold for a connection; `undefined` when all hold. */
export function evaluateConditions(
  statement: PolicyStatement,
  context: PolicyContext,
): Omit<NearMiss, 'statement'> | undefined {
  for (const condition of statement.conditions) {
    const wanted = bindValues(condition, context)
    const harmless = statement.effect === 'Deny' || !condition.operator.negated
    if (wanted.unresolved !== undefined && !harmless) return { because: 'variable', detail: wanted.unresolved }
    if (holds(condition, keyValues(context, condition.key), wanted.values)) continue
    if (wanted.unresolved !== undefined) return { because: 'variable', detail: wanted.unresolved }
    return { because: 'condition', detail: `${condition.text} ${condition.key}` }
  }
  return undefined
}

/** Judges one condition (IAM user guide, multivalued context keys). A key with an empty set counts as absent. */
function holds(condition: PolicyCondition, have: readonly string[] | undefined, wanted: readonly string[]): boolean {
  const { operator, qualifier } = condition
  const present = have !== undefined && have.length > 0
  if (operator.name === NULL_OPERATOR) return wanted.some((value) => operator.matches(String(!present), value))
  if (!present) {
    if (condition.ifExists || qualifier === 'ForAllValues') return true
    return operator.negated && qualifier === undefined
  }
  const satisfied = (value: string): boolean => {
    return wanted.some((pattern) => operator.matches(value, pattern)) !== operator.negated
  }
  const every = qualifier === 'ForAllValues' || (qualifier === undefined && operator.negated)
  return every ? have.every(satisfied) : have.some(satisfied)
}

interface BoundValues {
  /** Marked text of the values whose variables have values; the others match nothing. */
  readonly values: readonly string[]
  /** A variable without a value. */
  readonly unresolved: string | undefined
}

function bindValues(condition: PolicyCondition, context: PolicyContext): BoundValues {
  const values: string[] = []
  let unresolved: string | undefined
  for (const template of condition.values) {
    const bound = bindTemplate(template, (variable) => substitution(context, variable))
    if (bound.ok) values.push(bound.marked)
    else unresolved ??= bound.variable
  }
  return { values, unresolved }
}

import type { Operator } from './operators.ts'
import type { Template } from './template.ts'

/** A policy document that was read and found well formed; it belongs to no connection yet. */
export interface PolicyDocument {
  /** Variables have a meaning in `2012-10-17` only. */
  readonly version: '2008-10-17' | '2012-10-17'
  readonly statements: readonly PolicyStatement[]
}

/** One statement: an effect on the requests that its actions, resources and conditions all match. */
export interface PolicyStatement {
  readonly sid: string | undefined
  readonly effect: 'Allow' | 'Deny'
  /** `negated` for NotAction. Patterns are in lower case: actions ignore case. */
  readonly actions: { readonly negated: boolean; readonly patterns: readonly Template[] }
  /** `negated` for NotResource. */
  readonly resources: { readonly negated: boolean; readonly patterns: readonly Template[] }
  /** All must hold. */
  readonly conditions: readonly PolicyCondition[]
}

/** One key under one operator; one of its values must match. */
export interface PolicyCondition {
  /** The operator as written, with qualifier and `IfExists`. */
  readonly text: string
  readonly operator: Operator
  readonly qualifier: 'ForAnyValue' | 'ForAllValues' | undefined
  readonly ifExists: boolean
  readonly key: string
  readonly values: readonly Template[]
}

import { evaluateConditions } from './conditions.ts'
import type { PolicyStatement } from './document.ts'
import { compileGlob, type Glob, globText, matchesGlob } from './glob.ts'
import type { AccessRequest, NearMiss, PolicyContext, StatementRef } from './model.ts'
import { bindTemplate, type Template } from './template.ts'
import { substitution } from './variables.ts'

/**
 * Binds a statement to a connection. One that asks nothing of the connection is bound once, for all of them: most of a
 * fleet's policies is the same for every device, and a server holds tens of thousands.
 */
export function bindStatement(statement: PolicyStatement, ref: StatementRef, context: PolicyContext): BoundStatement {
  const shared = constants.get(statement)
  if (shared !== undefined && shared.ref.policy === ref.policy && shared.ref.index === ref.index) return shared
  const bound = new BoundStatement(statement, ref, context)
  if (isConstant(statement)) constants.set(statement, bound)
  return bound
}

function isConstant({ conditions, resources }: PolicyStatement): boolean {
  return conditions.length === 0 && resources.patterns.every(({ constant }) => constant !== undefined)
}

/** The statements that hold for every connection alike, by what they were read from, under the policy's last name. */
const constants = new WeakMap<PolicyStatement, BoundStatement>()

/** Which actions statements name, of those asked for: it depends on no connection, and every one asks. */
const named = new WeakMap<PolicyStatement, Map<string, boolean>>()

/** Actions that are remembered for a statement; connections ask for five. At the limit: others are judged each time. */
const NAMED_ACTIONS_MAX = 16

/**
 * A statement as it holds for one connection: conditions judged, variables replaced. An unresolved variable matches
 * nothing, and where that would widen what an Allow grants (in NotResource, under a negated operator) the whole Allow
 * does not match.
 */
export class BoundStatement {
  readonly ref: StatementRef
  /** What keeps the statement from ever matching on this connection. */
  readonly failed: NearMiss | undefined
  readonly #statement: PolicyStatement
  readonly #patterns: readonly BoundResource[]
  /** Those of {@link #patterns} that can match. */
  readonly #globs: readonly Glob[]

  constructor(statement: PolicyStatement, ref: StatementRef, context: PolicyContext) {
    this.ref = ref
    this.#statement = statement
    const patterns = statement.resources.patterns.map((template) => bindResource(template, context))
    // A copy, because what a filter gives has room for more.
    this.#globs = patterns.filter((pattern): pattern is Glob => !isUnresolved(pattern)).slice()
    this.#patterns = this.#globs.length === patterns.length ? this.#globs : patterns
    const failure = evaluateConditions(statement, context) ?? this.#widened()
    this.failed = failure === undefined ? undefined : { statement: ref, ...failure }
  }

  get effect(): 'Allow' | 'Deny' {
    return this.#statement.effect
  }

  matchesAction(action: AccessRequest['action']): boolean {
    const known = named.get(this.#statement) ?? new Map<string, boolean>()
    const before = known.get(action)
    if (before !== undefined) return before
    const { negated, patterns } = this.#statement.actions
    const text = action.toLowerCase()
    const isNamed = patterns.some(({ constant }) => constant !== undefined && matchesGlob(constant, text)) !== negated
    if (known.size < NAMED_ACTIONS_MAX) named.set(this.#statement, known.set(action, isNamed))
    return isNamed
  }

  /** Tells whether the conditions hold and the resource is meant. The action is asked for first. */
  matches(resource: string): boolean {
    if (this.failed !== undefined) return false
    const isNamed = this.#globs.some((glob) => matchesGlob(glob, resource))
    return isNamed !== this.#statement.resources.negated
  }

  /** Says what kept a statement that names the action from matching the resource. */
  nearMiss(resource: string): NearMiss {
    if (this.failed !== undefined) return this.failed
    const statement = this.ref
    if (this.#statement.resources.negated) {
      const excluding = this.#globs.find((glob) => matchesGlob(glob, resource))
      const text = excluding === undefined ? '' : globText(excluding)
      return { statement, because: 'resource', detail: `NotResource ${text}` }
    }
    const nearest = nearestPattern(this.#patterns, resource)
    if (nearest === undefined) return { statement, because: 'resource', detail: '' }
    if (isUnresolved(nearest)) return { statement, because: 'variable', detail: nearest.unresolved }
    return { statement, because: 'resource', detail: textOf(nearest) }
  }

  #widened(): Omit<NearMiss, 'statement'> | undefined {
    if (!this.#statement.resources.negated || this.effect === 'Deny') return undefined
    const unresolved = this.#patterns.find(isUnresolved)
    return unresolved && { because: 'variable', detail: unresolved.unresolved }
  }
}

/** A pattern with its variables replaced; or one that matches nothing because a variable has no value. */
type BoundResource = Glob | Unresolved

interface Unresolved {
  /** The pattern as it stands in the document. */
  readonly text: string
  readonly unresolved: string
}

function bindResource(template: Template, context: PolicyContext): BoundResource {
  if (template.constant !== undefined) return template.constant
  const bound = bindTemplate(template, (variable) => substitution(context, variable))
  return bound.ok ? compileGlob(bound.marked) : { text: template.text, unresolved: bound.variable }
}

function isUnresolved(pattern: BoundResource): pattern is Unresolved {
  return 'unresolved' in pattern
}

/** Gives a pattern as a person would write it. */
function textOf(pattern: BoundResource): string {
  return isUnresolved(pattern) ? pattern.text : globText(pattern)
}

/** Gives the pattern that agrees longest with the resource: most often the one that was meant. */
function nearestPattern(patterns: readonly BoundResource[], resource: string): BoundResource | undefined {
  const agreements = patterns.map((pattern) => agreement(textOf(pattern), resource))
  return patterns[agreements.indexOf(Math.max(...agreements))]
}

/** Counts the characters that both begin with. */
function agreement(left: string, right: string): number {
  let count = 0
  while (count < left.length && left[count] === right[count]) count++
  return count
}

import type { DocumentExpression, Expression, JsonExpression, ListExpression, SubPart } from './expression.ts'
import { quoted } from './faults.ts'
import type { Place } from './place.ts'
import type { Mappings } from './template.ts'

/** What the expressions of a template may use. */
export interface Declarations {
  /** Names of the parameters, `AWS::IoT::Certificate::Id` included. */
  readonly parameters: ReadonlySet<string>
  readonly mappings: Mappings
  /** Whether this is inside a policy, where `Fn::Join` is not supported (developer guide, Provisioning templates). */
  readonly inPolicy: boolean
}

/**
 * Reads a text or a function that becomes one.
 *
 * @throws `TEMPLATE_VALUE_INVALID`, `TEMPLATE_FUNCTION_UNKNOWN`, `TEMPLATE_FUNCTION_MISPLACED`,
 * `TEMPLATE_NAME_UNDECLARED`
 */
export function parseExpression(place: Place, declared: Declarations): Expression {
  if (place.node.kind === 'string') return { kind: 'text', text: place.node.value }
  const [name, argument] = functionOf(place)
  switch (name) {
    case 'Ref':
      return parseRef(argument, argument.text('the name of a parameter'), declared)
    case 'Fn::Join':
      return parseJoin(argument, declared)
    case 'Fn::Select':
      return parseSelect(argument, declared)
    case 'Fn::FindInMap':
      return parseFindInMap(argument, declared)
    case 'Fn::Sub':
      return parseSub(argument, declared)
    case 'Fn::Split':
      throw argument.fault('TEMPLATE_FUNCTION_MISPLACED', {
        why: 'Fn::Split gives a list where a text is needed; put Fn::Select or Fn::Join around it',
      })
    default:
      throw argument.fault('TEMPLATE_FUNCTION_UNKNOWN', { known: FUNCTIONS.join(', ') })
  }
}

/** Reads a policy document: an object, or its JSON as a text. @throws as {@link parseExpression} */
export function parseDocument(place: Place, declared: Declarations): DocumentExpression {
  if (place.node.kind === 'string' || isFunction(place))
    return { kind: 'text', value: parseExpression(place, declared) }
  if (place.node.kind !== 'object') throw place.invalid('a policy document, or its JSON as a string')
  return { kind: 'json', root: parseJson(place, declared) }
}

/** Lets a `switch` on the function's name stay free of a default for objects that are no function at all. */
function functionOf(place: Place): readonly [string, Place] {
  if (place.node.kind !== 'object') throw place.invalid('a string or a function')
  const [first, ...others] = place.members()
  if (first === undefined || others.length > 0) throw place.invalid('a string, or an object with one function')
  return first
}

function parseRef(place: Place, parameter: string, declared: Declarations): Expression {
  if (!declared.parameters.has(parameter)) {
    throw place.fault('TEMPLATE_NAME_UNDECLARED', { name: `parameter ${quoted(parameter)}` })
  }
  return { kind: 'ref', path: place.where, parameter }
}

function parseJoin(place: Place, declared: Declarations): Expression {
  if (declared.inPolicy) {
    throw place.fault('TEMPLATE_FUNCTION_MISPLACED', { why: 'Fn::Join is not supported inside a policy; use Fn::Sub' })
  }
  const [delimiter, list] = argumentsOf(place, 2, '[delimiter, list]')
  return { kind: 'join', path: place.where, delimiter: delimiter.text(), list: parseList(list, declared) }
}

function parseSelect(place: Place, declared: Declarations): Expression {
  const [index, list] = argumentsOf(place, 2, '[index, list]')
  return {
    kind: 'select',
    path: place.where,
    index: index.node.kind === 'number' ? numberText(index) : parseExpression(index, declared),
    list: parseList(list, declared),
  }
}

function numberText(place: Place): Expression {
  if (place.node.kind !== 'number' || !Number.isSafeInteger(place.node.value) || place.node.value < 0) {
    throw place.invalid('a whole number from 0')
  }
  return { kind: 'text', text: String(place.node.value) }
}

function parseFindInMap(place: Place, declared: Declarations): Expression {
  const [map, key, name] = argumentsOf(place, 3, '[map, key, name]')
  const found = map.text('the name of a map')
  if (!declared.mappings.has(found)) throw map.fault('TEMPLATE_NAME_UNDECLARED', { name: `map ${quoted(found)}` })
  return {
    kind: 'find-in-map',
    path: place.where,
    map: found,
    key: parseExpression(key, declared),
    name: parseExpression(name, declared),
  }
}

function parseSub(place: Place, declared: Declarations): Expression {
  if (place.node.kind === 'string')
    return { kind: 'sub', path: place.where, parts: subParts(place, declared, new Map()) }
  const [text, bindings] = argumentsOf(place, 2, 'a string, or [string, {name: value}]')
  const bound = new Map(bindings.members().map(([name, value]) => [name, parseExpression(value, declared)]))
  return { kind: 'sub', path: place.where, parts: subParts(text, declared, bound) }
}

/** Cuts the text of `Fn::Sub` at its `${name}`. `${!name}` stands for the text `${name}`, and policy variables stay. */
function subParts(place: Place, declared: Declarations, bound: ReadonlyMap<string, Expression>): readonly SubPart[] {
  const parts: SubPart[] = []
  const text = place.text()
  let at = 0
  for (const { 0: whole, 1: name = '', index } of text.matchAll(/\$\{([^}]*)\}/g)) {
    parts.push({ kind: 'text', text: text.slice(at, index) }, subPart(place, whole, name, declared, bound))
    at = index + whole.length
  }
  const rest = text.slice(at)
  if (rest.includes('${')) throw place.invalid('a text in which every "${" is closed by "}"')
  return [...parts, { kind: 'text', text: rest }]
}

function subPart(
  place: Place,
  whole: string,
  name: string,
  declared: Declarations,
  bound: ReadonlyMap<string, Expression>,
): SubPart {
  const value = bound.get(name)
  if (value !== undefined) return { kind: 'value', value }
  if (declared.parameters.has(name))
    return { kind: 'value', value: { kind: 'ref', path: place.where, parameter: name } }
  if (name.startsWith('!')) return { kind: 'text', text: `\${${name.slice(1)}}` }
  if (POLICY_VARIABLE.test(name)) return { kind: 'text', text: whole }
  throw place.fault('TEMPLATE_NAME_UNDECLARED', { name: quoted(whole) })
}

/**
 * Reads a list of texts: a list of texts and functions, or `Fn::Split`.
 *
 * @throws as {@link parseExpression}
 */
export function parseList(place: Place, declared: Declarations): ListExpression {
  if (place.node.kind === 'array') {
    return { kind: 'items', items: place.items().map((item) => parseExpression(item, declared)) }
  }
  const split = place.node.kind === 'object' ? place.only(['Fn::Split']).member('Fn::Split') : undefined
  if (split === undefined) throw place.invalid('a list, or Fn::Split')
  const [delimiter, text] = argumentsOf(split, 2, '[delimiter, text]')
  if (delimiter.text() === '') throw delimiter.invalid('a text of at least one character')
  return { kind: 'split', path: split.where, delimiter: delimiter.text(), text: parseExpression(text, declared) }
}

function parseJson(place: Place, declared: Declarations): JsonExpression {
  const { node } = place
  switch (node.kind) {
    case 'string':
      return { kind: 'string', value: parseExpression(place, declared) }
    case 'number':
    case 'literal':
      return { kind: 'other', value: node.value }
    case 'array':
      return { kind: 'array', items: place.items().map((item) => parseJson(item, declared)) }
    case 'object':
      if (isFunction(place)) return { kind: 'string', value: parseExpression(place, declared) }
      return { kind: 'object', members: place.members().map(([name, member]) => [name, parseJson(member, declared)]) }
  }
}

/** A policy has no member named like a function, so one such name makes an object a function. */
function isFunction(place: Place): boolean {
  return place.node.kind === 'object' && place.members().some(([name]) => name === 'Ref' || name.startsWith('Fn::'))
}

function argumentsOf(place: Place, count: 2, expected: string): readonly [Place, Place]
function argumentsOf(place: Place, count: 3, expected: string): readonly [Place, Place, Place]
function argumentsOf(place: Place, count: number, expected: string): readonly Place[] {
  const items = place.items(expected)
  if (items.length !== count) throw place.invalid(expected)
  return items
}

const FUNCTIONS = ['Ref', 'Fn::Join', 'Fn::Select', 'Fn::FindInMap', 'Fn::Split', 'Fn::Sub']

/** `${iot:…}` and the like belong to the policy language (developer guide, Policy variables), and so do the escapes. */
const POLICY_VARIABLE = /^(?:(?:iot|aws|cognito-identity\.amazonaws\.com):[^:].*|[*?$])$/

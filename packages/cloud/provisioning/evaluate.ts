import type { Expression, ListExpression, SubPart } from './expression.ts'
import { provisioningFault, quoted } from './faults.ts'
import type { Mappings } from './template.ts'

/** What expressions are evaluated with. */
export interface Values {
  /** Gives the value of a declared parameter. @throws the fault of a missing one */
  parameter(name: string): string
  readonly mappings: Mappings
}

/**
 * Evaluates an expression.
 *
 * @throws `PROVISIONING_PARAMETER_MISSING`, `PROVISIONING_SELECT_OUT_OF_RANGE`, `PROVISIONING_MAP_ENTRY_MISSING`,
 * `PROVISIONING_VALUE_TOO_LONG`
 */
export function evaluate(expression: Expression, values: Values): string {
  switch (expression.kind) {
    case 'text':
      return expression.text
    case 'ref':
      return values.parameter(expression.parameter)
    case 'join':
      return bounded(expression.path, evaluateList(expression.list, values).join(expression.delimiter))
    case 'select':
      return select(expression, values)
    case 'find-in-map':
      return findInMap(expression, values)
    case 'sub':
      return expression.parts.reduce((text, part) => bounded(expression.path, text + partText(part, values)), '')
  }
}

/** Evaluates a list of texts. @throws as {@link evaluate} */
export function evaluateList(list: ListExpression, values: Values): readonly string[] {
  if (list.kind === 'items') return list.items.map((item) => evaluate(item, values))
  return evaluate(list.text, values).split(list.delimiter)
}

function select(expression: Extract<Expression, { kind: 'select' }>, values: Values): string {
  const list = evaluateList(expression.list, values)
  const index = evaluate(expression.index, values)
  const item = /^[0-9]{1,6}$/.test(index) ? list[Number(index)] : undefined
  if (item === undefined) {
    const context = { path: expression.path, index: quoted(index), length: list.length }
    throw provisioningFault('PROVISIONING_SELECT_OUT_OF_RANGE', context)
  }
  return item
}

function findInMap(expression: Extract<Expression, { kind: 'find-in-map' }>, values: Values): string {
  const { path, map } = expression
  const key = evaluate(expression.key, values)
  const name = evaluate(expression.name, values)
  const found = values.mappings.get(map)?.get(key)?.get(name)
  if (found === undefined) {
    const context = { path, map: quoted(map), key: quoted(key), name: quoted(name) }
    throw provisioningFault('PROVISIONING_MAP_ENTRY_MISSING', context)
  }
  return found
}

function partText(part: SubPart, values: Values): string {
  return part.kind === 'text' ? part.text : evaluate(part.value, values)
}

function bounded(path: string, text: string): string {
  if (text.length <= VALUE_CHARACTERS_MAX) return text
  throw provisioningFault('PROVISIONING_VALUE_TOO_LONG', { path, max: VALUE_CHARACTERS_MAX })
}

/**
 * Longest text that an expression may become, in characters. A policy document has 2048 besides white space, a
 * parameter 4096; nested functions could otherwise grow without end. At the limit: `PROVISIONING_VALUE_TOO_LONG`.
 */
export const VALUE_CHARACTERS_MAX = 65_536

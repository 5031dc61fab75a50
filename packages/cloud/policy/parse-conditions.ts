import type { PolicyCondition } from './document.ts'
import { malformed, quoted, readList, readObject, readTemplate, readText } from './json-reader.ts'
import { NULL_OPERATOR, operatorNamed } from './operators.ts'
import type { Template } from './template.ts'
import { isKnownKey } from './variables.ts'

/**
 * Reads the Condition of a statement into a flat list of which every entry must hold.
 *
 * @throws `POLICY_MALFORMED`
 */
export function parseConditions(value: unknown, path: string, variables: boolean): readonly PolicyCondition[] {
  return [...readObject(value, path)].flatMap(([text, keys]) => {
    const operator = parseOperator(text, path)
    const at = `${path}.${text}`
    return [...readObject(keys, at)].map(([key, values]): PolicyCondition => {
      return { ...operator, key: parseKey(key, at), values: parseValues(values, `${at}.${key}`, operator, variables) }
    })
  })
}

type ParsedOperator = Omit<PolicyCondition, 'key' | 'values'>

function parseOperator(text: string, path: string): ParsedOperator {
  const [, qualifier, name = '', suffix] = /^(?:(ForAnyValue|ForAllValues):)?(\w+?)(IfExists)?$/.exec(text) ?? []
  const operator = operatorNamed(name)
  if (operator === undefined) throw malformed(path, `${quoted(text)} is no condition operator`)
  if (operator.name === NULL_OPERATOR && suffix !== undefined) {
    throw malformed(path, 'Null already asks whether the key exists; IfExists cannot follow it')
  }
  return {
    text,
    operator,
    qualifier: qualifier === 'ForAnyValue' || qualifier === 'ForAllValues' ? qualifier : undefined,
    ifExists: suffix !== undefined,
  }
}

/** A key of AWS IoT or AWS that nothing here can give a value to would switch its condition off without a word. */
function parseKey(key: string, path: string): string {
  if (!isKnownKey(key)) throw malformed(path, `no connection has a value for the condition key ${quoted(key)}`)
  return readText(key, path)
}

/** JSON's booleans and numbers count as their text, as in IAM. */
function parseValues(value: unknown, path: string, parsed: ParsedOperator, variables: boolean): readonly Template[] {
  return readList(value, path).map(([element, at]) => {
    const plain = typeof element === 'boolean' || typeof element === 'number' ? String(element) : element
    const text = readText(plain, at)
    const { accepts, wants } = parsed.operator
    const template = readTemplate(text, at, variables)
    if (template.constant !== undefined && !accepts(text))
      throw malformed(at, `${quoted(text)} is not ${wants ?? 'valid'}`)
    return template
  })
}

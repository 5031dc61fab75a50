import type { Fault } from '@birthmark/foundation/kernel'
import { policyFault } from './faults.ts'
import { parseTemplate, type Template } from './template.ts'

/** Makes the fault of one place in a document. */
export function malformed(path: string, why: string): Fault {
  return policyFault('POLICY_MALFORMED', { path, why })
}

/**
 * Reads the JSON of a policy document: its size, its characters, its syntax, and that no object has a member twice
 * (most parsers would drop the first one silently, and a restriction with it).
 *
 * @throws `POLICY_MALFORMED`
 */
export function readJson(text: string): unknown {
  const stray = text.length > POLICY_TEXT_CHARACTERS_MAX ? -1 : text.search(/[^\t\n\r\x20-\x7e]/)
  if (stray >= 0) throw malformed('$', `the character at position ${stray} is not printable ASCII`)
  if (text.length > POLICY_TEXT_CHARACTERS_MAX || text.replaceAll(/\s/g, '').length > POLICY_CHARACTERS_MAX) {
    throw malformed('$', `it has more than ${POLICY_CHARACTERS_MAX} characters besides white space`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('$', 'it is not JSON')
  }
  const twice = duplicateMember(text)
  if (twice !== undefined) throw malformed('$', `the member ${quoted(twice)} occurs twice in one object`)
  return value
}

/** Gives the members of an object that may hold only `names`. @throws `POLICY_MALFORMED` */
export function readFields(value: unknown, path: string, names: readonly string[]): ReadonlyMap<string, unknown> {
  const fields = readObject(value, path)
  for (const name of fields.keys()) {
    if (!names.includes(name)) throw malformed(path, `the member ${quoted(name)} is unknown`)
  }
  return fields
}

/** Gives the members of an object. @throws `POLICY_MALFORMED` */
export function readObject(value: unknown, path: string): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(path, 'an object is needed')
  return new Map(Object.entries(value))
}

/** Gives the elements of a list, each with its path; a value that is no list counts as a list of one. */
export function readList(value: unknown, path: string): readonly (readonly [unknown, string])[] {
  return Array.isArray(value) ? value.map((element, index) => [element, `${path}[${index}]`]) : [[value, path]]
}

/** Gives a text of printable ASCII. @throws `POLICY_MALFORMED` */
export function readText(value: unknown, path: string): string {
  if (typeof value !== 'string') throw malformed(path, 'a string is needed')
  if (/[^\x20-\x7e]/.test(value)) throw malformed(path, 'only printable ASCII characters are allowed')
  return value
}

/** Gives the template of a text. @throws `POLICY_MALFORMED` when a variable is never closed */
export function readTemplate(text: string, path: string, variables: boolean): Template {
  const template = parseTemplate(text, variables)
  if (template === undefined) throw malformed(path, 'a "${" is not closed by "}"')
  return template
}

/** Quotes a text of the document for a message, at most 60 characters of it. */
export function quoted(text: string): string {
  return JSON.stringify(text.length <= 60 ? text : `${text.slice(0, 59)}…`)
}

/** Gives a member that one object of the JSON text has twice. */
function duplicateMember(text: string): string | undefined {
  const open: Set<string>[] = []
  let last = ''
  for (const [token] of text.matchAll(JSON_TOKEN)) {
    if (token === '{' || token === '[') open.push(new Set())
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const members = open.at(-1)
      const name: unknown = JSON.parse(last)
      if (typeof name !== 'string') continue
      if (members?.has(name)) return name
      members?.add(name)
    } else last = token
  }
  return undefined
}

/** Strings and the characters that structure JSON; numbers and literals in between do not matter. */
const JSON_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g

/**
 * Longest policy document, in characters that are not white space (AWS IoT Core quotas: policy document size). At the
 * limit: `POLICY_MALFORMED`.
 */
export const POLICY_CHARACTERS_MAX = 2048

/**
 * Longest text that is looked at as a policy document, in characters, white space included (AWS IoT API,
 * PolicyDocument: 404,600). At the limit: `POLICY_MALFORMED`.
 */
export const POLICY_TEXT_CHARACTERS_MAX = 404_600

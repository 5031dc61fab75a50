import { provisioningFault } from './faults.ts'

/** A JSON value that knows the line and the column it begins at, both from 1. */
export type JsonNode =
  | { readonly kind: 'string'; readonly value: string; readonly line: number; readonly column: number }
  | { readonly kind: 'number'; readonly value: number; readonly line: number; readonly column: number }
  | { readonly kind: 'literal'; readonly value: boolean | null; readonly line: number; readonly column: number }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[]; readonly line: number; readonly column: number }
  | {
      readonly kind: 'object'
      readonly members: ReadonlyMap<string, JsonNode>
      readonly line: number
      readonly column: number
    }

/**
 * Reads JSON (RFC 8259), keeping lines for messages. Stricter than the platform's reader in one point: a member that
 * occurs twice in an object is refused.
 *
 * @throws `TEMPLATE_NOT_JSON`, `TEMPLATE_TOO_DEEP`, `TEMPLATE_KEY_REPEATED`
 */
export function parseJsonText(text: string): JsonNode {
  const reader = new JsonTextReader(text)
  const node = reader.value('$', 1)
  reader.end()
  return node
}

class JsonTextReader {
  readonly #text: string
  #at = 0
  #line = 1
  #lineStart = 0

  constructor(text: string) {
    this.#text = text
    this.#skipWhite()
  }

  value(path: string, depth: number): JsonNode {
    const line = this.#line
    const column = this.#at - this.#lineStart + 1
    if (depth > JSON_DEPTH_MAX) throw provisioningFault('TEMPLATE_TOO_DEEP', { line, max: JSON_DEPTH_MAX })
    if (this.#accept('{')) return { kind: 'object', members: this.#members(path, depth), line, column }
    if (this.#accept('[')) return { kind: 'array', items: this.#items(path, depth), line, column }
    if (this.#text[this.#at] === '"') return { kind: 'string', value: this.#string(), line, column }
    const number = this.#take(NUMBER)
    if (number !== undefined) return { kind: 'number', value: Number(number), line, column }
    const literal = LITERALS.get(this.#take(LITERAL) ?? '')
    if (literal === undefined) throw this.#notJson('a value is expected')
    return { kind: 'literal', value: literal.value, line, column }
  }

  end(): void {
    if (this.#at < this.#text.length) throw this.#notJson('nothing may follow the value')
  }

  #members(path: string, depth: number): ReadonlyMap<string, JsonNode> {
    const members = new Map<string, JsonNode>()
    if (this.#accept('}')) return members
    do {
      const line = this.#line
      const column = this.#at - this.#lineStart + 1
      const name = this.#string()
      const inside = memberPath(path, name)
      if (members.has(name)) throw provisioningFault('TEMPLATE_KEY_REPEATED', { path: inside, line, column })
      if (!this.#accept(':')) throw this.#notJson('a colon is expected')
      members.set(name, this.value(inside, depth + 1))
    } while (this.#accept(','))
    if (!this.#accept('}')) throw this.#notJson('a comma or } is expected')
    return members
  }

  #items(path: string, depth: number): readonly JsonNode[] {
    const items: JsonNode[] = []
    if (this.#accept(']')) return items
    do items.push(this.value(`${path}[${items.length}]`, depth + 1))
    while (this.#accept(','))
    if (!this.#accept(']')) throw this.#notJson('a comma or ] is expected')
    return items
  }

  #string(): string {
    STRING.lastIndex = this.#at
    const token = STRING.exec(this.#text)?.[0]
    if (token === undefined) throw this.#notJson('a string is expected')
    const text = unquoted(token)
    if (text === undefined) throw this.#notJson('the string has a control character or an unknown escape')
    this.#at += token.length
    this.#skipWhite()
    return text
  }

  #accept(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    this.#skipWhite()
    return true
  }

  #take(token: RegExp): string | undefined {
    token.lastIndex = this.#at
    const found = token.exec(this.#text)?.[0]
    if (found === undefined) return undefined
    this.#at += found.length
    this.#skipWhite()
    return found
  }

  #skipWhite(): void {
    for (; ; this.#at += 1) {
      const character = this.#text[this.#at]
      if (character === '\n') {
        this.#line += 1
        this.#lineStart = this.#at + 1
      } else if (character !== ' ' && character !== '\t' && character !== '\r') return
    }
  }

  #notJson(why: string): Error {
    const column = this.#at - this.#lineStart + 1
    return provisioningFault('TEMPLATE_NOT_JSON', { line: this.#line, column, why })
  }
}

/** Gives the path of a member: `$.Resources.thing`, or `$["a b"]` where the name needs quotes. */
export function memberPath(path: string, name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_:-]{0,63}$/.test(name)) return `${path}.${name}`
  return `${path}[${JSON.stringify(name.length <= 60 ? name : `${name.slice(0, 59)}…`)}]`
}

/** Gives what a string token stands for; the platform knows the escapes. */
function unquoted(token: string): string | undefined {
  try {
    return String(JSON.parse(token))
  } catch {
    return undefined
  }
}

const STRING = /"(?:[^"\\]|\\.)*"/y
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const LITERAL = /true|false|null/y

const LITERALS: ReadonlyMap<string, { readonly value: boolean | null }> = new Map([
  ['true', { value: true }],
  ['false', { value: false }],
  ['null', { value: null }],
])

/**
 * Values nested in each other, at most. A policy document inside a function inside a property needs under 12. At the
 * limit: `TEMPLATE_TOO_DEEP`.
 */
export const JSON_DEPTH_MAX = 32

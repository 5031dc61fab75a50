import { notJson } from '@birthmark/factory/json'

/** A JSON value that only one reading is possible of, or why the text is refused. */
export type StrictJson = { readonly value: unknown } | { readonly why: string }

/**
 * Reads a JSON text (RFC 8259) and refuses what `JSON.parse` lets pass and two readers may understand differently: a
 * member that comes twice in one object; and nesting below `depthMax`.
 */
export function parseStrictJson(text: string, depthMax: number): StrictJson {
  let value: unknown
  try {
    // V8 parses without recursion; the text is bounded by the caller.
    value = JSON.parse(text)
  } catch {
    return { why: `it is ${notJson(text)}` }
  }
  const why = suspicionAbout(text, depthMax)
  return why === undefined ? { value } : { why }
}

/** The text is JSON, so that every string in it has its end and each quote is looked at once. */
function suspicionAbout(text: string, depthMax: number): string | undefined {
  /** The member names of each object that is open; `undefined` for a list. */
  const open: (Set<string> | undefined)[] = []
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') {
      if (open.length >= depthMax) return `it is nested deeper than ${depthMax} levels`
      open.push(token === '{' ? new Set() : undefined)
    } else if (token === '}' || token === ']') {
      open.pop()
    } else if (token.endsWith(':')) {
      const names = open.at(-1)
      const name = nameIn(token)
      if (names?.has(name)) return 'one of its members comes twice'
      names?.add(name)
    }
  }
  return undefined
}

/** Two spellings of a name (`a` is also written as `\u0061`) are one name. */
function nameIn(token: string): string {
  const literal = token.slice(0, token.lastIndexOf('"') + 1)
  return literal.includes('\\') ? String(JSON.parse(literal)) : literal.slice(1, -1)
}

/** A string, with the colon that makes it a name, and what opens and closes; the rest is of no interest here. */
const TOKENS = /"(?:[^"\\]|\\.)*"(?:[ \t\r\n]*:)?|[{}[\]]/gs

/** A JSON object's own members; `undefined` for any other value. */
export function membersOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return new Map<string, unknown>(Object.entries(value))
}

/** Where something stands in a text, both from 1. */
export interface TextPlace {
  readonly line: number
  readonly column: number
}

/** What {@link locateJson} finds. */
export interface LocatedJson {
  /** Where each value begins, by its path such as `$.Statement[0].Action`. */
  readonly values: ReadonlyMap<string, number>
  /** Members that an object has twice: path and where the second begins. */
  readonly repeated: readonly (readonly [path: string, at: number])[]
  /** What is no JSON, and where; the maps then hold what came before. */
  readonly failure: { readonly why: string; readonly at: number } | undefined
}

/** Gives the line and column of a position. */
export function placeAt(text: string, at: number): TextPlace {
  const before = text.slice(0, at)
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') }
}

/** Finds where each value of a JSON text stands (RFC 8259), and the first place where it is none. */
export function locateJson(text: string): LocatedJson {
  const values = new Map<string, number>()
  const repeated: [string, number][] = []
  const scanner = new Scanner(text, values, repeated)
  try {
    scanner.value('$', 1)
    scanner.end()
    return { values, repeated, failure: undefined }
  } catch (error) {
    if (!(error instanceof NoJson)) throw error
    return { values, repeated, failure: { why: error.message, at: scanner.at } }
  }
}

class NoJson extends Error {}

class Scanner {
  at = 0
  readonly #text: string
  readonly #values: Map<string, number>
  readonly #repeated: [string, number][]

  constructor(text: string, values: Map<string, number>, repeated: [string, number][]) {
    this.#text = text
    this.#values = values
    this.#repeated = repeated
    this.#skipWhite()
  }

  value(path: string, depth: number): void {
    if (depth > DEPTH_MAX) throw new NoJson(`values are nested more than ${DEPTH_MAX} deep`)
    if (!this.#values.has(path)) this.#values.set(path, this.at)
    if (this.#accept('{')) return this.#members(path, depth)
    if (this.#accept('[')) return this.#items(path, depth)
    if (this.#text[this.at] === '"') return void this.#string()
    if (!this.#take(SCALAR)) throw new NoJson('a value is expected')
  }

  end(): void {
    if (this.at < this.#text.length) throw new NoJson('nothing may follow the document')
  }

  #members(path: string, depth: number): void {
    if (this.#accept('}')) return
    const names = new Set<string>()
    do {
      const start = this.at
      const name = this.#string()
      if (names.has(name)) this.#repeated.push([`${path}.${name}`, start])
      names.add(name)
      if (!this.#accept(':')) throw new NoJson('a colon is expected')
      this.value(`${path}.${name}`, depth + 1)
    } while (this.#accept(','))
    if (!this.#accept('}')) throw new NoJson('a comma or } is expected')
  }

  #items(path: string, depth: number): void {
    if (this.#accept(']')) return
    let index = 0
    do this.value(`${path}[${index++}]`, depth + 1)
    while (this.#accept(','))
    if (!this.#accept(']')) throw new NoJson('a comma or ] is expected')
  }

  #string(): string {
    const start = this.at
    if (!this.#take(STRING)) throw new NoJson('a string in double quotes is expected')
    try {
      return String(JSON.parse(this.#text.slice(start, this.at).trimEnd()))
    } catch {
      this.at = start
      throw new NoJson('the string has a control character or an unknown escape')
    }
  }

  #accept(character: string): boolean {
    if (this.#text[this.at] !== character) return false
    this.at += 1
    this.#skipWhite()
    return true
  }

  #take(token: RegExp): boolean {
    token.lastIndex = this.at
    const found = token.exec(this.#text)?.[0]
    if (found === undefined) return false
    this.at += found.length
    this.#skipWhite()
    return true
  }

  #skipWhite(): void {
    WHITE.lastIndex = this.at
    this.at += WHITE.exec(this.#text)?.[0].length ?? 0
  }
}

const STRING = /"(?:[^"\\]|\\.)*"/y
const SCALAR = /(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?![\w.])/y
const WHITE = /[ \t\r\n]*/y
/** Values nested in each other, at most; a policy needs six. */
const DEPTH_MAX = 32

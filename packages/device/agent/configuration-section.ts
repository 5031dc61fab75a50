import { messageOf } from '@birthmark/foundation/kernel'
import { type Document, LineCounter, parseDocument } from 'yaml'

/** What a text member must be. */
export interface TextRule {
  /** For people: "a host name". */
  readonly is: string
  readonly pattern?: RegExp
  /** Its value when it is left out; it must be there otherwise. */
  readonly otherwise?: string
}

/** A document whose members are read one by one; problems are collected with their places. */
export interface ConfigurationDocument {
  readonly root: Section
  readonly problems: readonly string[]
}

/** Reads YAML 1.2, of which JSON is a part. */
export function readDocument(text: string): ConfigurationDocument {
  const problems: string[] = []
  const lines = new LineCounter()
  if (text.length > CHARACTERS_MAX) {
    problems.push(`it has more than ${CHARACTERS_MAX} characters`)
    return { root: new Section(parseDocument('{}'), lines, [], {}, problems), problems }
  }
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false })
  for (const { message, pos } of document.errors) problems.push(`line ${lines.linePos(pos[0]).line}: ${message}`)
  const value: unknown = document.errors.length > 0 ? {} : valueOf(document, problems)
  if (!isRecord(value)) problems.push('it is no object with members')
  return { root: new Section(document, lines, [], isRecord(value) ? value : {}, problems), problems }
}

function valueOf(document: Document, problems: string[]): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_COUNT_MAX })
  } catch (error) {
    // An alias without an anchor, or too many of them.
    problems.push(messageOf(error))
    return {}
  }
}

/** An object of a configuration file. */
export class Section {
  readonly #document: Document
  readonly #lines: LineCounter
  readonly #path: readonly string[]
  readonly #value: Readonly<Partial<Record<string, unknown>>>
  readonly #problems: string[]
  readonly #read = new Set<string>()

  constructor(
    document: Document,
    lines: LineCounter,
    path: readonly string[],
    value: Readonly<Partial<Record<string, unknown>>>,
    problems: string[],
  ) {
    this.#document = document
    this.#lines = lines
    this.#path = path
    this.#value = value
    this.#problems = problems
  }

  /** Whether a member is there. */
  has(name: string): boolean {
    return this.#value[name] !== undefined && this.#value[name] !== null
  }

  /** Says that members may be there that somebody else reads. */
  known(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name)
  }

  /** Reads a text; the empty text stands in for one that is reported. */
  text(name: string, { is, pattern, otherwise }: TextRule): string {
    this.#read.add(name)
    const value = this.#value[name]
    if (value === undefined || value === null) {
      if (otherwise !== undefined) return otherwise
      this.problem(name, `is missing: it must be ${is}`)
      return ''
    }
    if (typeof value === 'string' && value !== '' && value.length <= TEXT_CHARACTERS_MAX) {
      if (pattern === undefined || pattern.test(value)) return value
    }
    this.problem(name, `must be ${is}${typeof value === 'number' ? ', in quotes' : ''}`)
    return ''
  }

  /** Reads a whole number. */
  integer(name: string, rule: { readonly min: number; readonly max: number; readonly otherwise: number }): number {
    this.#read.add(name)
    const value = this.#value[name]
    if (value === undefined || value === null) return rule.otherwise
    if (typeof value === 'number' && Number.isInteger(value) && value >= rule.min && value <= rule.max) return value
    this.problem(name, `must be a whole number from ${rule.min} to ${rule.max}`)
    return rule.otherwise
  }

  /** Reads an object of texts; none when it is left out. */
  texts(name: string): Readonly<Record<string, string>> {
    this.#read.add(name)
    const value = this.#value[name] ?? {}
    if (!isRecord(value)) {
      this.problem(name, 'must be an object of texts')
      return {}
    }
    const texts: Record<string, string> = {}
    for (const [key, text] of Object.entries(value)) {
      if (typeof text === 'string') texts[key] = text
      else this.problem(`${name}.${key}`, `must be a text${typeof text === 'number' ? ', in quotes' : ''}`)
    }
    return texts
  }

  /** Reads an object with `read`, and reports members of it that `read` did not know; `undefined` when it is absent. */
  part<Value>(name: string, read: (section: Section) => Value): Value | undefined {
    const section = this.#within(name)
    if (section === undefined) return undefined
    const value = read(section)
    section.end()
    return value
  }

  /** Gives an object; `undefined` when it is absent or something else, which is reported. */
  #within(name: string): Section | undefined {
    this.#read.add(name)
    const value = this.#value[name]
    if (value === undefined || value === null) return undefined
    if (!isRecord(value)) {
      this.problem(name, 'must be an object with members')
      return undefined
    }
    return new Section(this.#document, this.#lines, [...this.#path, name], value, this.#problems)
  }

  /** Reports that an object must be there, unless it is reported for what it is instead. */
  missing<Value>(name: string, otherwise: Value): Value {
    if (!this.has(name)) this.problem(name, 'is missing')
    return otherwise
  }

  /** Reports a member by its place. */
  problem(name: string, what: string): void {
    const path = [...this.#path, ...name.split('.').filter((part) => part !== '')]
    const line = this.#lineOf(path)
    const problem = `${line === undefined ? '' : `line ${line}: `}${path.join('.')} ${what}`
    if (!this.#problems.includes(problem)) this.#problems.push(problem)
  }

  /** Reports members that nobody has read. */
  end(): void {
    for (const name of Object.keys(this.#value)) {
      if (this.#read.has(name)) continue
      const near = [...this.#read].filter((known) => known !== '').toSorted()
      this.problem(name, `is unknown here; known are ${near.join(', ')}`)
    }
  }

  #lineOf(path: readonly string[]): number | undefined {
    for (let length = path.length; length > 0; length -= 1) {
      const node: unknown = this.#document.getIn(path.slice(0, length), true)
      const offset = offsetOf(node)
      if (offset !== undefined) return this.#lines.linePos(offset).line
    }
    return undefined
  }
}

function offsetOf(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined
  const [offset]: readonly unknown[] = node.range
  return typeof offset === 'number' ? offset : undefined
}

function isRecord(value: unknown): value is Readonly<Partial<Record<string, unknown>>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Largest configuration that is read; real ones have some hundred characters. */
const CHARACTERS_MAX = 65_536
/** Longest text in it: a pkcs11 URI of several paths. */
const TEXT_CHARACTERS_MAX = 4096
/** How often YAML's aliases may be followed, so that a small file cannot become a large object. */
const ALIASES_COUNT_MAX = 20

import { notJson } from './syntax.ts'

/** A value, or all that is wrong with the text: sentences without a full stop, `member.path says-what`. */
export type Parsed<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problems: readonly string[] }

/**
 * Reads a JSON text (RFC 8259) that is one object. Any text gives an answer; nothing is thrown by the reading itself.
 * One that is no JSON has one problem, with the line and the column of the first place where it is none.
 *
 * @param read Asks for every member that may be there; one that it did not ask for is a problem.
 * @param firstLine The number of the text's first line, where it is a part of a file.
 * @example readJsonObject(line, (members) => ({ id: members.integer('id', 0, 10) }))
 */
export function readJsonObject<Value>(text: string, read: (members: Members) => Value, firstLine = 1): Parsed<Value> {
  let input: unknown
  try {
    input = JSON.parse(text)
  } catch {
    return { ok: false, problems: [`this is ${notJson(text, firstLine)}`] }
  }
  const problems: string[] = []
  const value = Members.read(input, '', problems, read)
  if (problems.length === 0 && value !== undefined) return { ok: true, value }
  return { ok: false, problems: problems.slice(0, PROBLEM_COUNT_MAX) }
}

/**
 * The members of one JSON object. A member that is missing or of a wrong form is noted as a problem and reads as a
 * stand-in of its type, so that one pass finds every problem; {@link readJsonObject} never lets a stand-in out.
 */
export class Members {
  readonly #members: object
  readonly #asked: string[] = []
  readonly #path: string
  readonly #problems: string[]

  private constructor(members: object, path: string, problems: string[]) {
    this.#members = members
    this.#path = path
    this.#problems = problems
  }

  /** Reads `input` as an object; `undefined` when it is none. Problems are added to `problems`. */
  static read<Value>(
    input: unknown,
    path: string,
    problems: string[],
    read: (members: Members) => Value,
  ): Value | undefined {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) {
      problems.push(`${path === '' ? 'this' : path} must be an object`)
      return undefined
    }
    const members = new Members(input, path, problems)
    const value = read(members)
    members.#refuseUnknown()
    return value
  }

  /** Tells whether the member is there; a `null` is. */
  has(name: string): boolean {
    this.#asked.push(name)
    return Object.hasOwn(this.#members, name)
  }

  /** Reads a string that `pattern` matches. @param form How to say the pattern to people: "1 to 64 of a-z". */
  text(name: string, pattern: RegExp, form: string): string {
    const input = this.#take(name)
    return typeof input === 'string' && pattern.test(input) ? input : this.#problem(name, `must be ${form}`, '')
  }

  /** Reads a whole number from `least` to `most`. */
  integer(name: string, least: number, most: number): number {
    const input = this.#take(name)
    const fits = typeof input === 'number' && Number.isSafeInteger(input) && input >= least && input <= most
    return fits ? input : this.#problem(name, `must be a whole number from ${least} to ${most}`, least)
  }

  /** Reads `true` or `false`. */
  flag(name: string): boolean {
    const input = this.#take(name)
    return typeof input === 'boolean' ? input : this.#problem(name, 'must be true or false', false)
  }

  /** Reads one of some words. */
  word<const Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
    const input = this.#take(name)
    const known = words.find((word) => word === input)
    return known ?? this.#problem(name, `must be ${words.map((word) => `"${word}"`).join(' or ')}`, words[0])
  }

  /** Reads a list of different words. */
  words<const Word extends string>(name: string, words: readonly [Word, ...Word[]]): readonly Word[] {
    const input = this.#take(name)
    const items: readonly unknown[] = Array.isArray(input) ? input : [undefined]
    const known = words.filter((word) => items.includes(word))
    if (known.length === items.length) return known
    return this.#problem(
      name,
      `must be a list of ${words.map((word) => `"${word}"`).join(', ')}, each at most once`,
      [],
    )
  }

  /** Reads a list of strings that `pattern` matches, at least one by default. @param form As for {@link text}. */
  texts(
    name: string,
    pattern: RegExp,
    form: string,
    { least }: { readonly least: 0 | 1 } = { least: 1 },
  ): readonly string[] {
    const input = this.#take(name)
    const items: readonly unknown[] = Array.isArray(input) ? input : []
    const texts = items.filter((item) => typeof item === 'string').filter((item) => pattern.test(item))
    const fits = Array.isArray(input) && texts.length === items.length && items.length >= least
    if (fits && texts.length <= LIST_COUNT_MAX) return texts
    return this.#problem(name, `must be a list of ${least} to ${LIST_COUNT_MAX}: ${form}`, [])
  }

  /**
   * Reads bytes in base64 with padding (RFC 4648 §4), in its one canonical spelling; at least one byte. Short ones lie
   * in memory that Node shares out: an array of its own costs more than the reading.
   */
  base64(name: string, bytesMax: number): Uint8Array {
    const input = this.#take(name)
    if (typeof input === 'string' && input.length <= Math.ceil(bytesMax / 3) * 4) {
      const bytes = Buffer.from(input, 'base64')
      if (bytes.length > 0 && bytes.length <= bytesMax && bytes.toString('base64') === input) {
        return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
      }
    }
    return this.#problem(name, `must be 1 to ${bytesMax} bytes in base64 with padding`, new Uint8Array())
  }

  /** Reads a moment in the one form that `Date.prototype.toISOString` writes, as milliseconds since 1970. */
  moment(name: string): number {
    const input = this.#take(name)
    const at = typeof input === 'string' ? Date.parse(input) : Number.NaN
    const canonical = Number.isFinite(at) && new Date(at).toISOString() === input
    return canonical ? at : this.#problem(name, 'must be a moment such as "2026-01-31T12:00:00.000Z"', 0)
  }

  /** Reads an object within this one; `undefined`, which never gets out, when it is none. */
  object<Value>(name: string, read: (members: Members) => Value): Value | undefined {
    return Members.read(this.#take(name), this.#pathOf(name), this.#problems, read)
  }

  /** Reads a list of objects, which may be empty. */
  objects<Value>(name: string, read: (members: Members) => Value): readonly Value[] {
    const input = this.#take(name)
    const items: readonly unknown[] = Array.isArray(input) ? input : []
    if (!Array.isArray(input) || items.length > LIST_COUNT_MAX)
      return this.#problem(name, `must be a list of 0 to ${LIST_COUNT_MAX} objects`, [])
    const values = items.map((item, at) => Members.read(item, `${this.#pathOf(name)}[${at}]`, this.#problems, read))
    return values.filter((value) => value !== undefined)
  }

  /** Reads whole numbers from 0: the members of an object, or the items of a list under their places. */
  numbers(name: string): ReadonlyMap<string, number> {
    const input = this.#take(name)
    const pairs = typeof input === 'object' && input !== null ? Object.entries(input) : [['', undefined] as const]
    const numbers = new Map<string, number>()
    for (const [key, value] of pairs) {
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) numbers.set(key, value)
    }
    if (numbers.size === pairs.length && numbers.size <= LIST_COUNT_MAX) return numbers
    return this.#problem(name, `must be 0 to ${LIST_COUNT_MAX} whole numbers from 0`, new Map<string, number>())
  }

  /** Says that the member, which has the right form, is wrong for another reason. */
  refuse(name: string, why: string): void {
    this.#problem(name, why, undefined)
  }

  #take(name: string): unknown {
    this.#asked.push(name)
    return Object.hasOwn(this.#members, name) ? Reflect.get(this.#members, name) : undefined
  }

  #problem<Value>(name: string, why: string, standIn: Value): Value {
    const path = this.#pathOf(name)
    this.#problems.push(Object.hasOwn(this.#members, name) ? `${path} ${why}` : `${path} is missing: it ${why}`)
    return standIn
  }

  #refuseUnknown(): void {
    for (const name of Object.keys(this.#members)) {
      if (!this.#asked.includes(name)) {
        this.#problems.push(
          `${this.#pathOf(JSON.stringify(name.slice(0, NAME_CHARACTER_COUNT_MAX)))} is not known here`,
        )
      }
    }
  }

  #pathOf(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`
  }
}

/** Problems reported at once; more help nobody, and the report goes into messages. */
const PROBLEM_COUNT_MAX = 20

/** Strings in one list; more are a sign that something else was meant. */
const LIST_COUNT_MAX = 256

/** Characters of an unknown member's name that a report repeats: it comes from outside. */
const NAME_CHARACTER_COUNT_MAX = 40

import { ruleFault } from './faults.ts'
import { QUERY_FUNCTIONS, type Query, type SelectItem, type Term } from './sql.ts'

/**
 * Reads the common part of AWS IoT SQL: SELECT of everything, paths, literals and some functions, FROM one topic
 * filter, WHERE with comparisons, AND, OR, NOT.
 *
 * @throws `RULE_SQL_MALFORMED` (caller) with the place
 */
export function parseSql(text: string): Query {
  if (text.length > SQL_CHARACTERS_MAX) {
    throw ruleFault('RULE_SQL_MALFORMED', { at: SQL_CHARACTERS_MAX, why: `it is longer than ${SQL_CHARACTERS_MAX}` })
  }
  return new Parser(tokensOf(text), text.length).query()
}

/**
 * Reads one term, as it stands in a substitution template.
 *
 * @throws `RULE_SQL_MALFORMED` (caller)
 */
export function parseTerm(text: string): Term {
  return new Parser(tokensOf(text), text.length).only()
}

interface Token {
  readonly kind: 'word' | 'number' | 'text' | 'sign'
  readonly text: string
  readonly at: number
}

class Parser {
  readonly #tokens: readonly Token[]
  readonly #end: number
  #next = 0
  #depth = 0

  constructor(tokens: readonly Token[], end: number) {
    this.#tokens = tokens
    this.#end = end
  }

  query(): Query {
    this.#expectWord('SELECT')
    const select = [this.#item()]
    while (this.#take('sign', ',')) select.push(this.#item())
    const from = this.#takeWord('FROM') ? this.#filter() : undefined
    const where = this.#takeWord('WHERE') ? this.#or() : undefined
    return this.#finished({ select, from, where })
  }

  only(): Term {
    return this.#finished(this.#or())
  }

  #finished<Value>(value: Value): Value {
    if (this.#peek() !== undefined) throw this.#fault('nothing more is expected here')
    return value
  }

  #item(): SelectItem {
    if (this.#take('sign', '*')) return { kind: 'all' }
    const term = this.#or()
    if (this.#takeWord('AS')) return { kind: 'term', term, name: this.#name() }
    return { kind: 'term', term, name: nameOf(term) ?? String(this.#next) }
  }

  #filter(): string {
    const token = this.#peek()
    if (token?.kind !== 'text') throw this.#fault('a quoted topic filter is expected')
    this.#next += 1
    return token.text
  }

  #or(): Term {
    this.#depth += 1
    if (this.#depth > DEPTH_MAX) throw this.#fault('it nests too deeply')
    let left = this.#and()
    while (this.#takeWord('OR')) left = { kind: 'operation', operator: 'OR', left, right: this.#and() }
    this.#depth -= 1
    return left
  }

  #and(): Term {
    let left = this.#not()
    while (this.#takeWord('AND')) left = { kind: 'operation', operator: 'AND', left, right: this.#not() }
    return left
  }

  #not(): Term {
    let isNegated = false
    while (this.#takeWord('NOT')) isNegated = !isNegated
    const term = this.#comparison()
    return isNegated ? { kind: 'not', term } : term
  }

  #comparison(): Term {
    const left = this.#primary()
    const operator = COMPARISONS.find((sign) => this.#take('sign', sign))
    if (operator === undefined) return left
    return { kind: 'operation', operator: operator === '!=' ? '<>' : operator, left, right: this.#primary() }
  }

  #primary(): Term {
    const token = this.#peek()
    if (this.#take('sign', '(')) {
      const term = this.#or()
      if (!this.#take('sign', ')')) throw this.#fault('a closing parenthesis is expected')
      return term
    }
    if (token?.kind === 'number' || token?.kind === 'text') {
      this.#next += 1
      return { kind: 'literal', value: token.kind === 'number' ? Number(token.text) : token.text }
    }
    if (token?.kind !== 'word') throw this.#fault('a value is expected')
    if (KEYWORDS.has(token.text.toUpperCase())) throw this.#fault('a value is expected')
    this.#next += 1
    const literal = LITERALS.get(token.text.toLowerCase())
    if (literal !== undefined) return { kind: 'literal', value: literal.value }
    return this.#take('sign', '(') ? this.#call(token) : this.#path(token.text)
  }

  #call(token: Token): Term {
    const name = token.text.toLowerCase()
    const arity = QUERY_FUNCTIONS.get(name)
    if (arity === undefined) throw this.#faultAt(token.at, `${token.text} is no function that there is`)
    const terms: Term[] = []
    if (!this.#take('sign', ')')) {
      do terms.push(this.#or())
      while (this.#take('sign', ','))
      if (!this.#take('sign', ')')) throw this.#fault('a closing parenthesis is expected')
    }
    if (terms.length < arity[0] || terms.length > arity[1]) {
      throw this.#faultAt(token.at, `${token.text} takes ${arity[0]} to ${arity[1]} values`)
    }
    return { kind: 'call', name, arguments: terms }
  }

  #path(first: string): Term {
    const steps: (string | number)[] = [first]
    for (;;) {
      if (this.#take('sign', '.')) steps.push(this.#name())
      else if (this.#take('sign', '[')) {
        const token = this.#peek()
        if (token?.kind !== 'number') throw this.#fault('a number is expected')
        this.#next += 1
        steps.push(Number(token.text))
        if (!this.#take('sign', ']')) throw this.#fault('a closing bracket is expected')
      } else return { kind: 'path', steps }
    }
  }

  #name(): string {
    const token = this.#peek()
    if (token?.kind !== 'word') throw this.#fault('a name is expected')
    this.#next += 1
    return token.text
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next]
  }

  #take(kind: Token['kind'], text: string): boolean {
    const token = this.#peek()
    if (token?.kind !== kind || token.text !== text) return false
    this.#next += 1
    return true
  }

  #takeWord(word: string): boolean {
    const token = this.#peek()
    if (token?.kind !== 'word' || token.text.toUpperCase() !== word) return false
    this.#next += 1
    return true
  }

  #expectWord(word: string): void {
    if (!this.#takeWord(word)) throw this.#fault(`${word} is expected`)
  }

  #fault(why: string): Error {
    return this.#faultAt(this.#peek()?.at ?? this.#end, why)
  }

  #faultAt(at: number, why: string): Error {
    return ruleFault('RULE_SQL_MALFORMED', { at: at + 1, why })
  }
}

function nameOf(term: Term): string | undefined {
  if (term.kind === 'call') return term.name
  if (term.kind !== 'path') return undefined
  return String(term.steps.at(-1))
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    TOKEN.lastIndex = at
    const found = TOKEN.exec(text)
    const [whole = '', space, word, number, quoted, sign] = found ?? []
    if (found === null) throw ruleFault('RULE_SQL_MALFORMED', { at: at + 1, why: 'this character has no meaning' })
    if (word !== undefined) tokens.push({ kind: 'word', text: word, at })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, at })
    else if (quoted !== undefined) tokens.push({ kind: 'text', text: unquoted(quoted), at })
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign, at })
    else if (space === undefined) break
    at += whole.length
  }
  return tokens
}

function unquoted(text: string): string {
  const [mark = ''] = text
  return text.slice(1, -1).replaceAll(mark + mark, mark)
}

const TOKEN = new RegExp(
  [
    String.raw`(\s+)`,
    String.raw`([A-Za-z_$][A-Za-z0-9_$-]*)`,
    String.raw`(-?[0-9]+(?:\.[0-9]+)?)`,
    `('(?:[^']|'')*'|"(?:[^"]|"")*")`,
    String.raw`(<=|>=|<>|!=|[=<>*,().[\]])`,
  ].join('|'),
  'y',
)
const COMPARISONS: readonly string[] = ['<=', '>=', '<>', '!=', '=', '<', '>']
const KEYWORDS: ReadonlySet<string> = new Set(['SELECT', 'FROM', 'WHERE', 'AND', 'OR', 'NOT', 'AS'])
const LITERALS: ReadonlyMap<string, { readonly value: boolean | null }> = new Map([
  ['true', { value: true }],
  ['false', { value: false }],
  ['null', { value: null }],
])
/** Longest query, in characters, and deepest nesting: far beyond what rules need. At the limit: refused. */
const SQL_CHARACTERS_MAX = 10_000
const DEPTH_MAX = 50

/** A comment: its text and where it begins. */
export interface Comment {
  readonly text: string
  /** Offset of its first character in the file. */
  readonly at: number
}

/** A source with everything that is no code taken out, every other character at its place. */
export interface BlankedOut {
  /** The code; comments and the insides of strings, templates and regular expressions are spaces. */
  readonly code: string
  readonly comments: readonly Comment[]
}

/**
 * Takes comments and literals out of TypeScript, so that rules can look at the code with plain expressions. It knows
 * the lexical grammar only (ECMA-262, 16th edition, §12); whether `/` divides is told from the token before it.
 */
export function blankOut(text: string): BlankedOut {
  const scanner = new Scanner(text)
  scanner.run()
  return { code: scanner.code.join(''), comments: scanner.comments }
}

class Scanner {
  readonly comments: Comment[] = []
  readonly code: string[]
  readonly #text: string
  #at = 0
  /** For each open `${`, how many braces are open inside it. */
  readonly #substitutions: number[] = []

  constructor(text: string) {
    this.#text = text
    this.code = text.split('')
  }

  run(): void {
    if (this.#text.startsWith('#!')) this.#comment(this.#endOfLine())
    while (this.#at < this.#text.length) this.#token()
  }

  #token(): void {
    const character = this.#text[this.#at] ?? ''
    const next = this.#text[this.#at + 1]
    if (character === '/' && next === '/') return this.#comment(this.#endOfLine())
    if (character === '/' && next === '*') return this.#comment(this.#after('*/'))
    if (character === "'" || character === '"') return this.#string(character)
    if (character === '`') return this.#template()
    if (character === '/' && this.#isRegularExpression()) return this.#regularExpression()
    this.#at += 1
    this.#brace(character)
  }

  /** Goes back into the template when the brace closes a substitution. */
  #brace(character: string): void {
    const depth = this.#substitutions.at(-1)
    if (depth === undefined || (character !== '{' && character !== '}')) return
    if (character === '}' && depth === 0) {
      this.#substitutions.pop()
      this.#templateText()
      return
    }
    this.#substitutions[this.#substitutions.length - 1] = depth + (character === '{' ? 1 : -1)
  }

  #comment(end: number): void {
    this.comments.push({ text: this.#text.slice(this.#at, end), at: this.#at })
    this.#blank(this.#at, end)
    this.#at = end
  }

  #string(quote: string): void {
    const start = this.#at + 1
    this.#at = start
    while (this.#at < this.#text.length && this.#text[this.#at] !== quote)
      this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    this.#blank(start, this.#at)
    this.#at += 1
  }

  #template(): void {
    this.#at += 1
    this.#templateText()
  }

  /** Blanks up to the closing quote or the next substitution. */
  #templateText(): void {
    const start = this.#at
    while (this.#at < this.#text.length && this.#text[this.#at] !== '`' && !this.#text.startsWith('${', this.#at)) {
      this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    }
    this.#blank(start, this.#at)
    if (this.#text[this.#at] === '$') {
      this.#substitutions.push(0)
      this.#at += 2
    } else {
      this.#at += 1
    }
  }

  #regularExpression(): void {
    const start = this.#at + 1
    this.#at = start
    for (let inClass = false; this.#at < this.#text.length; this.#at += 1) {
      const character = this.#text[this.#at]
      if (character === '\n' || (character === '/' && !inClass)) break
      if (character === '\\') this.#at += 1
      else if (character === '[') inClass = true
      else if (character === ']') inClass = false
    }
    this.#blank(start, this.#at)
    this.#at += 1
  }

  /** A `/` begins an expression where a value may begin: not after a name, a number, or a closing bracket. */
  #isRegularExpression(): boolean {
    const before = /(?:([\w$]+)|([)\]}]))\s*$/.exec(this.code.slice(Math.max(0, this.#at - 40), this.#at).join(''))
    if (before === null) return !/['"`/]\s*$/.test(this.code.slice(Math.max(0, this.#at - 40), this.#at).join(''))
    return before[1] !== undefined && VALUE_FOLLOWS.has(before[1])
  }

  #endOfLine(): number {
    const end = this.#text.indexOf('\n', this.#at)
    return end === -1 ? this.#text.length : end
  }

  #after(closing: string): number {
    const end = this.#text.indexOf(closing, this.#at + 2)
    return end === -1 ? this.#text.length : end + closing.length
  }

  #blank(from: number, to: number): void {
    for (let at = from; at < Math.min(to, this.#text.length); at += 1) if (this.code[at] !== '\n') this.code[at] = ' '
  }
}

/** Keywords after which a value follows. */
const VALUE_FOLLOWS: ReadonlySet<string> = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'do',
  'else',
  'void',
  'delete',
  'throw',
  'new',
  'await',
  'yield',
  'instanceof',
])

/**
 * Says where a text that `JSON.parse` refused is no JSON (RFC 8259), and what was expected there. Nothing of the text
 * is repeated, because it may be a key that somebody named in place of a document.
 *
 * @param firstLine The number that the text's first line has in its file.
 * @returns What goes behind "this is": `not JSON at line 3, column 7: a comma or } is expected`. Columns count UTF-16
 * units, from 1.
 */
export function notJson(text: string, firstLine = 1): string {
  const { at, why } = new Scan(text).run()
  let line = firstLine
  let start = 0
  for (let end = text.indexOf('\n'); end !== -1 && end < at; end = text.indexOf('\n', start)) {
    line += 1
    start = end + 1
  }
  return `not JSON at line ${line}, column ${at - start + 1}: ${why}`
}

/** What may come next; `first` where an object or list may also end at once, `after` where a value has ended. */
type Next = 'value' | 'first value' | 'name' | 'first name' | 'colon' | 'after'

/** Where a scan ended, and why. */
interface Found {
  readonly at: number
  readonly why: string
}

/** Follows a text up to the first place where it is no JSON. No recursion: text from outside nests as it likes. */
class Scan {
  readonly #text: string
  readonly #open: ('}' | ']')[] = []
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  run(): Found {
    if (this.#text.startsWith('\uFEFF')) return { at: 0, why: 'a byte order mark stands there; save it without one' }
    let next: Next | Found = 'value'
    while (typeof next === 'string') {
      this.#skipWhite()
      next = this.#at < this.#text.length ? this.#take(next) : this.#here(EARLY_END)
    }
    return next
  }

  #take(next: Next): Next | Found {
    const character = this.#text.charAt(this.#at)
    if (next === 'after') return this.#takeAfter(character)
    if (next === 'colon') return character === ':' ? this.#step('value') : this.#here('a colon is expected')
    const closing = this.#open.at(-1)
    const isName = next === 'name' || next === 'first name'
    if (character === closing && (isName || closing === ']')) {
      return next.startsWith('first') ? this.#close() : this.#here(`no comma may stand before ${closing}`)
    }
    if (character === '"') return this.#takeString() ?? (isName ? 'colon' : 'after')
    if (isName) return this.#here('a name in double quotes is expected')
    if (character === '{') return this.#enter('}', 'first name')
    if (character === '[') return this.#enter(']', 'first value')
    SCALAR.lastIndex = this.#at
    const scalar = SCALAR.exec(this.#text)?.[0]
    if (scalar === undefined) return this.#here('a value is expected')
    this.#at += scalar.length
    return 'after'
  }

  #takeAfter(character: string): Next | Found {
    const closing = this.#open.at(-1)
    if (closing === undefined) return this.#here('nothing may follow the document')
    if (character === closing) return this.#close()
    if (character === ',') return this.#step(closing === '}' ? 'name' : 'value')
    return this.#here(`a comma or ${closing} is expected`)
  }

  /** Passes over a string; gives what is wrong with it. */
  #takeString(): Found | undefined {
    const start = this.#at
    for (let at = start + 1; at < this.#text.length; at += 1) {
      const unit = this.#text.charCodeAt(at)
      if (unit === QUOTE) {
        this.#at = at + 1
        return undefined
      }
      if (unit < SPACE) return { at: start, why: 'the string that begins there does not end on its line' }
      if (unit !== BACKSLASH) continue
      ESCAPE.lastIndex = at
      const escape = ESCAPE.exec(this.#text)?.[0]
      if (escape === undefined) return { at, why: 'an escape that JSON does not know' }
      at += escape.length - 1
    }
    return { at: start, why: 'the string that begins there has no end' }
  }

  #enter(closing: '}' | ']', next: Next): Next {
    this.#open.push(closing)
    return this.#step(next)
  }

  #close(): Next {
    this.#open.pop()
    return this.#step('after')
  }

  #step(next: Next): Next {
    this.#at += 1
    return next
  }

  #here(why: string): Found {
    return { at: this.#at, why }
  }

  #skipWhite(): void {
    while (WHITE.has(this.#text.charCodeAt(this.#at))) this.#at += 1
  }
}

const EARLY_END = 'it ends too early'
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const WHITE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])
const QUOTE = 0x22
const BACKSLASH = 0x5c
const SPACE = 0x20

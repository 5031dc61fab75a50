import { blankOut, type Comment } from './blank-out.ts'

/** One `import`, `export … from` or `import()`. */
export interface Import {
  readonly specifier: string
  readonly line: number
  /** The names it takes from there; `*` for all of them. */
  readonly names: readonly string[]
}

/** One exported declaration. */
export interface Export {
  readonly name: string
  readonly kind: 'function' | 'class' | 'const' | 'interface' | 'type'
  readonly line: number
  /** Offset of the word `export`. */
  readonly at: number
}

/** A TypeScript file, seen as rules look at it. */
export class Source {
  /** From the root of the repository, with `/`. */
  readonly path: string
  readonly text: string
  /** {@link text} with comments and the insides of literals blanked; offsets and lines are the same. */
  readonly code: string
  readonly comments: readonly Comment[]
  readonly imports: readonly Import[]
  readonly exports: readonly Export[]
  readonly #lineStarts: readonly number[]

  constructor(path: string, text: string) {
    this.path = path
    this.text = text
    const { code, comments } = blankOut(text)
    this.code = code
    this.comments = comments
    this.#lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
    this.imports = [...this.#staticImports(), ...this.#otherImports()]
    this.exports = this.#declaredExports()
  }

  /** Tests and what only tests use. */
  get isTest(): boolean {
    return /\.test\.ts$|(?:^|\/)testing\//.test(this.path)
  }

  get lines(): readonly string[] {
    return this.text.split('\n')
  }

  /** Gives the line of an offset, from 1. */
  lineAt(offset: number): number {
    let low = 0
    let high = this.#lineStarts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle
      else high = middle
    }
    return low + 1
  }

  /** Gives every match of `pattern` (global) in the code. */
  matches(pattern: RegExp): { readonly line: number; readonly at: number; readonly groups: readonly string[] }[] {
    return [...this.code.matchAll(pattern)].map((match) => ({
      line: this.lineAt(match.index),
      at: match.index,
      groups: [...match].map((group) => group ?? ''),
    }))
  }

  /** Gives the string literals: what stands between the quotes. */
  strings(): { readonly value: string; readonly at: number }[] {
    return [...this.code.matchAll(/(['"]) *\1/g)].map(({ 0: literal, index }) => ({
      value: this.text.slice(index + 1, index + literal.length - 1),
      at: index,
    }))
  }

  #staticImports(): Import[] {
    const pattern = /^(?:import|export)\s+(?:type\s)?([^'"`;()]*?)\s*from\s*(['"])( *)\2/gm
    return this.matches(pattern).map(({ at, line, groups: [whole = '', clause = '', , blank = ''] }) => {
      const end = at + whole.length - 1
      return { specifier: this.text.slice(end - blank.length, end), line, names: namesIn(clause) }
    })
  }

  /** `import './x.ts'` and `import('./x.ts')`. */
  #otherImports(): Import[] {
    return this.matches(/\bimport\s*\(?\s*(['"])( *)\1/g).map(({ at, line, groups: [whole = '', , blank = ''] }) => {
      const end = at + whole.length - 1
      return { specifier: this.text.slice(end - blank.length, end), line, names: ['*'] }
    })
  }

  #declaredExports(): Export[] {
    const pattern = /^export (?:declare )?(?:abstract )?(?:async )?(function\*?|class|const|interface|type) (\w+)/gm
    return this.matches(pattern).map(({ at, line, groups: [, kind = '', name = ''] }) => ({
      name,
      kind: kind.replace('*', '') as Export['kind'],
      line,
      at,
    }))
  }
}

/** Reads `{ a, type b, c as d }`, `* as e` and `f`. */
function namesIn(clause: string): string[] {
  const braces = /\{([\s\S]*)\}/.exec(clause)?.[1]
  if (braces === undefined) return [clause.startsWith('*') ? '*' : 'default']
  const parts = braces.split(',').map((part) => part.trim().replace(/^type /, ''))
  return parts.filter((part) => part !== '').map((part) => part.split(' ')[0] ?? '')
}

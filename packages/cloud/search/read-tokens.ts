import { queryFault } from './faults.ts'
import type { QueryBound } from './query.ts'

/** A word of a query; `at` is the index of its first character. */
export type QueryToken = { readonly at: number } & (
  | { readonly kind: 'and' | 'or' | 'not' | 'open' | 'close' }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'term'; readonly parts: readonly string[]; readonly wildcards: readonly ('*' | '?')[] }
  | { readonly kind: 'compare'; readonly operator: '<' | '<=' | '>' | '>='; readonly value: string }
  | { readonly kind: 'range'; readonly from: QueryBound | undefined; readonly to: QueryBound | undefined }
)

/** Reads the words of a query. @throws `QUERY_INVALID` */
export function readTokens(text: string): readonly QueryToken[] {
  const tokens: QueryToken[] = []
  let at = 0
  while (at < text.length) {
    const rest = text.slice(at)
    const space = /^\s+/.exec(rest)
    if (space !== null) {
      at += space[0].length
      continue
    }
    const [token, length] = readToken(rest, at)
    tokens.push(token)
    at += length
  }
  return tokens
}

function readToken(rest: string, at: number): readonly [QueryToken, length: number] {
  const first = rest.charAt(0)
  if (first === '(') return [{ kind: 'open', at }, 1]
  if (first === ')') return [{ kind: 'close', at }, 1]
  if (first === '"') return readPhrase(rest, at)
  if (first === '[' || first === '{') return readRange(rest, at)
  if (first === '-' && /^-[^\s:)]/.test(rest)) return [{ kind: 'not', at }, 1]
  const [operator] = /^[<>]=?/.exec(rest) ?? []
  if (operator !== undefined) return readComparison(rest, operator, at)
  return readWord(rest, at)
}

function readPhrase(rest: string, at: number): readonly [QueryToken, number] {
  const [phrase] = /^"(?:[^"\\]|\\.)*"/s.exec(rest) ?? []
  if (phrase === undefined) throw invalid(at, 'a closing quotation mark is missing')
  const value = phrase.slice(1, -1).replaceAll(/\\(.)/gs, '$1').toLowerCase()
  return [{ kind: 'term', at, parts: [value], wildcards: [] }, phrase.length]
}

function readRange(rest: string, at: number): readonly [QueryToken, number] {
  const [whole, opening, from, to, closing] = RANGE.exec(rest) ?? []
  if (whole === undefined || from === undefined || to === undefined) {
    throw invalid(at, 'a range is written as [from TO to] or {from TO to}')
  }
  const token = {
    kind: 'range',
    at,
    from: boundOf(from, opening === '['),
    to: boundOf(to, closing === ']'),
  } as const
  return [token, whole.length]
}

function readComparison(rest: string, operator: string, at: number): readonly [QueryToken, number] {
  const [whole, value] = COMPARED.exec(rest) ?? []
  const known = COMPARISONS.find((comparison) => comparison === operator)
  if (whole === undefined || value === undefined || known === undefined) {
    throw invalid(at, 'a value must follow the comparison')
  }
  return [{ kind: 'compare', at, operator: known, value: unquoted(value) }, whole.length]
}

/** A word up to white space or punctuation: an operator, a field with its colon, or a term. */
function readWord(rest: string, at: number): readonly [QueryToken, number] {
  const [word] = WORD.exec(rest) ?? []
  if (word === undefined) throw invalid(at, `the character ${rest.charAt(0)} can not stand here`)
  const operator = OPERATORS.get(word)
  if (operator !== undefined) return [{ kind: operator, at }, word.length]
  if (rest.charAt(word.length) === ':') {
    const name = word.replaceAll(/\\(.)/gs, '$1')
    const after = rest.charAt(word.length + 1)
    if (after === '' || /\s/.test(after)) throw invalid(at, `a value must follow the field ${name}`)
    return [{ kind: 'field', at, name }, word.length + 1]
  }
  return [{ kind: 'term', at, ...patternOf(word) }, word.length]
}

function patternOf(word: string): { readonly parts: readonly string[]; readonly wildcards: readonly ('*' | '?')[] } {
  const parts: string[] = ['']
  const wildcards: ('*' | '?')[] = []
  for (const [piece, escaped] of word.matchAll(/\\(.)|[^]/gs)) {
    if (piece === '*' || piece === '?') {
      wildcards.push(piece)
      parts.push('')
    } else parts[parts.length - 1] += (escaped ?? piece).toLowerCase()
  }
  return { parts, wildcards }
}

function boundOf(written: string, inclusive: boolean): QueryBound | undefined {
  return written === '*' ? undefined : { value: unquoted(written), inclusive }
}

function unquoted(written: string): string {
  const inner = written.startsWith('"') ? written.slice(1, -1) : written
  return inner.replaceAll(/\\(.)/gs, '$1').toLowerCase()
}

function invalid(at: number, why: string): Error {
  return queryFault('QUERY_INVALID', { at: at + 1, why })
}

const OPERATORS: ReadonlyMap<string, 'and' | 'or' | 'not'> = new Map([
  ['AND', 'and'],
  ['&&', 'and'],
  ['OR', 'or'],
  ['||', 'or'],
  ['NOT', 'not'],
  ['!', 'not'],
])
const COMPARISONS = ['<', '<=', '>', '>='] as const
const WORD = /^(?:[^\s():"[\]{}<>\\]|\\.)+/su
const BOUND = String.raw`("(?:[^"\\]|\\.)*"|(?:[^\s"[\]{}\\]|\\.)+)`
const RANGE = new RegExp(String.raw`^([[{])\s*${BOUND}\s+TO\s+${BOUND}\s*([\]}])`, 's')
const COMPARED = new RegExp(String.raw`^[<>]=?\s*("(?:[^"\\]|\\.)*"|(?:[^\s"()[\]{}<>:\\]|\\.)+)`, 's')

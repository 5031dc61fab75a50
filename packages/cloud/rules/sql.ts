/** A query over messages: what it takes, from where, and when. */
export interface Query {
  readonly select: readonly SelectItem[]
  /** The topic filter, `undefined` for a rule that only Basic Ingest reaches. */
  readonly from: string | undefined
  readonly where: Term | undefined
}

/** One item of a SELECT list. */
export type SelectItem =
  | { readonly kind: 'all' }
  | { readonly kind: 'term'; readonly term: Term; readonly name: string }

/** A value that is worked out for each message. */
export type Term =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'path'; readonly steps: readonly (string | number)[] }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Term[] }
  | { readonly kind: 'operation'; readonly operator: string; readonly left: Term; readonly right: Term }
  | { readonly kind: 'not'; readonly term: Term }

/** What a message is, for a query. */
export interface RuleInput {
  readonly topic: string
  /** The payload as JSON; `undefined` when it is none. */
  readonly payload: unknown
  readonly clientId: string | undefined
  readonly now: number
  readonly accountId: string
  readonly uuid: () => string
}

/** Works a query out for one message; `undefined` when its WHERE does not hold. */
export function runQuery(query: Query, input: RuleInput): unknown {
  if (query.where !== undefined && evaluate(query.where, input) !== true) return undefined
  const [only] = query.select
  if (query.select.length === 1 && only?.kind === 'all') return input.payload ?? null
  const members: [string, unknown][] = []
  for (const item of query.select) {
    if (item.kind === 'all') members.push(...Object.entries(isRecord(input.payload) ? input.payload : {}))
    else {
      const value = evaluate(item.term, input)
      // What is undefined is left out, as at AWS IoT.
      if (value !== undefined) members.push([item.name, value])
    }
  }
  return Object.fromEntries(members)
}

/** Works a term out; `undefined` is AWS IoT SQL's Undefined. */
export function evaluate(term: Term, input: RuleInput): unknown {
  switch (term.kind) {
    case 'literal':
      return term.value
    case 'path':
      return term.steps.reduce<unknown>(
        (value, step) => (isHolder(value) && Object.hasOwn(value, step) ? Reflect.get(value, step) : undefined),
        input.payload,
      )
    case 'call':
      return call(
        term.name,
        term.arguments.map((argument) => evaluate(argument, input)),
        input,
      )
    case 'not': {
      const value = evaluate(term.term, input)
      return typeof value === 'boolean' ? !value : undefined
    }
    case 'operation':
      return operate(term.operator, evaluate(term.left, input), evaluate(term.right, input))
  }
}

/** The functions that queries may call, each with the least and the most arguments that it takes. */
export const QUERY_FUNCTIONS: ReadonlyMap<string, readonly [number, number]> = new Map([
  ['topic', [0, 1]],
  ['clientid', [0, 0]],
  ['timestamp', [0, 0]],
  ['accountid', [0, 0]],
  ['newuuid', [0, 0]],
  ['lower', [1, 1]],
  ['upper', [1, 1]],
  ['startswith', [2, 2]],
  ['endswith', [2, 2]],
  ['concat', [1, 20]],
])

function call(name: string, values: readonly unknown[], input: RuleInput): unknown {
  const [first, second] = values
  const texts = typeof first === 'string' && typeof second === 'string' ? ([first, second] as const) : undefined
  switch (name) {
    case 'topic':
      if (values.length === 0) return input.topic
      return typeof first === 'number' ? input.topic.split('/')[first - 1] : undefined
    case 'clientid':
      return input.clientId
    case 'timestamp':
      return input.now
    case 'accountid':
      return input.accountId
    case 'newuuid':
      return input.uuid()
    case 'lower':
      return typeof first === 'string' ? first.toLowerCase() : undefined
    case 'upper':
      return typeof first === 'string' ? first.toUpperCase() : undefined
    case 'startswith':
      return texts?.[0].startsWith(texts[1])
    case 'endswith':
      return texts?.[0].endsWith(texts[1])
    case 'concat':
      return values.some((value) => value === undefined) ? undefined : values.map(textOf).join('')
    default:
      return undefined
  }
}

function operate(operator: string, left: unknown, right: unknown): unknown {
  switch (operator) {
    case 'AND':
      return left === false || right === false ? false : left === true && right === true ? true : undefined
    case 'OR':
      return left === true || right === true ? true : left === false && right === false ? false : undefined
    case '=':
      return equal(left, right)
    case '<>': {
      const same = equal(left, right)
      return same === undefined ? undefined : !same
    }
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compare(operator, left, right)
    default:
      return undefined
  }
}

function equal(left: unknown, right: unknown): boolean | undefined {
  if (left === undefined || right === undefined) return undefined
  return JSON.stringify(left) === JSON.stringify(right)
}

function compare(operator: string, left: unknown, right: unknown): boolean | undefined {
  const [a, b] = [Number(left), Number(right)]
  const isNumeric = [left, right].every((value) => typeof value === 'number' || typeof value === 'string')
  if (!isNumeric || Number.isNaN(a) || Number.isNaN(b)) return undefined
  if (operator === '<') return a < b
  if (operator === '<=') return a <= b
  return operator === '>' ? a > b : a >= b
}

/** Writes a value into a text, as `concat` and substitution templates do. */
export function textOf(value: unknown): string {
  if (value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isHolder(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

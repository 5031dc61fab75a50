import { ANY, compileGlob, matchesGlob, unmark } from './glob.ts'
import { ipInRange } from './ip-range.ts'

/** Everything about one condition operator. */
export interface Operator {
  readonly name: string
  /** The twin of another operator: it holds where that one does not, and also when the key is absent. */
  readonly negated: boolean
  /** What a value must be, for people; `undefined` when any text will do. */
  readonly wants: string | undefined
  /** Tells whether a value of the policy is well formed. Values with variables are not asked about. */
  readonly accepts: Accepts
  /** Compares a value of the request with one of the policy, which is marked text. */
  readonly matches: Matches
}

type Matches = (request: string, policy: string) => boolean
type Accepts = (value: string) => boolean

/** Asks whether a key is absent; the only operator that looks at no value of the request. */
export const NULL_OPERATOR = 'Null'

/**
 * Gives the operator of a name without qualifier and `IfExists` (IAM user guide, condition operators); `undefined` for
 * a name that is none.
 */
export function operatorNamed(name: string): Operator | undefined {
  return OPERATORS.get(name)
}

function operators(names: readonly [string, string?], matches: Matches, wants?: string, accepts: Accepts = anything) {
  const [name, negatedName] = names
  const row = (of: string, negated: boolean): Operator => ({ name: of, negated, wants, accepts, matches })
  return negatedName === undefined ? [row(name, false)] : [row(name, false), row(negatedName, true)]
}

function comparisons(prefix: string, read: (text: string) => number | undefined, wants: string): readonly Operator[] {
  const compare = (holds: (have: number, want: number) => boolean): Matches => {
    return (request, policy) => {
      const have = read(request)
      const want = read(policy)
      return have !== undefined && want !== undefined && holds(have, want)
    }
  }
  const accepts: Accepts = (value) => read(value) !== undefined
  return [
    ...operators(
      [`${prefix}Equals`, `${prefix}NotEquals`],
      compare((have, want) => have === want),
      wants,
      accepts,
    ),
    ...operators(
      [`${prefix}LessThan`],
      compare((have, want) => have < want),
      wants,
      accepts,
    ),
    ...operators(
      [`${prefix}LessThanEquals`],
      compare((have, want) => have <= want),
      wants,
      accepts,
    ),
    ...operators(
      [`${prefix}GreaterThan`],
      compare((have, want) => have > want),
      wants,
      accepts,
    ),
    ...operators(
      [`${prefix}GreaterThanEquals`],
      compare((have, want) => have >= want),
      wants,
      accepts,
    ),
  ]
}

function anything(): boolean {
  return true
}

function sameIgnoringCase(request: string, policy: string): boolean {
  return request.toLowerCase() === unmark(policy).toLowerCase()
}

function like(request: string, policy: string): boolean {
  return matchesGlob(compileGlob(policy), request)
}

/** Compares the six parts of an ARN one by one, so that a `*` in front of a colon cannot swallow it. */
function matchesArn(request: string, policy: string): boolean {
  const have = arnParts(request)
  const want = arnParts(policy)
  if (policy === ANY) return true
  return have.length === 6 && want.length === 6 && want.every((part, index) => like(have[index] ?? '', part))
}

function arnParts(text: string): readonly string[] {
  const parts = text.split(':')
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')]
}

function inRange(request: string, policy: string): boolean {
  return ipInRange(request, policy) === true
}

function isIpRange(value: string): boolean {
  const [address = ''] = value.split('/')
  return ipInRange(address, value) !== undefined
}

function isBoolean(value: string): boolean {
  return /^(?:true|false)$/i.test(value)
}

function readNumber(text: string): number | undefined {
  return /^[+-]?\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined
}

/** Reads an ISO 8601 date and time, or seconds since 1970; gives milliseconds. */
function readDate(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) * 1000
  if (!/^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : at
}

const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  [
    ...operators(['StringEquals', 'StringNotEquals'], (request, policy) => request === unmark(policy)),
    ...operators(['StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase'], sameIgnoringCase),
    ...operators(['StringLike', 'StringNotLike'], like),
    ...operators(['ArnEquals', 'ArnNotEquals'], matchesArn),
    ...operators(['ArnLike', 'ArnNotLike'], matchesArn),
    ...operators(['IpAddress', 'NotIpAddress'], inRange, 'an IP address or CIDR block', isIpRange),
    ...operators(['Bool'], sameIgnoringCase, '"true" or "false"', isBoolean),
    ...operators([NULL_OPERATOR], sameIgnoringCase, '"true" or "false"', isBoolean),
    ...comparisons('Numeric', readNumber, 'a number'),
    ...comparisons('Date', readDate, 'an ISO 8601 date or seconds since 1970'),
  ].map((operator) => [operator.name, operator]),
)

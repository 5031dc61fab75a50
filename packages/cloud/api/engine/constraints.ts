import table from '../constraints.json' with { type: 'json' }
import { AwsException } from '../exceptions.ts'
import { QUOTED_CHARACTERS_MAX } from '../limits.ts'
import { isRecord } from './is-record.ts'
import type { Operation, Service } from './model.ts'

/**
 * Checks an input against the lengths, patterns, ranges and enumerations of AWS's own model.
 *
 * @throws `InvalidRequestException` with AWS's sentence for each violation, in the order of the model's members;
 * `SerializationException` for a fraction where a whole number is due
 */
export function requireConstraints({ service, input }: Operation, value: object): void {
  const found = violationsOf(service, input.getName() ?? '', value, '')
  if (found.length === 0) return
  const head = found.length === 1 ? '1 validation error detected' : `${found.length} validation errors detected`
  throw new AwsException('InvalidRequestException', `${head}: ${found.join('; ')}`)
}

/** The bounds of one shape; a length counts UTF-16 units, items or entries. */
interface Shape {
  readonly type: string
  readonly min?: number
  readonly max?: number
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly member?: string
  readonly key?: string
  readonly value?: string
}

/** A service's bounds: structures as `name!:Shape …` (`!` is required, a bare name has no bound), and shapes. */
interface Bounds {
  readonly structures: Readonly<Record<string, string>>
  readonly shapes: Readonly<Record<string, Shape>>
}

const BOUNDS: Readonly<Record<Service, Bounds>> = table

function violationsOf(service: Service, shapeName: string, value: unknown, at: string): string[] {
  const structure = own(BOUNDS[service].structures, shapeName)
  if (structure !== undefined) return ofStructure(service, structure, value, at)
  const shape = own(BOUNDS[service].shapes, shapeName)
  return shape === undefined ? [] : ofShape(service, shape, value, at)
}

function ofStructure(service: Service, structure: string, value: unknown, at: string): string[] {
  const members = new Map(isRecord(value) ? Object.entries(value) : [])
  return membersOf(structure).flatMap(({ name, shapeName, isRequired }) => {
    const where = at === '' ? name : `${at}.${name}`
    const member = members.get(name)
    if (member !== undefined) return violationsOf(service, shapeName, member, where)
    return isRequired ? [sentence(null, where, 'Member must not be null')] : []
  })
}

interface Member {
  readonly name: string
  readonly shapeName: string
  readonly isRequired: boolean
}

const MEMBERS = new Map<string, readonly Member[]>()

/** Takes the text of a structure apart, once. */
function membersOf(structure: string): readonly Member[] {
  const known = MEMBERS.get(structure)
  if (known !== undefined) return known
  const made = structure.split(' ').map((line) => {
    const [marked = '', shapeName = ''] = line.split(':')
    return { name: marked.replace('!', ''), shapeName, isRequired: marked.endsWith('!') }
  })
  MEMBERS.set(structure, made)
  return made
}

function ofShape(service: Service, shape: Shape, value: unknown, at: string): string[] {
  const isWhole = shape.type === 'integer' || shape.type === 'long'
  if (isWhole && typeof value === 'number' && !Number.isInteger(value)) {
    throw new AwsException('SerializationException', `NUMBER_VALUE can not be converted to Integer at ${at}`)
  }
  const here = rulesBroken(shape, value).map((rule) => sentence(value, at, rule))
  if (Array.isArray(value)) {
    const inside = value.flatMap((item, index) =>
      violationsOf(service, shape.member ?? '', item, `${at}.${index + 1}.member`),
    )
    return [...here, ...inside]
  }
  return isRecord(value) ? [...here, ...ofEntries(service, shape, value, at)] : here
}

/** AWS says of a map only that some key or value is wrong, with everything that its shape demands. */
function ofEntries(service: Service, shape: Shape, map: Readonly<Record<string, unknown>>, at: string): string[] {
  const keys = own(BOUNDS[service].shapes, shape.key ?? '')
  const values = own(BOUNDS[service].shapes, shape.value ?? '')
  const found: string[] = []
  if (keys !== undefined && Object.keys(map).some((key) => rulesBroken(keys, key).length > 0)) {
    found.push(sentence(map, at, `Map keys must satisfy constraint: [${rulesOf(keys).join(', ')}]`))
  }
  if (values?.type === 'string' && Object.values(map).some((value) => rulesBroken(values, value).length > 0)) {
    found.push(sentence(map, at, `Map value must satisfy constraint: [${rulesOf(values).join(', ')}]`))
  } else {
    for (const [key, value] of Object.entries(map))
      found.push(...violationsOf(service, shape.value ?? '', value, `${at}.${key}.member`))
  }
  return found
}

/** A pattern is not tried on a value that is too long already: its length bounds what the match may cost. */
function rulesBroken(shape: Shape, value: unknown): string[] {
  const size = sizeOf(value)
  const broken: string[] = []
  if (shape.enum !== undefined && !shape.enum.includes(String(value))) broken.push(enumRule(shape.enum))
  if (shape.max !== undefined && size > shape.max) return [...broken, maxRule(shape.type, shape.max)]
  if (shape.min !== undefined && size < shape.min) broken.push(minRule(shape.type, shape.min))
  if (shape.pattern !== undefined && !compiled(shape.pattern).test(String(value)))
    broken.push(patternRule(shape.pattern))
  return broken
}

/** Everything a shape demands, in AWS's order. */
function rulesOf({ type, min, max, pattern, enum: values }: Shape): string[] {
  const rules: string[] = []
  if (values !== undefined) rules.push(enumRule(values))
  if (max !== undefined) rules.push(maxRule(type, max))
  if (min !== undefined) rules.push(minRule(type, min))
  if (pattern !== undefined) rules.push(patternRule(pattern))
  return rules
}

function sizeOf(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array) return value.length
  return isRecord(value) ? Object.keys(value).length : 0
}

const enumRule = (values: readonly string[]): string => `Member must satisfy enum value set: [${values.join(', ')}]`
const maxRule = (type: string, max: number): string => `Member must have ${measure(type)} less than or equal to ${max}`
const minRule = (type: string, min: number): string =>
  `Member must have ${measure(type)} greater than or equal to ${min}`
const patternRule = (pattern: string): string => `Member must satisfy regular expression pattern: ${pattern}`

function measure(type: string): string {
  return type === 'integer' || type === 'long' || type === 'double' ? 'value' : 'length'
}

function sentence(value: unknown, at: string, rule: string): string {
  const shown = value === null ? 'Value null' : `Value '${quote(value)}'`
  return `${shown} at '${at}' failed to satisfy constraint: ${rule}`
}

/** Repeats what was sent, as AWS does, but never much of it. */
function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > QUOTED_CHARACTERS_MAX ? `${text.slice(0, QUOTED_CHARACTERS_MAX)}…` : text
}

const PATTERNS = new Map<string, RegExp>()

/** Compiles one of the model's Java patterns, which match the whole value, once. */
function compiled(pattern: string): RegExp {
  const known = PATTERNS.get(pattern)
  if (known !== undefined) return known
  const source = pattern.replaceAll(
    /\\p\{(Graph|Upper|Digit|Cntrl)\}/g,
    (_, name: string) => POSIX_CLASSES.get(name) ?? '',
  )
  const made = new RegExp(`^(?:${source})$`, 'u')
  PATTERNS.set(pattern, made)
  return made
}

/** POSIX classes that JavaScript lacks, as ranges for the inside of a class (Java SE 21, java.util.regex.Pattern). */
const POSIX_CLASSES: ReadonlyMap<string, string> = new Map([
  ['Graph', '\\x21-\\x7E'],
  ['Upper', 'A-Z'],
  ['Digit', '0-9'],
  ['Cntrl', '\\x00-\\x1F\\x7F'],
])

function own<Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

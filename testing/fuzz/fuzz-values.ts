import type { NormalizedSchema } from '@smithy/core/schema'
import type { Dice } from './dice.ts'

/** What is there to be named: names and tokens that earlier answers gave. */
export interface Known {
  /** Values by the name of the member that they were seen in. */
  readonly values: Map<string, string[]>
}

/** What values are made from. */
export interface Maker {
  readonly dice: Dice
  readonly known: Known
  /** Nothing is left out or odd on purpose, so that the request gets far. */
  readonly isCareful: boolean
}

/** Keeps what an answer gave, by its members' names, for later requests. */
export function learn(known: Known, value: unknown, dice: Dice): void {
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner === 'string' && inner.length > 0) {
      const list = known.values.get(name) ?? []
      if (list.length < KEPT_VALUES_MAX) list.push(inner)
      else list[dice.below(KEPT_VALUES_MAX)] = inner
      known.values.set(name, list)
    } else learn(known, inner, dice)
  }
}

/** Makes a value that a schema nearly allows: what an operation wants to see, at times what nobody should send. */
export function nearlyValid(schema: NormalizedSchema, name: string, maker: Maker, depth = 0): unknown {
  const { dice, isCareful } = maker
  if (!isCareful && dice.oneIn(30)) return ODD_VALUES[dice.below(ODD_VALUES.length)]
  if (schema.isStructSchema()) {
    const members = [...schema.structIterator()].filter(() => depth < 5 && !dice.oneIn(isCareful ? 12 : 3))
    return Object.fromEntries(members.map(([member, inner]) => [member, nearlyValid(inner, member, maker, depth + 1)]))
  }
  if (schema.isListSchema()) {
    const item = schema.getValueSchema()
    return Array.from({ length: dice.below(3) }, () => nearlyValid(item, name, maker, depth + 1))
  }
  if (schema.isMapSchema()) {
    const item = schema.getValueSchema()
    const count = dice.below(3)
    return Object.fromEntries(
      Array.from({ length: count }, () => [
        isCareful ? 'a' : dice.pick(KEYS),
        nearlyValid(item, name, maker, depth + 1),
      ]),
    )
  }
  if (schema.isBooleanSchema()) return dice.oneIn(2)
  if (schema.isNumericSchema()) return isCareful ? 1 + dice.below(3) : dice.pick(NUMBERS)
  if (schema.isTimestampSchema()) return dice.pick([0, 1_767_225_600.5, -1, 1e18])
  return textOf(name, maker)
}

function textOf(name: string, { dice, known, isCareful }: Maker): string {
  const seen = known.values.get(name) ?? known.values.get(ALIASES.get(name) ?? '')
  if (seen !== undefined && !dice.oneIn(4)) return dice.pick(seen)
  if (name.endsWith('Document')) return dice.pick(DOCUMENTS)
  if (/template(Body)?$/i.test(name)) return dice.pick(TEMPLATES)
  if (/Pem$|certificate$|SigningRequest$/i.test(name)) return dice.pick(PEMS)
  if (/Arn$|^target$|^principal$/.test(name)) return dice.pick(ARNS)
  if (/token|marker/i.test(name)) return dice.pick(TOKENS)
  if (name === 'sql' || name === 'queryString') return dice.pick(QUERIES)
  if (isCareful || !dice.oneIn(8)) return `fuzz-${dice.pick(NAMES)}`
  return dice.pick(ODD_TEXTS)
}

/** A string that only ever goes into the contents of bodies: it must not be in any log. */
export const PAYLOAD_MARK = 'payload-mark-7f3a'

const NAMES = ['a', 'b', 'c', 'd'] as const
const KEYS = ['a', 'b.c', '__proto__', 'constructor', 'ü', '', 'key with space'] as const
const NUMBERS = [0, 1, 2, 25, 250, 251, -1, 1.5, 2 ** 31, 2 ** 53, 1e308] as const
const ODD_TEXTS = [
  '',
  ' ',
  '../../etc/passwd',
  '..%2f..',
  '\u0000',
  '\ud800',
  '${iot:ClientId}',
  "' OR 1=1 --",
  '%',
  '💡'.repeat(300),
  'x'.repeat(3000),
  '$aws/things/a/shadow',
  '__proto__',
] as const
const ODD_VALUES: readonly unknown[] = [null, true, 0, -1, 1e300, '', [], {}, [[]], { a: null }, 'x', [null], '\u0000']
const DOCUMENTS = [
  `{"Version":"2012-10-17","Statement":[{"Sid":"${PAYLOAD_MARK}","Effect":"Allow","Action":"iot:*","Resource":"*"}]}`,
  '{"Version":"2012-10-17","Statement":[]}',
  '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":["iot:Publish"],"Resource":["${${a}}"]}}',
  `{"${PAYLOAD_MARK}"`,
  '[]',
  '',
  '{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"::/0"}}}]}',
] as const
const TEMPLATES = [
  '{"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":"n"}}}}}',
  `{"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"${PAYLOAD_MARK}"}}}}}`,
  '{"Resources":{}}',
  '{',
] as const
const PEMS = [
  '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n',
  '-----BEGIN CERTIFICATE-----\n',
  PAYLOAD_MARK,
] as const
const ARNS = [
  'arn:aws:iot:eu-central-1:123456789012:cert/00',
  `arn:aws:iot:us-east-1:000000000000:cert/${'0'.repeat(64)}`,
  'arn:aws:iot:::thinggroup/fuzz-a',
  'arn:aws:iam::123456789012:role/r',
  'arn:aws:lambda:us-east-1:123456789012:function:f',
  'arn:',
  'eu-central-1:00000000-0000-0000-0000-000000000000',
] as const
const TOKENS = ['AAAA', 'dGhpbmc6MQ==', 'ZEdocGJtYzZNUT09', '=', 'not base64!', 'y'.repeat(5000)] as const
const QUERIES = [
  'thingName:fuzz-*',
  'attributes.a:[1 TO 2} AND NOT (thingTypeName:x)',
  `${'('.repeat(200)}`,
  "SELECT * FROM 'a/b' WHERE x = 1",
  'SELECT',
  '*',
] as const

/** Members that take what another member gave. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['target', 'certificateArn'],
  ['principal', 'certificateArn'],
  ['resourceArn', 'thingGroupArn'],
  ['marker', 'nextMarker'],
  ['nextToken', 'nextMarker'],
  ['nextMarker', 'nextToken'],
  ['newDefaultVersionId', 'policyVersionId'],
  ['parentGroupName', 'thingGroupName'],
])

/** Values of one member that are remembered; then new ones take the place of old ones. */
const KEPT_VALUES_MAX = 20

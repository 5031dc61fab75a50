import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AwsException } from '../exceptions.ts'
import { SHAPE_DEPTH_MAX } from '../limits.ts'
import { requireConstraints } from './constraints.ts'
import { loadOperations } from './model.ts'
import { readInput } from './read-input.ts'
import { readShape } from './read-shape.ts'
import { createRouter, type Route } from './router.ts'
import { parseTarget } from './target.ts'

const operations = loadOperations()
const router = createRouter(operations)

interface Sent {
  readonly method: string
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

function read({ method, target, headers = {}, body = '' }: Sent): Readonly<Record<string, unknown>> {
  const { rawPath, query } = parseTarget(target)!
  const route = router.match(method, rawPath, 'iot')
  assert.ok(route !== undefined)
  return readInput(route, { query, headers, body: Buffer.from(body) })
}

function readAndCheck(sent: Sent): Readonly<Record<string, unknown>> {
  const route = router.match(sent.method, parseTarget(sent.target)!.rawPath, 'iot')!
  const input = read(sent)
  requireConstraints(route.operation, input)
  return input
}

test('members come from path, query, headers and body, each from its own place', () => {
  const target = '/things/press-7/principals?thingPrincipalType=EXCLUSIVE_THING'
  const headers = { 'x-amzn-principal': 'arn' }
  const body = '{"principal":"from the body","thingName":7}'
  assert.deepEqual(read({ method: 'PUT', target, headers, body }), {
    thingName: 'press-7',
    principal: 'arn',
    thingPrincipalType: 'EXCLUSIVE_THING',
  })
})

test('null members count as absent and unknown ones are dropped', () => {
  const body = '{"thingTypeName":null,"colour":"red","attributePayload":{"attributes":{"a":"b"},"merge":null}}'
  assert.deepEqual(read({ method: 'POST', target: '/things/x', body }), {
    thingName: 'x',
    attributePayload: { attributes: { a: 'b' } },
  })
})

test('a key named __proto__ is a key and changes no prototype', () => {
  const body = '{"attributePayload":{"attributes":{"__proto__":"b"}},"__proto__":{"thingTypeName":"x"}}'
  const { attributePayload, thingTypeName } = read({ method: 'POST', target: '/things/x', body })
  const { attributes } = attributePayload as { attributes: object }
  assert.deepEqual([thingTypeName, Object.entries(attributes)], [undefined, [['__proto__', 'b']]])
})

const THING = { method: 'POST', target: '/things/x' }

const UNREADABLE: readonly (readonly [why: string, sent: Sent, message: RegExp])[] = [
  ['no JSON', { ...THING, body: '{' }, /Could not parse request body into json/],
  ['no UTF-8', { ...THING, body: Buffer.of(0x22, 0xff, 0x22) }, /Could not parse/],
  ['a list for the body', { ...THING, body: '[]' }, /LIST_VALUE can not be converted to Structure at the body/],
  ['a string for the body', { ...THING, body: '"x"' }, /STRING_VALUE can not be converted to Structure at the body/],
  [
    'a number for a string',
    { ...THING, body: '{"thingTypeName":7}' },
    /NUMBER_VALUE can not be converted to String at thingTypeName/,
  ],
  [
    'a string for a structure',
    { ...THING, body: '{"attributePayload":"x"}' },
    /STRING_VALUE can not be converted to Structure at attributePayload/,
  ],
  [
    'a list for a map',
    { ...THING, body: '{"attributePayload":{"attributes":["a"]}}' },
    /LIST_VALUE can not be converted to Map at attributePayload.attributes/,
  ],
  [
    'null inside a map',
    { ...THING, body: '{"attributePayload":{"attributes":{"a":null}}}' },
    /NULL_VALUE can not be converted to String/,
  ],
  [
    'a string for a boolean',
    { ...THING, body: '{"attributePayload":{"merge":"true"}}' },
    /STRING_VALUE can not be converted to Boolean at attributePayload.merge/,
  ],
  [
    'a map for a list',
    { method: 'POST', target: '/tags', body: '{"tags":{}}' },
    /STRUCTURE_VALUE can not be converted to List at tags/,
  ],
  [
    'text for a number in the query',
    { method: 'GET', target: '/things?maxResults=many' },
    /STRING_VALUE can not be converted to Number at maxResults/,
  ],
  [
    'text for a boolean in the query',
    { method: 'GET', target: '/things?usePrefixAttributeValue=yes' },
    /can not be converted to Boolean/,
  ],
  [
    'text for a moment in the query',
    { method: 'GET', target: '/audit/tasks?startTime=5&endTime=2026-01-01T00:00:00Z' },
    /can not be converted to Timestamp at startTime/,
  ],
  [
    'a string for a moment',
    { method: 'POST', target: '/audit/findings', body: '{"startTime":"2026-01-01T00:00:00Z"}' },
    /STRING_VALUE can not be converted to Timestamp/,
  ],
  [
    'no base64 for a blob',
    {
      method: 'POST',
      target: '/otaUpdates/x',
      body: '{"files":[{"codeSigning":{"customCodeSigning":{"signature":{"inlineDocument":"*"}}}}]}',
    },
    /can not be converted to Blob/,
  ],
]

for (const [why, sent, message] of UNREADABLE) {
  test(`refuses ${why}`, () => {
    assert.throws(
      () => read(sent),
      (error) =>
        error instanceof AwsException &&
        error.name === 'SerializationException' &&
        error.status === 400 &&
        message.test(error.message),
    )
  })
}

test('a body that is nested too deeply is refused before it exhausts the stack', () => {
  const route = operations.find(({ name }) => name === 'CreateThing')!
  assert.throws(() => readShape(route.input, {}, '', SHAPE_DEPTH_MAX + 1), /nested too deeply/)
})

const long = 'x'.repeat(129)
const NAME_PATTERN = 'regular expression pattern: [a-zA-Z0-9:_-]+'
const TAGS = { method: 'POST', target: '/tags' }
const TYPE = { method: 'POST', target: '/thing-types/t' }
const PRINCIPALS = { method: 'PUT', headers: { 'x-amzn-principal': 'a' } }

interface Violation {
  readonly why: string
  readonly sent: Sent
  readonly value: string | null
  readonly at: string
  readonly rule: string
}

const attributes = (text: string): Sent => ({ ...THING, body: `{"attributePayload":{"attributes":${text}}}` })
const description = (text: string): string => JSON.stringify({ thingTypeProperties: { thingTypeDescription: text } })

const VIOLATIONS: readonly Violation[] = [
  {
    why: 'a pattern',
    sent: { method: 'GET', target: '/things/a%20b' },
    value: 'a b',
    at: 'thingName',
    rule: `Member must satisfy ${NAME_PATTERN}`,
  },
  {
    why: 'a pattern that an anchor could let slip',
    sent: { method: 'GET', target: '/things/a%0A' },
    value: 'a\n',
    at: 'thingName',
    rule: `Member must satisfy ${NAME_PATTERN}`,
  },
  {
    why: 'a length, and repeats only the beginning of the value',
    sent: { method: 'GET', target: `/things/${long}` },
    value: `${long.slice(1)}…`,
    at: 'thingName',
    rule: 'Member must have length less than or equal to 128',
  },
  {
    why: 'the lower end of a range',
    sent: { method: 'GET', target: '/things?maxResults=0' },
    value: '0',
    at: 'maxResults',
    rule: 'Member must have value greater than or equal to 1',
  },
  {
    why: 'the upper end of a range',
    sent: { method: 'GET', target: '/things?maxResults=251' },
    value: '251',
    at: 'maxResults',
    rule: 'Member must have value less than or equal to 250',
  },
  {
    why: 'an enumeration',
    sent: { ...PRINCIPALS, target: '/things/x/principals?thingPrincipalType=MINE' },
    value: 'MINE',
    at: 'thingPrincipalType',
    rule: 'Member must satisfy enum value set: [EXCLUSIVE_THING, NON_EXCLUSIVE_THING]',
  },
  {
    why: 'a required member',
    sent: { method: 'POST', target: '/policies/p', body: '{}' },
    value: null,
    at: 'policyDocument',
    rule: 'Member must not be null',
  },
  {
    why: 'a key of a map',
    sent: attributes('{"a b":"c"}'),
    value: '{"a b":"c"}',
    at: 'attributePayload.attributes',
    rule:
      'Map keys must satisfy constraint: [Member must have length less than or equal to 128, ' +
      'Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#-]+]',
  },
  {
    why: 'a value of a map',
    sent: attributes('{"a":"c d"}'),
    value: '{"a":"c d"}',
    at: 'attributePayload.attributes',
    rule:
      'Map value must satisfy constraint: [Member must have length less than or equal to 800, ' +
      'Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#=\\[\\]-]*]',
  },
  {
    why: 'a member of a list',
    sent: { ...TAGS, body: '{"resourceArn":"a","tags":[{"Key":"k"},{"Key":""}]}' },
    value: '',
    at: 'tags.2.member.Key',
    rule: 'Member must have length greater than or equal to 1',
  },
  {
    why: 'a POSIX class, which JavaScript lacks',
    sent: { ...TYPE, body: description('tab\t') },
    value: 'tab\t',
    at: 'thingTypeProperties.thingTypeDescription',
    rule: 'Member must satisfy regular expression pattern: [\\p{Graph}\\x20]*',
  },
]

function sentenceOf({ value, at, rule }: Violation): string {
  return `Value ${value === null ? 'null' : `'${value}'`} at '${at}' failed to satisfy constraint: ${rule}`
}

for (const violation of VIOLATIONS) {
  test(`answers in AWS's words what breaks ${violation.why}`, () => {
    const message = `1 validation error detected: ${sentenceOf(violation)}`
    assert.throws(() => readAndCheck(violation.sent), { name: 'InvalidRequestException', message })
  })
}

test('several violations are told together', () => {
  assert.throws(() => readAndCheck({ method: 'POST', target: '/policies/a%20b', body: '{}' }), {
    message: /^2 validation errors detected: Value 'a b' at 'policyName' .*; Value null at 'policyDocument' /,
  })
})

test('a fraction is no whole number', () => {
  const message = 'NUMBER_VALUE can not be converted to Integer at maxResults'
  assert.throws(() => readAndCheck({ method: 'GET', target: '/things?maxResults=1.5' }), {
    name: 'SerializationException',
    message,
  })
})

test('what satisfies the model passes', () => {
  readAndCheck({ ...TYPE, body: description('Press, 7') })
  readAndCheck({ method: 'POST', target: '/policies/a+b%3D', body: '{"policyDocument":"{}"}' })
  readAndCheck({ method: 'GET', target: '/things?maxResults=250' })
})

test('the table of bounds knows every operation: what a path needs is required', () => {
  for (const operation of operations) {
    for (const [, label] of operation.path.matchAll(/\{(\w+)\+?\}/g)) {
      const message = new RegExp(`Value null at '${label}' failed to satisfy constraint: Member must not be null`)
      assert.throws(() => requireConstraints(operation, {}), { message }, operation.name)
    }
  }
})

test('arbitrary JSON for any operation gives an input or a declared exception, nothing else', () => {
  const someRoute = fc.constantFrom(...operations).map((operation): Route => ({ operation, labels: {} }))
  fc.assert(
    fc.property(someRoute, fc.json(), (route, body) => {
      try {
        requireConstraints(route.operation, readInput(route, { query: [], headers: {}, body: Buffer.from(body) }))
      } catch (error) {
        assert.ok(error instanceof AwsException, String(error))
      }
    }),
    { numRuns: 1000 },
  )
})

test('values of the right shape for any operation are checked without a failure of ours', () => {
  for (const { input, service, name } of operations) {
    if (input.isUnitSchema()) continue
    const route = {
      operation: operations.find((operation) => operation.service === service && operation.name === name)!,
      labels: {},
    }
    for (const value of ['', 'x', 'x'.repeat(300)]) {
      const given = Object.fromEntries(
        [...input.structIterator()].map(([member, schema]) => [member, schema.isStringSchema() ? value : undefined]),
      )
      try {
        requireConstraints(route.operation, given)
      } catch (error) {
        assert.ok(error instanceof AwsException, `${name}: ${String(error)}`)
      }
    }
  }
})

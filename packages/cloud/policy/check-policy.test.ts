import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkPolicy, parsePolicyDocument } from './index.ts'
import { ARN, CONTEXT, UNATTACHED } from './testing/policies.ts'
import { randomPolicy } from './testing/random-policies.ts'

/** Gives `line:column code` of each finding. */
function found(text: string, context?: typeof CONTEXT): readonly string[] {
  return checkPolicy(text, context).map(({ line, column, code }) => `${line}:${column} ${code}`)
}

function codes(statements: object, version = '2012-10-17'): readonly string[] {
  return checkPolicy(JSON.stringify({ Version: version, Statement: statements })).map(({ code }) => code)
}

const allow = (Action: unknown, Resource: unknown, more: object = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
})

test('every fault is found with its place, not only the first', () => {
  const text = `{
  "Version": "2012-10-17", "Id": 7,
  "Statement": [
    {"Effect": "allow", "Action": "fly", "Resource": ["x", "*"]},
    {"Effect": "Allow", "Acton": 1, "Resource": "*"},
    {"Effect": "Deny", "Action": "iot:Publish", "NotAction": "iot:Connect", "Resource": "*", "Principal": "*"},
    {"Effect": "Allow", "Action": "iot:Connect", "Resource": "\${iot:ClientId", "Condition":
      {"Is": {"a": "b"}, "Bool": {"iot:X": "y", "aws:SourceIp": "z"}}}
  ]
}`
  const messages = checkPolicy(text).map(({ line, column, message }) => `${line}:${column} ${message}`)
  assert.deepEqual(messages, [
    '2:34 A string is needed.',
    '4:16 The effect must be "Allow" or "Deny".',
    '4:35 "fly" is no action; actions look like "iot:Publish", "iot:*" or "*".',
    '4:55 "x" is no resource; resources are ARNs ("arn:aws:iot:...") or "*".',
    '5:5 Exactly one of Action and NotAction is needed.',
    '5:34 The member "Acton" is unknown.',
    '6:5 A principal cannot be named here: the policy is attached to it instead.',
    '6:5 Exactly one of Action and NotAction is needed.',
    '7:62 "${iot:ClientId" is no resource; resources are ARNs ("arn:aws:iot:...") or "*".',
    '8:14 "Is" is no condition operator.',
    '8:44 No connection has a value for the condition key "iot:X".',
    '8:65 "z" is not "true" or "false".',
  ])
})

test('what is no JSON, too long, twice or no ASCII is found where it is', () => {
  assert.deepEqual(found('{"Version": "2012-10-17",\n "Statement": [}'), ['2:16 POLICY_NOT_JSON'])
  assert.deepEqual(found(''), ['1:1 POLICY_NOT_JSON'])
  assert.deepEqual(found(`${'['.repeat(40)}`), ['1:33 POLICY_NOT_JSON'])
  const twice = `{"Statement":\n{"Effect":"Deny","Effect":"Deny","Action":"iot:Connect","Resource":"*"}}`
  assert.deepEqual(found(twice), ['2:18 POLICY_MEMBER_REPEATED'])
  const long = { Effect: 'Deny', Action: 'iot:Connect', Resource: [`${ARN}client/${'x'.repeat(2048)}`] }
  assert.deepEqual(codes([long]), ['POLICY_TOO_LONG'])
  assert.deepEqual(found(`{"Statement":{"Sid":"é","Effect":"Deny","Action":"iot:Connect","Resource":"*"}}`), [
    '1:21 POLICY_MALFORMED',
    '1:22 POLICY_CHARACTERS',
  ])
})

test('what looks like a mistake is warned of', () => {
  const connect = allow('iot:Connect', `${ARN}client/press-7`)
  const rows: readonly (readonly [object, readonly string[]])[] = [
    [connect, []],
    [allow('*', '*'), ['WILDCARD_EVERYTHING']],
    [allow('iot:*', [`${ARN}*`]), ['WILDCARD_EVERYTHING']],
    [allow('iot:Connect', `${ARN}client/*`), ['WILDCARD_CLIENT']],
    [allow('iot:Connect', `${ARN}client/\${iot:ClientId}`), ['WILDCARD_CLIENT']],
    [allow('iot:Connect', '*', { Condition: { Bool: { 'iot:Connection.Thing.IsAttached': 'true' } } }), []],
    [allow('iot:Publish', `${ARN}topic/*`), ['WILDCARD_TOPIC']],
    [allow(['iot:Subscribe', 'iot:Receive'], `${ARN}topicfilter/a`), ['RESOURCE_TYPE']],
    [allow('iot:Subscribe', `${ARN}topicfilter/a`), ['SUBSCRIBE_WITHOUT_RECEIVE']],
    [allow('iot:Publish', `${ARN}topic/a/+/b`), ['MQTT_WILDCARD']],
    [allow('iot:Publish', `${ARN}topic/a+b`), []],
    [allow('iot:Publsh', `${ARN}topic/a`), ['ACTION_UNKNOWN']],
    [allow('iot:CreateThing', '*'), ['ACTION_UNKNOWN']],
    [allow('s3:GetObject', '*'), ['ACTION_UNKNOWN']],
    [allow('iot:Publish', 'arn:aws:iot:eu-west-1:ACCOUNT:topic/a'), ['RESOURCE_SHAPE']],
    [allow('iot:Publish', 'arn:aws:iot:topic/a'), ['RESOURCE_SHAPE']],
    [allow('iot:Publish', `${ARN}topic/\${iot:Nme}`), ['VARIABLE_UNKNOWN']],
    [allow('iot:Publish', `${ARN}topic/\${iot:Certificate.Subject.OrganizationalUnit.List}`), ['VARIABLE_UNKNOWN']],
    [{ Effect: 'Deny', Action: 'iot:Subscribe', Resource: `${ARN}topicfilter/a` }, ['DENIED_FILTER_ONLY']],
    [{ Effect: 'Deny', Action: '*', Resource: '*' }, []],
  ]
  for (const [statement, expected] of rows) {
    assert.deepEqual(codes(statement), expected, JSON.stringify(statement))
    assert.deepEqual(codes([connect, statement]), expected)
  }
  assert.deepEqual(codes(allow('iot:Publish', `${ARN}topic/\${iot:ClientId}`), '2008-10-17'), ['VARIABLE_VERSION'])
})

test('a variable without a value on one connection is found there, at its column', () => {
  const text = JSON.stringify({
    Version: '2012-10-17',
    Statement: [allow('iot:Publish', [`${ARN}topic/a`, `${ARN}topic/\${iot:Connection.Thing.ThingName}`])],
  })
  assert.deepEqual(found(text, CONTEXT), [])
  assert.deepEqual(found(text, UNATTACHED), [`1:${text.indexOf('${') + 1} VARIABLE_UNRESOLVED`])
})

test('a document has an error exactly if it is refused, whatever it is', () => {
  const broken = fc
    .tuple(randomPolicy(ARN, { asksConnection: true }), fc.nat(), fc.nat(), fc.string({ maxLength: 3 }))
    .map(
      ([text, at, length, put]) =>
        `${text.slice(0, at % text.length)}${put}${text.slice((at % text.length) + (length % 8))}`,
    )
  fc.assert(
    fc.property(fc.oneof(broken, randomPolicy(ARN, { asksConnection: true }), fc.json(), fc.string()), (text) => {
      const findings = checkPolicy(text)
      assert.equal(
        findings.some(({ severity }) => severity === 'error'),
        isRefused(text),
        JSON.stringify(findings),
      )
      for (const { line, column, message, remedy } of findings) {
        assert.ok(line >= 1 && line <= text.split('\n').length && column >= 1)
        assert.match(`${message}|${remedy}`, /^\S[^]*[.?]\|\S[^]*\.$/)
      }
    }),
    { numRuns: 1000 },
  )
})

function isRefused(text: string): boolean {
  try {
    parsePolicyDocument(text)
    return false
  } catch {
    return true
  }
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { POLICY_CHARACTERS_MAX, parsePolicyDocument } from './index.ts'

const ARN = 'arn:aws:iot:eu-west-1:123456789012:'

const ACCEPTED: readonly (readonly [string, unknown])[] = [
  ['one statement that is no list', document({ Effect: 'Allow', Action: 'iot:*', Resource: '*' })],
  ['an old version', { ...document({ Effect: 'Allow', Action: 'iot:*', Resource: '*' }), Version: '2008-10-17' }],
  ['no version, as IAM allows', { Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }] }],
  ['an Id', { ...document({ Effect: 'Allow', Action: 'iot:*', Resource: '*' }), Id: 'devices' }],
  [
    'actions of other services',
    document({ Effect: 'Allow', Action: ['greengrass:*', 'iotjobsdata:X'], Resource: '*' }),
  ],
  [
    'NotAction with NotResource',
    document({ Effect: 'Deny', NotAction: 'iot:Connect', NotResource: [`${ARN}topic/a`] }),
  ],
  ['plus and hash', document({ Effect: 'Allow', Action: 'iot:Subscribe', Resource: `${ARN}topicfilter/a/+/#` })],
  [
    'a dollar that begins no variable',
    document({ Effect: 'Allow', Action: 'iot:Publish', Resource: `${ARN}topic/$aws/x` }),
  ],
  [
    'an unknown variable',
    document({ Effect: 'Allow', Action: 'iot:Publish', Resource: `${ARN}topic/\${aws:username}` }),
  ],
  [
    'an unclosed variable of the old version',
    {
      Version: '2008-10-17',
      Statement: { Effect: 'Allow', Action: 'iot:Publish', Resource: `${ARN}topic/\${x` },
    },
  ],
  ['a JSON boolean', withCondition({ Bool: { 'iot:Connection.Thing.IsAttached': [true] } })],
  ['an empty list of values', withCondition({ 'ForAllValues:StringEquals': { 'iot:ConnectAttributes': [] } })],
  ['IfExists', withCondition({ StringEqualsIfExists: { 'iot:Thing.Attributes[site]': 'a' } })],
  ['a key of another service', withCondition({ StringEquals: { 'cognito-identity.amazonaws.com:sub': 'a' } })],
  [
    'a certificate key with index',
    withCondition({ StringLike: { 'iot:Certificate.Subject.OrganizationalUnit.1': 'a*' } }),
  ],
  ['white space beyond the size', `${' '.repeat(3000)}${JSON.stringify(withCondition({}))}`],
]

for (const [what, value] of ACCEPTED) {
  test(`accepts ${what}`, () => {
    parsePolicyDocument(typeof value === 'string' ? value : JSON.stringify(value))
  })
}

const REFUSED: readonly (readonly [string, unknown, RegExp])[] = [
  ['no JSON', '{', /at \$: it is not JSON/],
  ['a list', [], /at \$: an object/],
  ['an unknown version', { Version: '2020-01-01', Statement: [] }, /\$\.Version/],
  ['a version that is null', { Version: null, Statement: [] }, /\$\.Version/],
  ['no statement', { Version: '2012-10-17' }, /Statement is missing/],
  ['an empty list of statements', { Version: '2012-10-17', Statement: [] }, /\$\.Statement: at least one/],
  ['an unknown member of the document', { Version: '2012-10-17', Statements: [] }, /"Statements" is unknown/],
  [
    'an unknown member of a statement',
    document({ Effect: 'Allow', Actions: 'iot:*', Resource: '*' }),
    /\$\.Statement: the member "Actions"/,
  ],
  ['a principal', document({ Effect: 'Allow', Principal: '*', Action: 'iot:*', Resource: '*' }), /principal cannot/],
  ['an effect in lower case', document({ Effect: 'allow', Action: 'iot:*', Resource: '*' }), /\$\.Statement\.Effect/],
  [
    'a Sid that is no text',
    document({ Sid: 1, Effect: 'Allow', Action: 'iot:*', Resource: '*' }),
    /\$\.Statement\.Sid/,
  ],
  ['neither Action nor NotAction', document({ Effect: 'Allow', Resource: '*' }), /exactly one of Action and NotAction/],
  [
    'Action and NotAction',
    document({ Effect: 'Allow', Action: 'a:b', NotAction: 'a:b', Resource: '*' }),
    /exactly one of Action/,
  ],
  [
    'Resource and NotResource',
    document({ Effect: 'Allow', Action: 'a:b', Resource: '*', NotResource: '*' }),
    /exactly one of Resource/,
  ],
  [
    'an action without service',
    document({ Effect: 'Allow', Action: 'Publish', Resource: '*' }),
    /"Publish" is no action/,
  ],
  ['no actions', document({ Effect: 'Allow', Action: [], Resource: '*' }), /\$\.Statement\.Action: at least one/],
  [
    'an action that is no text',
    document({ Effect: 'Allow', Action: [1], Resource: '*' }),
    /\$\.Statement\.Action\[0\]: a string/,
  ],
  [
    'a resource that is no ARN',
    document({ Effect: 'Allow', Action: 'a:b', Resource: ['topic/a'] }),
    /\$\.Statement\.Resource\[0\]/,
  ],
  ['an unclosed variable', document({ Effect: 'Allow', Action: 'a:b', Resource: 'arn:${x' }), /not closed/],
  [
    'an unknown operator',
    withCondition({ StringMatches: { 'iot:ClientId': 'a' } }),
    /"StringMatches" is no condition operator/,
  ],
  ['an operator of Object.prototype', withCondition({ constructor: { 'iot:ClientId': 'a' } }), /"constructor" is no/],
  [
    'an unknown qualifier',
    withCondition({ 'ForSomeValues:StringEquals': { 'iot:ClientId': 'a' } }),
    /no condition operator/,
  ],
  ['NullIfExists', withCondition({ NullIfExists: { 'iot:ClientId': 'true' } }), /IfExists cannot follow/],
  ['a key no connection has', withCondition({ StringEquals: { 'iot:ClientID2': 'a' } }), /"iot:ClientID2"/],
  ['the time of day', withCondition({ DateLessThan: { 'aws:CurrentTime': '2030-01-01' } }), /"aws:CurrentTime"/],
  [
    'an unknown certificate attribute',
    withCondition({ StringEquals: { 'iot:Certificate.Subject.Name': 'a' } }),
    /Subject\.Name/,
  ],
  ['a Bool that is none', withCondition({ Bool: { 'iot:Connection.Thing.IsAttached': 'yes' } }), /"true" or "false"/],
  ['an address that is none', withCondition({ IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } }), /CIDR block/],
  ['a number that is none', withCondition({ NumericLessThan: { 'iot:ClientId': 'ten' } }), /is not a number/],
  ['a date that is none', withCondition({ DateEquals: { 'iot:ClientId': 'May' } }), /ISO 8601/],
  [
    'a condition value that is an object',
    withCondition({ StringEquals: { 'iot:ClientId': {} } }),
    /a string is needed/,
  ],
  ['a non-ASCII character', '{"Version":"2012-10-17","Statement":"é"}', /position 37/],
  [
    'an escaped non-ASCII character',
    '{"Statement":{"Sid":"\\u00e9","Effect":"Allow","Action":"a:b","Resource":"*"}}',
    /Sid: only printable/,
  ],
  ['a control character', '{"Statement":"\u0001"}', /position 14/],
  [
    'a member that occurs twice',
    '{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"a:b","Resource":"*"}}',
    /"Effect" occurs twice/,
  ],
  ['more characters than allowed', JSON.stringify({ Statement: 'x'.repeat(POLICY_CHARACTERS_MAX) }), /more than 2048/],
  ['more text than allowed', ' '.repeat(404_601), /more than 2048/],
]

for (const [what, value, message] of REFUSED) {
  test(`refuses ${what}`, () => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    assert.throws(
      () => parsePolicyDocument(text),
      (error) => {
        assert.ok(error instanceof Fault, String(error))
        assert.equal(error.code, 'POLICY_MALFORMED')
        assert.match(error.message, message)
        return true
      },
    )
  })
}

test('a document of exactly 2048 characters is accepted', () => {
  const text = JSON.stringify(document({ Sid: '', Effect: 'Allow', Action: 'iot:*', Resource: '*' }))
  const full = text.replace('"Sid":""', `"Sid":"${'s'.repeat(POLICY_CHARACTERS_MAX - text.length)}"`)
  assert.equal(full.length, POLICY_CHARACTERS_MAX)
  parsePolicyDocument(full)
  assert.throws(() => parsePolicyDocument(full.replace('"Sid":"', '"Sid":"s')), { code: 'POLICY_MALFORMED' })
})

test('arbitrary text gives a document or POLICY_MALFORMED; nothing else', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((json) => `{"Statement":${json}}`),
    statements(),
  )
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parsePolicyDocument(text)
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === 'POLICY_MALFORMED', String(error))
      }
    }),
  )
})

/** Documents that are nearly right. */
function statements(): fc.Arbitrary<string> {
  const members = fc.constantFrom('Sid', 'Effect', 'Action', 'Resource', 'NotResource', 'Condition')
  const values = fc.oneof(fc.constantFrom('Allow', 'iot:*', '*', '${', { Bool: { 'iot:ClientId': 1 } }), fc.jsonValue())
  return fc.dictionary(members, values).map((statement) => JSON.stringify(document(statement)))
}

function document(statement: unknown): object {
  return { Version: '2012-10-17', Statement: statement }
}

function withCondition(condition: unknown): object {
  return document({ Effect: 'Allow', Action: 'iot:Connect', Resource: '*', Condition: condition })
}

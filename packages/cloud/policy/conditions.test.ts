import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyContext } from './index.ts'
import { ARN, ATTACHED, allow, CONTEXT, decide } from './testing/policies.ts'

const CONDITIONS: readonly (readonly [object, boolean, Partial<PolicyContext>?])[] = [
  [{ StringEquals: { 'iot:ClientId': ['a', 'press-7'] } }, true],
  [{ StringEquals: { 'iot:ClientId': 'press-*' } }, false],
  [{ StringLike: { 'iot:ClientId': 'press-*' } }, true],
  [{ StringLike: { 'iot:ClientId': 'press-$(*)' } }, false],
  [{ StringNotLike: { 'iot:ClientId': 'press-*' } }, false],
  [{ StringEqualsIgnoreCase: { 'IOT:CLIENTID': 'PRESS-7' } }, true],
  [{ StringNotEqualsIgnoreCase: { 'iot:ClientId': 'PRESS-7' } }, false],
  [{ StringEquals: { 'iot:ClientId': '${iot:Certificate.Subject.CommonName}' } }, true],
  [{ StringEquals: { 'iot:ClientId': '${iot:Thing.Attributes[none]}' } }, false],
  [{ StringNotEquals: { 'iot:ClientId': '${iot:Thing.Attributes[none]}' } }, false],
  [{ StringEquals: { 'iot:ClientId': 'press-7' }, Bool: { 'iot:Thing.IsAttached': 'false' } }, false],
  [{ StringEquals: { 'iot:Thing.Attributes[none]': 'a' } }, false],
  [{ StringEqualsIfExists: { 'iot:Thing.Attributes[none]': 'a' } }, true],
  [{ StringNotEquals: { 'iot:Thing.Attributes[none]': 'a' } }, true],
  [{ Null: { 'iot:Thing.Attributes[none]': 'true' } }, true],
  [{ Null: { 'iot:Thing.Attributes[site]': true } }, false],
  [{ Null: { 'iot:ConnectAttributes': 'true' } }, true],
  [ATTACHED, false, { thing: undefined }],
  [{ Bool: { 'iot:Connection.Thing.IsAttached': false } }, true, { thing: undefined }],
  [{ IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '192.0.2.16/28'] } }, true],
  [{ IpAddress: { 'aws:SourceIp': '192.0.2.16/31' } }, true],
  [{ IpAddress: { 'aws:SourceIp': '192.0.2.18/31' } }, false],
  [{ NotIpAddress: { 'aws:SourceIp': '192.0.2.0/24' } }, false],
  [{ IpAddress: { 'aws:SourceIp': '2001:db8::/32' } }, true, { sourceIp: '2001:db8:1::7' }],
  [{ IpAddress: { 'aws:SourceIp': '192.0.2.17' } }, true, { sourceIp: '::ffff:192.0.2.17' }],
  [{ IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } }, false, { sourceIp: '2001:db8::1' }],
  [{ NumericLessThan: { 'iot:ClientId': '10' } }, true, { clientId: '9.5' }],
  [{ NumericGreaterThanEquals: { 'iot:ClientId': 10 } }, false, { clientId: '9' }],
  [{ NumericEquals: { 'iot:ClientId': '10' } }, false, { clientId: 'ten' }],
  [{ NumericNotEquals: { 'iot:ClientId': '10' } }, true, { clientId: 'ten' }],
  [{ DateLessThan: { 'iot:ClientId': '2030-01-01T00:00:00Z' } }, true, { clientId: '2029-12-31' }],
  [{ DateGreaterThan: { 'iot:ClientId': '1700000000' } }, true, { clientId: '1700000001' }],
  // AWS IoT Core developer guide, connect policy examples: what ConnectAttributes restrict.
  [{ 'ForAllValues:StringEquals': { 'iot:ConnectAttributes': [] } }, true],
  [{ 'ForAllValues:StringEquals': { 'iot:ConnectAttributes': [] } }, false, { connectAttributes: ['LastWill'] }],
  [
    { 'ForAllValues:StringEquals': { 'iot:ConnectAttributes': ['PersistentConnect', 'LastWill'] } },
    true,
    { connectAttributes: ['LastWill'] },
  ],
  [
    { 'ForAllValues:StringEquals': { 'iot:ConnectAttributes': ['LastWill'] } },
    false,
    { connectAttributes: ['PersistentConnect', 'LastWill'] },
  ],
  [{ 'ForAnyValue:StringEquals': { 'iot:ConnectAttributes': ['PersistentConnect'] } }, false],
  [
    { 'ForAnyValue:StringEquals': { 'iot:ConnectAttributes': ['PersistentConnect'] } },
    true,
    { connectAttributes: ['PersistentConnect', 'LastWill'] },
  ],
  [
    { 'ForAnyValue:StringNotEquals': { 'iot:ConnectAttributes': ['LastWill'] } },
    true,
    { connectAttributes: ['PersistentConnect', 'LastWill'] },
  ],
  [{ 'ForAnyValue:StringEqualsIfExists': { 'iot:ConnectAttributes': ['LastWill'] } }, true],
  [{ ArnEquals: { 'iot:LastWillTopic': `${ARN}topic/will` } }, true, { lastWillTopic: `${ARN}topic/will` }],
  [{ ArnLike: { 'iot:LastWillTopic': 'arn:aws:iot:*:*:topic/w*' } }, true, { lastWillTopic: `${ARN}topic/will:x` }],
  [{ ArnLike: { 'iot:LastWillTopic': 'arn:*:topic/will' } }, false, { lastWillTopic: `${ARN}topic/will` }],
  [{ ArnNotEquals: { 'iot:LastWillTopic': `${ARN}topic/will` } }, false, { lastWillTopic: `${ARN}topic/will` }],
  [{ ArnEquals: { 'iot:LastWillTopic': '*' } }, true, { lastWillTopic: `${ARN}topic/will` }],
  [{ 'ForAllValues:StringLike': { 'iot:Certificate.Subject.OrganizationalUnit.List': ['t*', 'f*', 'one'] } }, true],
  [{ 'ForAnyValue:StringEquals': { 'iot:Certificate.Subject.OrganizationalUnit.List': ['six'] } }, false],
  [{ 'ForAnyValue:StringEquals': { 'iot:Certificate.AvailableKeys': ['iot:Certificate.Subject.CommonName'] } }, true],
  [{ 'ForAnyValue:StringEquals': { 'iot:Certificate.AvailableKeys': ['iot:Certificate.Subject.Country'] } }, false],
]

for (const [condition, holds, change] of CONDITIONS) {
  const forWhom = change === undefined ? '' : ` for ${JSON.stringify(change)}`
  test(`${JSON.stringify(condition)} ${holds ? 'holds' : 'does not hold'}${forWhom}`, () => {
    const decision = decide([[allow('iot:Connect', '*', condition)]], 'iot:Connect', 'client/x', {
      ...CONTEXT,
      ...change,
    })
    assert.equal(decision.effect, holds ? 'allow' : 'deny')
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bindPolicies, type PolicyContext, parsePolicyDocument } from './index.ts'
import { ARN, ATTACHED, allow, ask, bind, CONTEXT, decide, explain, THING, UNATTACHED } from './testing/policies.ts'

const EXPLANATIONS: readonly (readonly [object, RegExp, PolicyContext?])[] = [
  [allow('iot:Subscribe', `${ARN}topicfilter/a`), /No Allow names the action iot:Publish/],
  [allow('iot:Publish', `${ARN}topicfilter/a`), /iot:Publish is about topic\/, not topicfilter\//],
  [
    allow('iot:Publish', `${ARN}topic/b`),
    /Statement\[0\] of policy "p0" names the action but its resource is arn:.*topic\/b/,
  ],
  [
    allow('iot:Publish', `${ARN}topic/${THING}`),
    /needs \$\{iot:Connection.Thing.ThingName\}, which has no value: the client id/,
    UNATTACHED,
  ],
  [allow('iot:Publish', `${ARN}topic/\${iot:Certificate.Subject.Title}`), /no value in this certificate/],
  [allow('iot:Publish', `${ARN}topic/\${aws:username}`), /no value on this connection/],
  [allow('iot:Publish', '*', ATTACHED), /its condition Bool iot:Connection.Thing.IsAttached does not hold/, UNATTACHED],
  [{ Effect: 'Allow', Action: 'iot:Publish', NotResource: `${ARN}topic/*` }, /excludes arn:.*topic\/\*/],
]

for (const [statement, expected, context] of EXPLANATIONS) {
  test(`an explanation says ${expected.source}`, () => {
    assert.match(explain(decide([[statement]], 'iot:Publish', 'topic/a', context), 'topic/a'), expected)
  })
}

test('explanations name an Allow, the absence of policies, and the version that has no variables', () => {
  const allowed = decide([[allow('iot:Publish', '*')]], 'iot:Publish', 'topic/a')
  assert.match(explain(allowed, 'topic/a'), /allowed by Statement\[0\] of policy "p0"/)
  assert.match(explain(bind([], CONTEXT).decide(ask('topic/a')), 'topic/a'), /no policy with a statement is attached/)
  const old = { Version: '2008-10-17', Statement: allow('iot:Publish', `${ARN}topic/\${iot:ClientId}`) }
  const policies = bindPolicies([{ name: 'old', document: parsePolicyDocument(JSON.stringify(old)) }], CONTEXT)
  assert.match(
    explain(policies.decide(ask('topic/press-7')), 'topic/press-7'),
    /variables need "Version": "2012-10-17"/,
  )
})

test('an explanation stays short, however long the names are', () => {
  const long = 'x'.repeat(1900)
  const decision = decide([[allow('iot:Publish', `${ARN}topic/${long}`)]], 'iot:Publish', `topic/${long}y`)
  assert.ok(explain(decision, `topic/${long}y`).length < 700)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bindPolicies, type PolicyAction, type PolicyContext, parsePolicyDocument } from './index.ts'
import { ARN, ATTACHED, allow, bind, CONTEXT, decide, explain, outcome, THING, UNATTACHED } from './testing/policies.ts'

/** The worked example "typical device" of the AWS IoT Core developer guide, thing policy examples. */
const DEVICE = [
  allow('iot:Connect', `${ARN}client/${THING}`, ATTACHED),
  allow(['iot:Publish', 'iot:Receive'], `${ARN}topic/dt/${THING}/*`),
  allow('iot:Subscribe', `${ARN}topicfilter/dt/${THING}/*`),
  allow('iot:Publish', `${ARN}topic/$aws/things/${THING}/shadow/*`),
  allow('iot:Receive', `${ARN}topic/$aws/things/${THING}/*`),
  allow('iot:Subscribe', `${ARN}topicfilter/$aws/things/${THING}/*`),
]

type Row = readonly [
  what: string,
  statements: readonly object[],
  action: PolicyAction,
  resource: string,
  expected: 'allow' | 'explicit-deny' | 'resource' | 'condition' | 'variable' | 'nothing',
  context?: PolicyContext,
]

const ROWS: readonly Row[] = [
  ['typical device: connects as its thing', DEVICE, 'iot:Connect', 'client/press-7', 'allow'],
  ['typical device: not as another', DEVICE, 'iot:Connect', 'client/press-8', 'resource'],
  ['typical device: not unattached', DEVICE, 'iot:Connect', 'client/press-7', 'condition', UNATTACHED],
  ['typical device: publishes below its name', DEVICE, 'iot:Publish', 'topic/dt/press-7/a/b', 'allow'],
  ['typical device: not without a level', DEVICE, 'iot:Publish', 'topic/dt/press-7', 'resource'],
  ['typical device: not unattached, variable', DEVICE, 'iot:Publish', 'topic/dt/press-7/a', 'variable', UNATTACHED],
  ['typical device: its shadow', DEVICE, 'iot:Publish', 'topic/$aws/things/press-7/shadow/update', 'allow'],
  ['typical device: subscribes', DEVICE, 'iot:Subscribe', 'topicfilter/dt/press-7/#', 'allow'],
  ['typical device: topic is not topicfilter', DEVICE, 'iot:Subscribe', 'topic/dt/press-7/a', 'resource'],
  ['typical device: may not retain', DEVICE, 'iot:RetainPublish', 'topic/dt/press-7/a', 'nothing'],
  ...rows(
    'subject organization gate',
    allow('iot:Publish', `${ARN}topic/d/\${iot:ClientId}`, {
      'ForAllValues:StringEquals': { 'iot:Certificate.Subject.Organization.List': ['Acme', String.raw`Birth\, Inc.`] },
    }),
    [
      ['iot:Publish', 'topic/d/press-7', 'allow'],
      ['iot:Publish', 'topic/d/press-8', 'resource'],
    ],
  ),
  ...rows(
    'an organization of the list is foreign',
    allow('iot:Publish', '*', {
      'ForAllValues:StringEquals': { 'iot:Certificate.Subject.Organization.List': ['Acme'] },
    }),
    [['iot:Publish', 'topic/x', 'condition']],
  ),
  ...rows('plus and hash are plain characters', allow('iot:Subscribe', `${ARN}topicfilter/a/+/c`), [
    ['iot:Subscribe', 'topicfilter/a/+/c', 'allow'],
    ['iot:Subscribe', 'topicfilter/a/b/c', 'resource'],
  ]),
  ...rows('a star crosses levels', allow('iot:Publish', `${ARN}topic/a/*/c`), [
    ['iot:Publish', 'topic/a/b/x/c', 'allow'],
    ['iot:Publish', 'topic/a//c', 'allow'],
    ['iot:Publish', 'topic/a/c', 'resource'],
  ]),
  ...rows('a question mark is one character', allow('iot:Publish', `${ARN}topic/a?c`), [
    ['iot:Publish', 'topic/a/c', 'allow'],
    ['iot:Publish', 'topic/ac', 'resource'],
  ]),
  ...rows('escaped wildcards are plain', allow('iot:Publish', `${ARN}topic/$(*)\${?}$($)x`), [
    ['iot:Publish', 'topic/*?$x', 'allow'],
    ['iot:Publish', 'topic/abcx', 'resource'],
  ]),
  ...rows('resources keep their case, actions do not', allow('IoT:publish', `${ARN}topic/A`), [
    ['iot:Publish', 'topic/A', 'allow'],
    ['iot:Publish', 'topic/a', 'resource'],
  ]),
  ...rows('an ARN without its service never matches', allow('iot:Publish', 'arn:aws:eu-west-1:123456789012:topic/a'), [
    ['iot:Publish', 'topic/a', 'resource'],
  ]),
  ...rows('NotAction', { Effect: 'Allow', NotAction: 'iot:Publish', Resource: '*' }, [
    ['iot:Receive', 'topic/a', 'allow'],
    ['iot:Publish', 'topic/a', 'nothing'],
  ]),
  ...rows('NotResource', { Effect: 'Allow', Action: 'iot:Receive', NotResource: `${ARN}topic/secret/*` }, [
    ['iot:Receive', 'topic/a', 'allow'],
    ['iot:Receive', 'topic/secret/a', 'resource'],
  ]),
  [
    'Deny with NotResource',
    [allow('iot:*', '*'), { Effect: 'Deny', Action: 'iot:Publish', NotResource: `${ARN}topic/a` }],
    'iot:Publish',
    'topic/b',
    'explicit-deny',
  ],
  [
    'Deny with an unresolved NotResource denies',
    [allow('iot:*', '*'), { Effect: 'Deny', Action: 'iot:Publish', NotResource: `${ARN}topic/${THING}` }],
    'iot:Publish',
    'topic/b',
    'explicit-deny',
    UNATTACHED,
  ],
  [
    'Allow with an unresolved NotResource allows nothing',
    [{ Effect: 'Allow', Action: 'iot:Publish', NotResource: `${ARN}topic/${THING}` }],
    'iot:Publish',
    'topic/b',
    'variable',
    UNATTACHED,
  ],
  [
    'an unresolved resource beside another one',
    [allow('iot:Publish', [`${ARN}topic/${THING}`, `${ARN}topic/all`])],
    'iot:Publish',
    'topic/all',
    'allow',
    UNATTACHED,
  ],
  [
    'a Deny on Subscribe does not stop a wider filter',
    [
      allow('iot:Subscribe', `${ARN}topicfilter/a/*`),
      { Effect: 'Deny', Action: 'iot:Subscribe', Resource: `${ARN}topicfilter/a/restricted/*` },
    ],
    'iot:Subscribe',
    'topicfilter/a/#',
    'allow',
  ],
  [
    'the client id + is a plain character',
    [allow('iot:Subscribe', `${ARN}topicfilter/my/\${iot:ClientId}/topic`)],
    'iot:Subscribe',
    'topicfilter/my/+/topic',
    'allow',
    { ...CONTEXT, clientId: '+' },
  ],
  [
    'a client id * is no wildcard',
    [allow('iot:Publish', `${ARN}topic/\${iot:ClientId}`)],
    'iot:Publish',
    'topic/other',
    'resource',
    { ...CONTEXT, clientId: '*' },
  ],
  [
    'a client id with a mark is not substituted',
    [allow('iot:Publish', `${ARN}topic/\${iot:ClientId}`)],
    'iot:Publish',
    'topic/other',
    'variable',
    { ...CONTEXT, clientId: '\u0001' },
  ],
  [
    'an attribute with a star is no wildcard',
    [allow('iot:Publish', `${ARN}topic/\${iot:Connection.Thing.Attributes[wild]}`)],
    'iot:Publish',
    'topic/ab',
    'resource',
  ],
  [
    'the older spelling of thing variables',
    [allow('iot:Publish', `${ARN}topic/\${iot:Thing.ThingTypeName}/\${iot:Thing.Attributes[site]}`)],
    'iot:Publish',
    'topic/press/north',
    'allow',
  ],
  [
    'an attribute that is absent',
    [allow('iot:Publish', `${ARN}topic/\${iot:Thing.Attributes[constructor]}`)],
    'iot:Publish',
    'topic/x',
    'variable',
  ],
  ...variable('iot:Certificate.Subject.Organization', 'Acme'),
  ...variable('iot:Certificate.Subject.Organization.1', String.raw`Birth\, Inc.`),
  ...variable('iot:Certificate.Subject.OrganizationalUnit.4', 'five'),
  ...variable('iot:Certificate.Subject.OrganizationalUnit.5', undefined),
  ...variable('iot:Certificate.Subject.OrganizationalUnit.List', undefined),
  ...variable('iot:Certificate.Subject.Title', undefined),
  ...variable('iot:Certificate.Subject.Surname', undefined),
  ...variable('iot:Certificate.Subject.Country', undefined),
  ...variable('iot:Certificate.Issuer.CommonName', 'Line 3'),
  ...variable('iot:Certificate.Subject.AlternativeName.DNSName', 'press-7.example'),
  ...variable('iot:Certificate.SerialNumber', '0a'),
  ...variable('iot:CertificateId', 'ab'.repeat(32)),
  ...variable('aws:SourceIp', '192.0.2.17'),
  ...variable('iot:ConnectAttributes', undefined),
]

for (const [what, statements, action, resource, expected, context] of ROWS) {
  test(`${what}: ${action} on ${resource} gives ${expected}`, () => {
    assert.equal(outcome(decide([statements], action, resource, context)), expected)
  })
}

test('a Deny in one policy wins over the Allows of the others, wherever it stands', () => {
  const deny = [{ Sid: 'No', Effect: 'Deny', Action: 'iot:*', Resource: `${ARN}topic/secret` }]
  for (const policies of [
    [deny, [allow('iot:*', '*')]],
    [[allow('iot:*', '*')], deny],
  ]) {
    const decision = decide(policies, 'iot:Publish', 'topic/secret')
    assert.equal(outcome(decision), 'explicit-deny')
    assert.match(
      explain(decision, 'topic/secret'),
      /denied by Statement\[0\] \("No"\) of policy "p\d", and a Deny wins/,
    )
  }
})

test('a Deny under a negated operator holds when its value is a variable without value', () => {
  const deny = {
    Effect: 'Deny',
    Action: 'iot:*',
    Resource: '*',
    Condition: { StringNotEquals: { 'iot:ClientId': THING } },
  }
  assert.equal(outcome(decide([[allow('iot:*', '*'), deny]], 'iot:Publish', 'topic/a', UNATTACHED)), 'explicit-deny')
})

test('the same question asked again, and more questions than are remembered, get the same answers', () => {
  const policies = bind([DEVICE], CONTEXT)
  for (let round = 0; round < 2; round++) {
    for (let device = 0; device < 200; device++) {
      const { effect } = policies.decide({ action: 'iot:Publish', resource: `${ARN}topic/dt/press-${device}/a` })
      assert.equal(effect, device === 7 ? 'allow' : 'deny')
    }
  }
})

test('substituted text is compared character by character, whatever it holds', () => {
  const text = fc.string({ unit: fc.constantFrom('*', '?', '$', '{', '}', '(', ')', 'a', '+', '#'), minLength: 1 })
  fc.assert(
    fc.property(text, text, (clientId, topic) => {
      const policies = bind([[allow('iot:Publish', `${ARN}topic/\${iot:ClientId}`)]], { ...CONTEXT, clientId })
      const decision = policies.decide({ action: 'iot:Publish', resource: `${ARN}topic/${topic}` })
      assert.equal(decision.effect === 'allow', clientId === topic)
    }),
  )
})

function rows(
  what: string,
  statement: object,
  cases: readonly (readonly [PolicyAction, string, Row[4]])[],
): readonly Row[] {
  return cases.map(([action, resource, expected]) => [what, [statement], action, resource, expected])
}

/** Two rows: the variable stands for `value` and for nothing else, or it has no value. */
function variable(name: string, value: string | undefined): readonly Row[] {
  const statements = [allow('iot:Publish', `${ARN}topic/\${${name}}`)]
  if (value === undefined) return [[name, statements, 'iot:Publish', 'topic/x', 'variable']]
  return [
    [name, statements, 'iot:Publish', `topic/${value}`, 'allow'],
    [name, statements, 'iot:Publish', `topic/${value}x`, 'resource'],
  ]
}

test('what a statement asks of no connection is shared, and still speaks of the policy that it came by', () => {
  const statements = [allow('iot:Publish', `${ARN}topic/a`), allow('iot:Publish', `${ARN}topic/\${iot:ClientId}`)]
  const document = parsePolicyDocument(JSON.stringify({ Version: '2012-10-17', Statement: statements }))
  const by = (name: string, clientId: string, topic: string): unknown => {
    const bound = bindPolicies([{ name, document }], { ...CONTEXT, clientId })
    const decision = bound.decide({ action: 'iot:Publish', resource: `${ARN}topic/${topic}` })
    return decision.effect === 'allow' ? `${decision.by.policy} ${decision.by.index}` : decision.why
  }
  assert.equal(by('one', 'x', 'a'), 'one 0')
  assert.equal(by('two', 'y', 'a'), 'two 0')
  assert.equal(by('one', 'x', 'x'), 'one 1')
  assert.equal(by('one', 'y', 'x'), 'no-statement-matched')
})

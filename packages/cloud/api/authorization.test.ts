import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { type RefusalRow, refuses } from '../../../testing/testkit/refuses.ts'

const { client, authority, scope } = await startTestControlPlane()
const ARN = `arn:aws:iot:${scope.region}:${scope.account}:`

async function policy(policyName: string, ...statements: readonly object[]): Promise<string> {
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement: statements })
  await client.createPolicy({ policyName, policyDocument })
  return policyDocument
}

async function principal(...policyNames: readonly string[]): Promise<string> {
  const certificatePem = (await authority.issueDevice()).toPem()
  const { certificateArn } = await client.registerCertificateWithoutCA({ certificatePem, status: 'ACTIVE' })
  for (const policyName of policyNames) await client.attachPolicy({ policyName, target: certificateArn })
  return certificateArn!
}

const own = await policy(
  'own',
  { Effect: 'Allow', Action: 'iot:Connect', Resource: `${ARN}client/\${iot:Connection.Thing.ThingName}` },
  { Effect: 'Allow', Action: 'iot:Publish', Resource: `${ARN}topic/dt/\${iot:ClientId}/*` },
)
const secret = await policy('secret', { Effect: 'Deny', Action: '*', Resource: `${ARN}topic/dt/press-1/secret` })
await policy('wide', { Effect: 'Allow', Action: 'iot:*', Resource: '*' })
await policy('office', {
  Effect: 'Allow',
  Action: 'iot:Publish',
  Resource: '*',
  Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
})

test('the effective policies of a certificate are those attached to it', async () => {
  const { effectivePolicies } = await client.getEffectivePolicies({ principal: await principal('own', 'secret') })
  assert.deepEqual(effectivePolicies, [
    { policyName: 'own', policyArn: `${ARN}policy/own`, policyDocument: own },
    { policyName: 'secret', policyArn: `${ARN}policy/secret`, policyDocument: secret },
  ])
  assert.deepEqual((await client.getEffectivePolicies({ principal: await principal() })).effectivePolicies, [])
})

test('policies of a thing’s groups and of those above take effect when its certificate is the thing', async () => {
  await client.createThingGroup({ thingGroupName: 'plant' })
  await client.createThingGroup({ thingGroupName: 'hall', parentGroupName: 'plant' })
  await client.createThing({ thingName: 'saw-1' })
  await client.addThingToThingGroup({ thingGroupName: 'hall', thingName: 'saw-1' })
  await client.attachPolicy({ policyName: 'wide', target: `${ARN}thinggroup/plant` })
  const target = await principal('own')
  const names = async (asked: { principal?: string; thingName?: string }) =>
    (await client.getEffectivePolicies(asked)).effectivePolicies?.map(({ policyName }) => policyName)
  assert.deepEqual(await names({ principal: target, thingName: 'saw-1' }), ['own'], 'it is not attached')
  await client.attachThingPrincipal({ thingName: 'saw-1', principal: target })
  assert.deepEqual(await names({ principal: target, thingName: 'saw-1' }), ['own', 'wide'])
  assert.deepEqual(await names({ principal: target }), ['own'])
  assert.deepEqual(await names({ thingName: 'saw-1' }), ['wide'])
  assert.deepEqual(await names({ principal: `${ARN}thinggroup/hall` }), ['wide'])
  const authInfos = [{ actionType: 'SUBSCRIBE' as const, resources: [`${ARN}topicfilter/a`] }]
  const decide = async (clientId: string) =>
    (await client.testAuthorization({ principal: target, clientId, authInfos })).authResults?.[0]?.authDecision
  assert.deepEqual([await decide('saw-1'), await decide('saw-2')], ['ALLOWED', 'IMPLICIT_DENY'])
})

test('allowed, denied, and not allowed, each with the policies that say so', async () => {
  const target = await principal('own', 'secret')
  const publish = (topic: string) => ({ actionType: 'PUBLISH' as const, resources: [`${ARN}topic/${topic}`] })
  const { authResults } = await client.testAuthorization({
    principal: target,
    clientId: 'press-1',
    authInfos: [publish('dt/press-1/t'), publish('dt/press-1/secret'), publish('dt/press-2/t')],
  })
  const names = (list: readonly { policyName?: string | undefined }[] | undefined) =>
    list?.map(({ policyName }) => policyName)
  assert.deepEqual(
    authResults?.map(({ authDecision, allowed, denied }) => [
      authDecision,
      names(allowed?.policies),
      names(denied?.explicitDeny?.policies),
      names(denied?.implicitDeny?.policies),
    ]),
    [
      ['ALLOWED', ['own'], [], ['secret']],
      ['EXPLICIT_DENY', ['own'], ['secret'], []],
      ['IMPLICIT_DENY', [], [], ['own', 'secret']],
    ],
  )
  assert.deepEqual(authResults?.[0]?.authInfo, publish('dt/press-1/t'))
})

test('a thing gives its variables a value only when its certificate connects under its name', async () => {
  const target = await principal('own')
  await client.createThing({ thingName: 'press-9' })
  const connect = { actionType: 'CONNECT' as const, resources: [`${ARN}client/press-9`] }
  const asked = { principal: target, clientId: 'press-9', authInfos: [connect] }
  const before = (await client.testAuthorization(asked)).authResults?.[0]
  assert.deepEqual(
    [before?.authDecision, before?.missingContextValues],
    ['IMPLICIT_DENY', ['iot:Connection.Thing.ThingName']],
  )
  await client.attachThingPrincipal({ thingName: 'press-9', principal: target })
  const after = (await client.testAuthorization(asked)).authResults?.[0]
  assert.deepEqual([after?.authDecision, after?.missingContextValues], ['ALLOWED', []])
})

test('what a condition needs and nobody knows is named', async () => {
  const { authResults } = await client.testAuthorization({
    principal: await principal('office'),
    authInfos: [{ actionType: 'PUBLISH', resources: [`${ARN}topic/a`] }],
  })
  assert.deepEqual(
    [authResults?.[0]?.authDecision, authResults?.[0]?.missingContextValues],
    ['IMPLICIT_DENY', ['aws:SourceIp']],
  )
})

test('policies are added and left out for a try; all resources must be allowed', async () => {
  const target = await principal('secret')
  const resources = [`${ARN}topic/a`, `${ARN}topic/dt/press-1/secret`]
  const asked = { principal: target, authInfos: [{ actionType: 'PUBLISH' as const, resources }] }
  const decide = async (choice: object) =>
    (await client.testAuthorization({ ...asked, ...choice })).authResults?.[0]?.authDecision
  assert.equal(await decide({}), 'EXPLICIT_DENY')
  assert.equal(await decide({ policyNamesToAdd: ['wide'] }), 'EXPLICIT_DENY')
  assert.equal(await decide({ policyNamesToAdd: ['wide'], policyNamesToSkip: ['secret'] }), 'ALLOWED')
  assert.equal(await decide({ policyNamesToSkip: ['secret'] }), 'IMPLICIT_DENY')
})

const known = await principal()
const authInfos = [{ actionType: 'CONNECT' as const, resources: [`${ARN}client/x`] }]
const REFUSALS: readonly RefusalRow[] = [
  [
    'nobody',
    () => client.testAuthorization({ authInfos }),
    'InvalidRequestException',
    400,
    /principal or a thing name is required/,
  ],
  [
    'a principal that is not there',
    () => client.testAuthorization({ principal: `${ARN}cert/${'0'.repeat(64)}`, authInfos }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'a policy that is not there',
    () => client.testAuthorization({ principal: known, authInfos, policyNamesToAdd: ['absent'] }),
    'ResourceNotFoundException',
    404,
    /Policy not found/,
  ],
  [
    'an access without an action',
    () => client.testAuthorization({ principal: known, authInfos: [{ resources: [`${ARN}client/x`] }] }),
    'InvalidRequestException',
    400,
    /actionType/,
  ],
  [
    'no access',
    () => client.testAuthorization({ principal: known, authInfos: [] }),
    'InvalidRequestException',
    400,
    /authInfos/,
  ],
  [
    'an identity of Cognito',
    () => client.getEffectivePolicies({ cognitoIdentityPoolId: 'eu-central-1:pool' }),
    'NotImplementedException',
    501,
    /Cognito/,
  ],
  [
    'a thing that is not there',
    () => client.getEffectivePolicies({ thingName: 'absent' }),
    'ResourceNotFoundException',
    404,
    /cannot be found/,
  ],
  [
    'a thing group that is not there',
    () => client.getEffectivePolicies({ principal: `${ARN}thinggroup/absent` }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
]
for (const [why, send, name, status, message] of REFUSALS) {
  test(`refused: ${why}`, async () => {
    await refuses(send(), name, status, message)
  })
}

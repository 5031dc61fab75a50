import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paginateListAttachedPolicies, paginateListPolicies, paginateListTargetsForPolicy } from '@aws-sdk/client-iot'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { type RefusalRow, refuses } from '../../../testing/testkit/refuses.ts'

const { client, authority } = await startTestControlPlane()

const ALLOW_ALL = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
const ALLOW_CONNECT = ALLOW_ALL.replace('"*"', '"iot:Connect"')
const ARN = 'arn:aws:iot:eu-central-1:123456789012:policy/'

async function registeredCertificate(): Promise<string> {
  const certificatePem = (await authority.issueDevice()).toPem()
  return (await client.registerCertificateWithoutCA({ certificatePem })).certificateArn!
}

test('a policy is created, read as it was written, and deleted', async () => {
  const policyName = 'press'
  const policyDocument = ` ${ALLOW_ALL}\n`
  const { $metadata, ...created } = await client.createPolicy({ policyName, policyDocument })
  assert.deepEqual(created, { policyName, policyArn: `${ARN}press`, policyDocument, policyVersionId: '1' })
  const got = await client.getPolicy({ policyName })
  assert.deepEqual([got.policyArn, got.policyDocument, got.defaultVersionId], [`${ARN}press`, policyDocument, '1'])
  assert.ok(got.creationDate instanceof Date && got.lastModifiedDate instanceof Date && got.generationId !== undefined)
  assert.equal($metadata.httpStatusCode, 200)
  await client.deletePolicy({ policyName })
  await refuses(client.getPolicy({ policyName }), 'ResourceNotFoundException', 404, /Policy not found/)
})

test('versions come and go; the default one decides what the policy says', async () => {
  const policyName = 'versions'
  await client.createPolicy({ policyName, policyDocument: ALLOW_ALL })
  const second = await client.createPolicyVersion({ policyName, policyDocument: ALLOW_CONNECT, setAsDefault: true })
  assert.deepEqual([second.policyVersionId, second.isDefaultVersion, second.policyArn], ['2', true, `${ARN}versions`])
  const third = await client.createPolicyVersion({ policyName, policyDocument: ALLOW_CONNECT })
  assert.deepEqual([third.policyVersionId, third.isDefaultVersion], ['3', false])
  assert.equal((await client.getPolicy({ policyName })).policyDocument, ALLOW_CONNECT)
  await client.setDefaultPolicyVersion({ policyName, policyVersionId: '1' })
  assert.equal((await client.getPolicy({ policyName })).policyDocument, ALLOW_ALL)
  const { policyVersions } = await client.listPolicyVersions({ policyName })
  assert.deepEqual(
    policyVersions?.map(({ versionId, isDefaultVersion }) => [versionId, isDefaultVersion]),
    [
      ['1', true],
      ['2', false],
      ['3', false],
    ],
  )
  const version = await client.getPolicyVersion({ policyName, policyVersionId: '2' })
  assert.deepEqual([version.policyDocument, version.isDefaultVersion], [ALLOW_CONNECT, false])
  await refuses(client.deletePolicy({ policyName }), 'DeleteConflictException', 409, /one or more policy versions/)
  for (const policyVersionId of ['2', '3']) await client.deletePolicyVersion({ policyName, policyVersionId })
  await client.deletePolicy({ policyName })
})

test('a sixth version is one too many', async () => {
  const policyName = 'five'
  await client.createPolicy({ policyName, policyDocument: ALLOW_ALL })
  for (let count = 2; count <= 5; count += 1)
    await client.createPolicyVersion({ policyName, policyDocument: ALLOW_ALL })
  const sixth = client.createPolicyVersion({ policyName, policyDocument: ALLOW_ALL })
  await refuses(sixth, 'VersionsLimitExceededException', 409, /maximum number of versions \(5\)/)
})

test('policies are listed in pages, both ways', async () => {
  for (const policyName of ['list-a', 'list-b', 'list-c'])
    await client.createPolicy({ policyName, policyDocument: ALLOW_ALL })
  const read = async (ascendingOrder: boolean): Promise<string[]> => {
    const names: string[] = []
    for await (const page of paginateListPolicies({ client, pageSize: 2 }, { ascendingOrder })) {
      names.push(...page.policies!.map(({ policyName }) => policyName!))
    }
    return names.filter((name) => name.startsWith('list-'))
  }
  assert.deepEqual(await read(true), ['list-a', 'list-b', 'list-c'])
  assert.deepEqual(await read(false), ['list-c', 'list-b', 'list-a'])
})

test('policies are attached to certificates, listed both ways and detached', async () => {
  const target = await registeredCertificate()
  const other = await registeredCertificate()
  const names = ['attached-a', 'attached-b', 'attached-c']
  for (const policyName of names) {
    await client.createPolicy({ policyName, policyDocument: ALLOW_ALL })
    await client.attachPolicy({ policyName, target })
  }
  await client.attachPolicy({ policyName: 'attached-a', target })
  await client.attachPrincipalPolicy({ policyName: 'attached-a', principal: other })

  const attached: string[] = []
  for await (const page of paginateListAttachedPolicies({ client, pageSize: 2 }, { target, recursive: true })) {
    attached.push(...page.policies!.map(({ policyName }) => policyName!))
  }
  assert.deepEqual(attached, names)
  const byPrincipal = await client.listPrincipalPolicies({ principal: other })
  assert.deepEqual(byPrincipal.policies, [{ policyName: 'attached-a', policyArn: `${ARN}attached-a` }])
  const targets: string[] = []
  for await (const page of paginateListTargetsForPolicy({ client, pageSize: 1 }, { policyName: 'attached-a' })) {
    targets.push(...(page.targets ?? []))
  }
  assert.deepEqual(targets.toSorted(), [target, other].toSorted())
  const principals = await client.listPolicyPrincipals({ policyName: 'attached-a' })
  assert.deepEqual(principals.principals?.toSorted(), [target, other].toSorted())

  const deletion = client.deletePolicy({ policyName: 'attached-a' })
  await refuses(deletion, 'DeleteConflictException', 409, /attached to one or more principals \(name=attached-a\)/)
  await client.detachPolicy({ policyName: 'attached-a', target })
  await client.detachPolicy({ policyName: 'attached-a', target })
  await client.detachPrincipalPolicy({ policyName: 'attached-a', principal: other })
  await client.deletePolicy({ policyName: 'attached-a' })
})

test('an eleventh policy on one certificate is one too many', async () => {
  const target = await registeredCertificate()
  for (let count = 1; count <= 11; count += 1) {
    const policyName = `many-${count}`
    await client.createPolicy({ policyName, policyDocument: ALLOW_ALL })
    const attached = client.attachPolicy({ policyName, target })
    await (count <= 10 ? attached : refuses(attached, 'LimitExceededException', 410, /maximum number of policies/))
  }
})

const policyName = 'refused'
const policyDocument = ALLOW_ALL
const absent = `arn:aws:iot:eu-central-1:123456789012:cert/${'a'.repeat(64)}`
const group = 'arn:aws:iot:eu-central-1:123456789012:thinggroup/g'
await client.createPolicy({ policyName, policyDocument })

const REFUSALS: readonly RefusalRow[] = [
  [
    'a policy twice',
    () => client.createPolicy({ policyName, policyDocument }),
    'ResourceAlreadyExistsException',
    409,
    /Policy cannot be created - name already exists \(name=refused\)/,
  ],
  [
    'no JSON',
    () => client.createPolicy({ policyName: 'x', policyDocument: '{' }),
    'MalformedPolicyException',
    400,
    /^Policy document is Malformed: /,
  ],
  [
    'a document without statement',
    () => client.createPolicy({ policyName: 'x', policyDocument: '{"Version":"2012-10-17"}' }),
    'MalformedPolicyException',
    400,
    /Statement is missing \(at \$\)/,
  ],
  [
    'a broken document as a version',
    () => client.createPolicyVersion({ policyName, policyDocument: '[]' }),
    'MalformedPolicyException',
    400,
    /Malformed/,
  ],
  [
    'a version of nothing',
    () => client.createPolicyVersion({ policyName: 'absent', policyDocument }),
    'ResourceNotFoundException',
    404,
    /Policy not found/,
  ],
  [
    'an absent version',
    () => client.getPolicyVersion({ policyName, policyVersionId: '9' }),
    'ResourceNotFoundException',
    404,
    /version not found/,
  ],
  [
    'an absent default',
    () => client.setDefaultPolicyVersion({ policyName, policyVersionId: '9' }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'the deletion of the default',
    () => client.deletePolicyVersion({ policyName, policyVersionId: '1' }),
    'DeleteConflictException',
    409,
    /default version/,
  ],
  [
    'the deletion of an absent version',
    () => client.deletePolicyVersion({ policyName, policyVersionId: '9' }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'the deletion of nothing',
    () => client.deletePolicy({ policyName: 'absent' }),
    'ResourceNotFoundException',
    404,
    /not found/,
  ],
  [
    'the versions of nothing',
    () => client.listPolicyVersions({ policyName: 'absent' }),
    'ResourceNotFoundException',
    404,
    /not found/,
  ],
  [
    'the targets of nothing',
    () => client.listTargetsForPolicy({ policyName: 'absent' }),
    'ResourceNotFoundException',
    404,
    /not found/,
  ],
  [
    'an absent target',
    () => client.attachPolicy({ policyName, target: absent }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'a thing group that is not there',
    () => client.attachPolicy({ policyName, target: group }),
    'ResourceNotFoundException',
    404,
    /cannot be found/,
  ],
  [
    'a detachment from nothing',
    () => client.detachPolicy({ policyName, target: absent }),
    'ResourceNotFoundException',
    404,
    /certificate does not exist/,
  ],
  [
    'the policies of nothing',
    () => client.listAttachedPolicies({ target: absent }),
    'ResourceNotFoundException',
    404,
    /certificate does not exist/,
  ],
  [
    'a name that AWS refuses',
    () => client.getPolicy({ policyName: 'a b' }),
    'InvalidRequestException',
    400,
    /1 validation error detected: Value 'a b' at 'policyName'/,
  ],
]

for (const [why, send, ...refusal] of REFUSALS) {
  test(`refuses ${why}`, async () => void (await refuses(send(), ...refusal)))
}

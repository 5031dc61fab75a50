import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paginateListProvisioningTemplateVersions } from '@aws-sdk/client-iot'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { type RefusalRow, refuses } from '../../../testing/testkit/refuses.ts'
import { newTestAuthority } from '../../../testing/testkit/test-authority.ts'

const { client, scope } = await startTestControlPlane()

const provisioningRoleArn = 'arn:aws:iam::123456789012:role/provisioning'
const FUNCTION = 'arn:aws:lambda:eu-central-1:123456789012:function:hook'

/** A fleet template whose thing carries `label`. */
function fleetBody(label: string): string {
  const properties = { ThingName: { Ref: 'SerialNumber' }, AttributePayload: { label } }
  return JSON.stringify({
    Parameters: { SerialNumber: { Type: 'String' } },
    Resources: {
      thing: { Type: 'AWS::IoT::Thing', Properties: properties },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
      },
    },
  })
}

const jitpBody = JSON.stringify({
  Parameters: { 'AWS::IoT::Certificate::CommonName': { Type: 'String' } },
  Resources: {
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } },
    },
  },
})

async function created(templateName: string): Promise<string> {
  await client.createProvisioningTemplate({ templateName, templateBody: fleetBody('1'), provisioningRoleArn })
  return templateName
}

test('a template without a type is for fleet provisioning, with its hook', async () => {
  const made = await client.createProvisioningTemplate({
    templateName: 'fleet',
    templateBody: fleetBody('1'),
    provisioningRoleArn,
    enabled: true,
    preProvisioningHook: { targetArn: FUNCTION },
  })
  assert.deepEqual(
    [made.templateArn, made.templateName, made.defaultVersionId],
    [`arn:aws:iot:${scope.region}:${scope.account}:provisioningtemplate/fleet`, 'fleet', 1],
  )
  const got = await client.describeProvisioningTemplate({ templateName: 'fleet' })
  assert.deepEqual([got.type, got.enabled, got.templateBody], ['FLEET_PROVISIONING', true, fleetBody('1')])
  assert.deepEqual(got.preProvisioningHook, { payloadVersion: '2020-04-01', targetArn: FUNCTION })
})

test('a template is updated member by member', async () => {
  const templateName = await created('update')
  const role = 'arn:aws:iam::123456789012:role/other'
  await client.updateProvisioningTemplate({ templateName, description: 'pumps', enabled: true })
  await client.updateProvisioningTemplate({ templateName, provisioningRoleArn: role })
  const hook = { payloadVersion: '2020-04-01', targetArn: FUNCTION }
  await client.updateProvisioningTemplate({ templateName, preProvisioningHook: hook })
  const got = await client.describeProvisioningTemplate({ templateName })
  assert.deepEqual(
    [got.description, got.enabled, got.provisioningRoleArn, got.preProvisioningHook],
    ['pumps', true, role, hook],
  )
  await client.updateProvisioningTemplate({ templateName, removePreProvisioningHook: true, enabled: false })
  const bare = await client.describeProvisioningTemplate({ templateName })
  assert.deepEqual([bare.enabled, bare.preProvisioningHook, bare.description], [false, undefined, 'pumps'])
})

test('versions come and go; the default one says what the template does', async () => {
  const templateName = await created('versions')
  const second = await client.createProvisioningTemplateVersion({ templateName, templateBody: fleetBody('2') })
  assert.deepEqual([second.versionId, second.isDefaultVersion], [2, false])
  assert.equal(second.templateArn, `arn:aws:iot:${scope.region}:${scope.account}:provisioningtemplate/versions`)
  const third = await client.createProvisioningTemplateVersion({
    templateName,
    templateBody: fleetBody('3'),
    setAsDefault: true,
  })
  assert.deepEqual([third.versionId, third.isDefaultVersion], [3, true])
  assert.equal((await client.describeProvisioningTemplate({ templateName })).templateBody, fleetBody('3'))
  await client.updateProvisioningTemplate({ templateName, defaultVersionId: 2 })
  const got = await client.describeProvisioningTemplate({ templateName })
  assert.deepEqual([got.defaultVersionId, got.templateBody], [2, fleetBody('2')])
  const version = await client.describeProvisioningTemplateVersion({ templateName, versionId: 3 })
  assert.deepEqual([version.versionId, version.isDefaultVersion, version.templateBody], [3, false, fleetBody('3')])
  assert.ok(version.creationDate instanceof Date)
  await client.deleteProvisioningTemplateVersion({ templateName, versionId: 3 })
  const fourth = await client.createProvisioningTemplateVersion({ templateName, templateBody: fleetBody('4') })
  assert.equal(fourth.versionId, 4, 'no number is given twice')
  const listed: (readonly unknown[])[] = []
  for await (const page of paginateListProvisioningTemplateVersions({ client, pageSize: 2 }, { templateName })) {
    listed.push(...page.versions!.map(({ versionId, isDefaultVersion }) => [versionId, isDefaultVersion]))
  }
  assert.deepEqual(listed, [
    [1, false],
    [2, true],
    [4, false],
  ])
  await client.deleteProvisioningTemplate({ templateName })
})

test('versions made at the same time have numbers of their own', async () => {
  const templateName = await created('crowd')
  const made = await Promise.all(
    ['2', '3', '4', '5'].map((label) =>
      client.createProvisioningTemplateVersion({ templateName, templateBody: fleetBody(label) }),
    ),
  )
  assert.deepEqual(new Set(made.map(({ versionId }) => versionId)), new Set([2, 3, 4, 5]))
  for (const [index, { versionId }] of made.entries()) {
    const version = await client.describeProvisioningTemplateVersion({ templateName, versionId })
    assert.equal(version.templateBody, fleetBody(String(index + 2)))
  }
  const sixth = client.createProvisioningTemplateVersion({ templateName, templateBody: fleetBody('6') })
  await refuses(sixth, 'VersionsLimitExceededException', 409, /maximum number of versions \(5\)/)
})

test('a template that a CA uses stays', async () => {
  await client.createProvisioningTemplate({
    templateName: 'used',
    templateBody: jitpBody,
    provisioningRoleArn,
    type: 'JITP',
  })
  const { certificateId } = await client.registerCACertificate({
    caCertificate: (await newTestAuthority('Using CA')).certificate.toPem(),
    certificateMode: 'SNI_ONLY',
    registrationConfig: { templateName: 'used' },
  })
  const removal = client.deleteProvisioningTemplate({ templateName: 'used' })
  await refuses(removal, 'DeleteConflictException', 409, /CA certificates use it/)
  await client.updateCACertificate({ certificateId, removeAutoRegistration: true })
  await client.deleteProvisioningTemplate({ templateName: 'used' })
})

const given = await created('given')
const REFUSALS: readonly RefusalRow[] = [
  [
    'a hook that is no function',
    () =>
      client.updateProvisioningTemplate({
        templateName: given,
        preProvisioningHook: { targetArn: provisioningRoleArn },
      }),
    'InvalidRequestException',
    400,
    /must be the ARN of a Lambda function/,
  ],
  [
    'a payload version that is unknown',
    () =>
      client.updateProvisioningTemplate({
        templateName: given,
        preProvisioningHook: { targetArn: FUNCTION, payloadVersion: '2019-01-01' },
      }),
    'InvalidRequestException',
    400,
    /must be 2020-04-01/,
  ],
  [
    'a hook that comes and goes',
    () =>
      client.updateProvisioningTemplate({
        templateName: given,
        preProvisioningHook: { targetArn: FUNCTION },
        removePreProvisioningHook: true,
      }),
    'InvalidRequestException',
    400,
    /exclude each other/,
  ],
  [
    'an update of nothing',
    () => client.updateProvisioningTemplate({ templateName: 'absent', enabled: true }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'a default version that is not there',
    () => client.updateProvisioningTemplate({ templateName: given, defaultVersionId: 9 }),
    'ResourceNotFoundException',
    404,
    /version of the provisioning template does not exist/,
  ],
  [
    'a version of nothing',
    () => client.createProvisioningTemplateVersion({ templateName: 'absent', templateBody: fleetBody('2') }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'a version that is no template',
    () => client.createProvisioningTemplateVersion({ templateName: given, templateBody: '{}' }),
    'InvalidRequestException',
    400,
    /Resources/,
  ],
  [
    'a version that is not there',
    () => client.describeProvisioningTemplateVersion({ templateName: given, versionId: 2 }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'versions of nothing',
    () => client.listProvisioningTemplateVersions({ templateName: 'absent' }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'a deletion of the default version',
    () => client.deleteProvisioningTemplateVersion({ templateName: given, versionId: 1 }),
    'DeleteConflictException',
    409,
    /default version/,
  ],
  [
    'a deletion of a version that is not there',
    () => client.deleteProvisioningTemplateVersion({ templateName: given, versionId: 2 }),
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

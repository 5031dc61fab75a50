import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as iot from '@aws-sdk/client-iot'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { type RunningCloud, startRunningCloud } from '../testkit/running-cloud.ts'
import { newTestAuthority } from '../testkit/test-authority.ts'

/** `birthmark export`, `import` and `diff` with an account that has some of everything. */

test('everything that an account holds is made in another one, but for secrets', async (context) => {
  const cloud = await startRunningCloud()
  context.after(() => cloud.close())
  const { endpoint, region, accessKeyId, secretAccessKey } = cloud.access
  const from = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  }
  const run = async (words: readonly string[], env: Readonly<Record<string, string>>): Promise<object[]> => {
    const { status, stdout, stderr } = await runBirthmark([...words, '--json'], { env })
    assert.equal(status, 0, `${stderr}${stdout}`)
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  }
  await fillAccount(cloud)
  const file = join(cloud.folder, 'account.jsonl')
  await run(['export', '--to', file], from)
  const lines = readFileSync(file, 'utf8')
  assert.doesNotMatch(lines, /PRIVATE|secretAccessKey/i)
  const kinds: ReadonlySet<string> = new Set(
    lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).kind),
  )
  assert.deepEqual(
    [...kinds].toSorted((left, right) => (left < right ? -1 : 1)),
    KINDS,
  )
  assert.deepEqual(await run(['diff', file], from), [])

  const [opened] = await run(['accounts', 'create'], from)
  const { accessKey } = { accessKey: {}, ...opened }
  const key: Readonly<Record<string, string>> = { ...accessKey }
  const to = {
    ...from,
    AWS_ACCESS_KEY_ID: key['accessKeyId'] ?? '',
    AWS_SECRET_ACCESS_KEY: key['secretAccessKey'] ?? '',
  }
  // On one server a domain name leads to one account: it is taken along last.
  const { status, stdout } = await runBirthmark(['import', file, '--json'], { env: to })
  assert.equal(status, 1)
  const whys = stdout.split('\n').filter((line) => line.includes('"why"'))
  assert.deepEqual(
    whys.map((line) => JSON.parse(line)),
    [
      {
        kind: 'domain-configuration',
        name: 'd',
        why: 'The domain name iot.example.test belongs to another account or region',
      },
    ],
  )
  await cloud.iot.send(new iot.DeleteDomainConfigurationCommand({ domainConfigurationName: 'd' }))
  assert.equal((await run(['import', file], to)).length, 1)
  assert.deepEqual(await run(['diff', file], to), [])
})

/** Makes one of each kind, with what can hang on it. */
async function fillAccount(cloud: RunningCloud): Promise<void> {
  const { iot: client } = cloud
  const tags = [{ Key: 'site', Value: 'north' }]
  const document = JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
  })
  await cloud.createPolicy('p', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
  await client.send(new iot.CreatePolicyVersionCommand({ policyName: 'p', policyDocument: document }))
  const { policyArn } = await client.send(new iot.GetPolicyCommand({ policyName: 'p' }))
  await client.send(new iot.TagResourceCommand({ resourceArn: policyArn, tags }))
  const roleArn = 'arn:aws:iam::123456789012:role/r'
  const CertificateId = { Ref: 'AWS::IoT::Certificate::Id' }
  const template = {
    Parameters: { 'AWS::IoT::Certificate::Id': { Type: 'String' } },
    Resources: { c: { Type: 'AWS::IoT::Certificate', Properties: { CertificateId, Status: 'ACTIVE' } } },
  }
  await client.send(
    new iot.CreateProvisioningTemplateCommand({
      templateName: 't',
      templateBody: JSON.stringify(template),
      provisioningRoleArn: roleArn,
      tags,
    }),
  )
  const templateBody = JSON.stringify(template, null, 1)
  await client.send(
    new iot.CreateProvisioningTemplateVersionCommand({ templateName: 't', templateBody, setAsDefault: true }),
  )
  await client.send(new iot.CreateRoleAliasCommand({ roleAlias: 'alias', roleArn, tags }))
  const propagatingAttributes = [{ userPropertyKey: 'sn', thingAttribute: 'sn' }]
  await client.send(
    new iot.CreateThingTypeCommand({
      thingTypeName: 'meter',
      thingTypeProperties: { searchableAttributes: ['sn'], mqtt5Configuration: { propagatingAttributes } },
      tags,
    }),
  )
  await client.send(new iot.CreateBillingGroupCommand({ billingGroupName: 'bill', tags }))
  await client.send(
    new iot.UpdateIndexingConfigurationCommand({ thingIndexingConfiguration: { thingIndexingMode: 'REGISTRY' } }),
  )
  await client.send(new iot.UpdateEventConfigurationsCommand({ eventConfigurations: { THING: { Enabled: true } } }))
  await client.send(new iot.SetV2LoggingOptionsCommand({ roleArn, defaultLogLevel: 'INFO' }))
  await client.send(
    new iot.SetV2LoggingLevelCommand({ logTarget: { targetType: 'CLIENT_ID', targetName: 'c' }, logLevel: 'DEBUG' }),
  )
  const ca = await newTestAuthority('Issuing CA of its own')
  await client.send(
    new iot.RegisterCACertificateCommand({
      caCertificate: ca.certificate.toPem(),
      certificateMode: 'SNI_ONLY',
      setAsActive: true,
      allowAutoRegistration: true,
      tags,
    }),
  )
  await client.send(
    new iot.RegisterCertificateCommand({
      certificatePem: (await ca.issueDevice()).toPem(),
      caCertificatePem: ca.certificate.toPem(),
      status: 'INACTIVE',
    }),
  )
  await fillGroupsAndServices(cloud, tags)
}

async function fillGroupsAndServices(cloud: RunningCloud, tags: iot.Tag[]): Promise<void> {
  const { iot: client } = cloud
  const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:f'
  const made = await client.send(new iot.CreateThingGroupCommand({ thingGroupName: 'top', tags }))
  await client.send(new iot.AttachPolicyCommand({ policyName: 'p', target: made.thingGroupArn }))
  await client.send(
    new iot.CreateThingGroupCommand({
      thingGroupName: 'below',
      parentGroupName: 'top',
      thingGroupProperties: { attributePayload: { attributes: { b: '2', a: '1' } } },
    }),
  )
  await client.send(new iot.CreateDynamicThingGroupCommand({ thingGroupName: 'every', queryString: 'attributes.sn:*' }))
  await cloud.newDevice('press-7', 'p')
  await client.send(
    new iot.UpdateThingCommand({
      thingName: 'press-7',
      thingTypeName: 'meter',
      attributePayload: { attributes: { sn: '7' } },
    }),
  )
  await client.send(new iot.AddThingToThingGroupCommand({ thingName: 'press-7', thingGroupName: 'below' }))
  await client.send(new iot.AddThingToBillingGroupCommand({ thingName: 'press-7', billingGroupName: 'bill' }))
  await client.send(new iot.DeprecateThingTypeCommand({ thingTypeName: 'meter' }))
  await client.send(
    new iot.CreateTopicRuleCommand({
      ruleName: 'r',
      topicRulePayload: { sql: "SELECT * FROM 'a'", actions: [{ lambda: { functionArn } }] },
      tags: 'site=north',
    }),
  )
  await client.send(
    new iot.CreateAuthorizerCommand({
      authorizerName: 'auth',
      authorizerFunctionArn: functionArn,
      signingDisabled: true,
      tags,
    }),
  )
  await client.send(new iot.UpdateAuthorizerCommand({ authorizerName: 'auth', status: 'ACTIVE' }))
  await client.send(new iot.SetDefaultAuthorizerCommand({ authorizerName: 'auth' }))
  await client.send(
    new iot.CreateCertificateProviderCommand({
      certificateProviderName: 'provider',
      lambdaFunctionArn: functionArn,
      accountDefaultForOperations: ['CreateCertificateFromCsr'],
      tags,
    }),
  )
  await client.send(
    new iot.CreateDomainConfigurationCommand({ domainConfigurationName: 'd', domainName: 'iot.example.test', tags }),
  )
  await client.send(
    new iot.UpdateDomainConfigurationCommand({ domainConfigurationName: 'd', domainConfigurationStatus: 'DISABLED' }),
  )
}

const KINDS = [
  'authorizer',
  'billing-group',
  'ca',
  'certificate',
  'certificate-provider',
  'domain-configuration',
  'policy',
  'role-alias',
  'setting',
  'template',
  'thing',
  'thing-group',
  'thing-type',
  'thing-type-deprecation',
  'topic-rule',
]

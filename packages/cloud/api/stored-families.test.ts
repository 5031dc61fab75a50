import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { paginateListAuthorizers, paginateListDomainConfigurations, paginateListRoleAliases } from '@aws-sdk/client-iot'
import { SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { type RefusalRow, refuses } from '../../../testing/testkit/refuses.ts'
import { enabledDomains } from './index.ts'

const { client, registry, scope } = await startTestControlPlane()
const ARN = `arn:aws:iot:${scope.region}:${scope.account}:`
const roleArn = 'arn:aws:iam::123456789012:role/device'
const lambdaFunctionArn = 'arn:aws:lambda:eu-central-1:123456789012:function:sign'
const ecKey = toPem('PUBLIC KEY', (await SoftwareSigner.generate('ecdsa-p256-sha256')).publicKey)
const { publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})

test('role aliases: made, described, updated, listed, deleted', async () => {
  const { $metadata: _, ...made } = await client.createRoleAlias({ roleAlias: 'camera', roleArn })
  assert.deepEqual(made, { roleAlias: 'camera', roleAliasArn: `${ARN}rolealias/camera` })
  await client.updateRoleAlias({ roleAlias: 'camera', credentialDurationSeconds: 900 })
  const { roleAliasDescription } = await client.describeRoleAlias({ roleAlias: 'camera' })
  const { creationDate, lastModifiedDate, ...described } = roleAliasDescription!
  assert.deepEqual(described, {
    roleAlias: 'camera',
    roleAliasArn: `${ARN}rolealias/camera`,
    roleArn,
    owner: scope.account,
    credentialDurationSeconds: 900,
  })
  assert.ok(creationDate instanceof Date && lastModifiedDate instanceof Date && lastModifiedDate >= creationDate)
  for (const roleAlias of ['a', 'b']) await client.createRoleAlias({ roleAlias, roleArn })
  const names: string[] = []
  for await (const page of paginateListRoleAliases({ client, pageSize: 2 }, {})) names.push(...page.roleAliases!)
  assert.deepEqual(names, ['a', 'b', 'camera'])
  const descending = await client.listRoleAliases({ ascendingOrder: false })
  assert.deepEqual(descending.roleAliases, ['camera', 'b', 'a'])
  await client.deleteRoleAlias({ roleAlias: 'camera' })
  await refuses(client.describeRoleAlias({ roleAlias: 'camera' }), 'ResourceNotFoundException', 404, /does not exist/)
})

test('changes of one record that come together are all made', async () => {
  await client.createRoleAlias({ roleAlias: 'busy', roleArn })
  await Promise.all([
    client.updateRoleAlias({ roleAlias: 'busy', credentialDurationSeconds: 1000 }),
    client.updateRoleAlias({ roleAlias: 'busy', roleArn: `${roleArn}-2` }),
  ])
  const { roleAliasDescription: busy } = await client.describeRoleAlias({ roleAlias: 'busy' })
  assert.deepEqual([busy?.credentialDurationSeconds, busy?.roleArn], [1000, `${roleArn}-2`])
})

test('domain configurations: beside the server’s own, made, updated, disabled, deleted', async () => {
  const name = { domainConfigurationName: 'factory' }
  const made = await client.createDomainConfiguration({
    ...name,
    domainName: 'Devices.Example.COM',
    serverCertificateArns: ['arn:aws:acm:eu-central-1:123456789012:certificate/one'],
    tlsConfig: { securityPolicy: 'IoTSecurityPolicy_TLS13_1_2_2022_10' },
    authenticationType: 'AWS_X509',
    applicationProtocol: 'SECURE_MQTT',
    authorizerConfig: { defaultAuthorizerName: 'x', allowAuthorizerOverride: true },
  })
  assert.match(made.domainConfigurationArn!, /:domainconfiguration\/factory\/[0-9a-f]{5}$/)
  const got = await client.describeDomainConfiguration(name)
  assert.deepEqual(
    [got.domainName, got.domainConfigurationStatus, got.serviceType, got.domainType, got.authorizerConfig],
    [
      'devices.example.com',
      'ENABLED',
      'DATA',
      'CUSTOMER_MANAGED',
      { defaultAuthorizerName: 'x', allowAuthorizerOverride: true },
    ],
  )
  assert.deepEqual(got.tlsConfig, { securityPolicy: 'IoTSecurityPolicy_TLS13_1_2_2022_10' })
  assert.deepEqual([got.authenticationType, got.applicationProtocol], ['AWS_X509', 'SECURE_MQTT'])
  assert.equal(got.serverCertificates?.[0]?.serverCertificateStatus, 'VALID')
  const rows: unknown[] = []
  for await (const page of paginateListDomainConfigurations({ client, pageSize: 1 }, { serviceType: 'DATA' })) {
    rows.push(...page.domainConfigurations!.map(({ domainConfigurationName }) => domainConfigurationName))
  }
  assert.deepEqual(rows, ['factory', 'iot:Data-ATS'])
  const own = await client.describeDomainConfiguration({ domainConfigurationName: 'iot:Data-ATS' })
  assert.deepEqual([own.domainName, own.domainType], ['iot.example.test', 'AWS_MANAGED'])
  const [served, ...others] = await enabledDomains(registry.in(scope))
  assert.deepEqual(
    [served?.configurationName, served?.domainName, served?.securityPolicy, others],
    ['factory', 'devices.example.com', 'IoTSecurityPolicy_TLS13_1_2_2022_10', []],
  )
  const removal = client.deleteDomainConfiguration(name)
  await refuses(removal, 'InvalidRequestException', 400, /must be DISABLED/)
  const updated = await client.updateDomainConfiguration({
    ...name,
    domainConfigurationStatus: 'DISABLED',
    removeAuthorizerConfig: true,
    tlsConfig: { securityPolicy: 'IoTSecurityPolicy_TLS13_1_3_2022_10' },
  })
  assert.equal(updated.domainConfigurationArn, made.domainConfigurationArn)
  assert.deepEqual(await enabledDomains(registry.in(scope)), [])
  const disabled = await client.describeDomainConfiguration(name)
  assert.deepEqual(
    [disabled.domainConfigurationStatus, disabled.authorizerConfig, disabled.tlsConfig?.securityPolicy],
    ['DISABLED', undefined, 'IoTSecurityPolicy_TLS13_1_3_2022_10'],
  )
  await client.deleteDomainConfiguration(name)
  await refuses(client.describeDomainConfiguration(name), 'ResourceNotFoundException', 404, /does not exist/)
})

test('there are at most ten domain configurations', async () => {
  const names = Array.from({ length: 10 }, (_, index) => `ten-${index}`)
  for (const domainConfigurationName of names) {
    await client.createDomainConfiguration({ domainConfigurationName, domainName: `${domainConfigurationName}.test` })
  }
  const eleventh = client.createDomainConfiguration({ domainConfigurationName: 'ten-10', domainName: 'ten-10.test' })
  await refuses(eleventh, 'LimitExceededException', 410, /maximum number/)
  for (const domainConfigurationName of names) {
    await client.updateDomainConfiguration({ domainConfigurationName, domainConfigurationStatus: 'DISABLED' })
    await client.deleteDomainConfiguration({ domainConfigurationName })
  }
})

test('certificate providers: one, made, described, updated, listed, deleted', async () => {
  const name = { certificateProviderName: 'hsm' }
  const request = {
    ...name,
    lambdaFunctionArn,
    accountDefaultForOperations: ['CreateCertificateFromCsr' as const],
    clientToken: '1'.repeat(36),
  }
  const made = await client.createCertificateProvider(request)
  const repeated = await client.createCertificateProvider(request)
  assert.equal(repeated.certificateProviderArn, made.certificateProviderArn)
  const later = client.createCertificateProvider({ ...request, clientToken: '2'.repeat(36) })
  await refuses(later, 'ResourceAlreadyExistsException', 409, /already exists/)
  assert.equal(made.certificateProviderArn, `${ARN}certificateprovider:hsm`)
  const another = client.createCertificateProvider({
    certificateProviderName: 'other',
    lambdaFunctionArn,
    accountDefaultForOperations: ['CreateCertificateFromCsr'],
  })
  await refuses(another, 'LimitExceededException', 410, /maximum number/)
  await client.updateCertificateProvider({ ...name, lambdaFunctionArn: `${lambdaFunctionArn}-2` })
  const got = await client.describeCertificateProvider(name)
  assert.deepEqual(
    [got.lambdaFunctionArn, got.accountDefaultForOperations],
    [`${lambdaFunctionArn}-2`, ['CreateCertificateFromCsr']],
  )
  const { certificateProviders } = await client.listCertificateProviders({})
  assert.deepEqual(
    certificateProviders?.map(({ certificateProviderName }) => certificateProviderName),
    ['hsm'],
  )
  await client.deleteCertificateProvider(name)
  await refuses(client.deleteCertificateProvider(name), 'ResourceNotFoundException', 404, /does not exist/)
})

test('authorizers: made, described, updated, the default one, listed, deleted', async () => {
  const authorizerName = 'tokens'
  const authorizerFunctionArn = `${lambdaFunctionArn}-auth`
  const tokenSigningPublicKeys = { key: publicKey }
  const made = await client.createAuthorizer({
    authorizerName,
    authorizerFunctionArn,
    tokenKeyName: 'token',
    tokenSigningPublicKeys,
    status: 'ACTIVE',
  })
  assert.equal(made.authorizerArn, `${ARN}authorizer/tokens`)
  const { authorizerDescription: got } = await client.describeAuthorizer({ authorizerName })
  assert.deepEqual(
    [got?.status, got?.tokenKeyName, got?.tokenSigningPublicKeys, got?.signingDisabled],
    ['ACTIVE', 'token', tokenSigningPublicKeys, false],
  )
  await client.createAuthorizer({ authorizerName: 'open', authorizerFunctionArn, signingDisabled: true })
  await refuses(client.describeDefaultAuthorizer({}), 'ResourceNotFoundException', 404, /no default authorizer/)
  await client.setDefaultAuthorizer({ authorizerName: 'open' })
  await client.setDefaultAuthorizer({ authorizerName })
  assert.equal((await client.describeDefaultAuthorizer({})).authorizerDescription?.authorizerName, authorizerName)
  const active: unknown[] = []
  for await (const page of paginateListAuthorizers({ client }, { status: 'ACTIVE' })) {
    active.push(...page.authorizers!.map((row) => row.authorizerName))
  }
  assert.deepEqual(active, ['tokens'])
  await refuses(client.deleteAuthorizer({ authorizerName }), 'DeleteConflictException', 409, /is ACTIVE/)
  await client.updateAuthorizer({ authorizerName, status: 'INACTIVE' })
  await refuses(client.deleteAuthorizer({ authorizerName }), 'DeleteConflictException', 409, /default one/)
  await client.clearDefaultAuthorizer({})
  await refuses(client.clearDefaultAuthorizer({}), 'ResourceNotFoundException', 404, /no default authorizer/)
  await client.deleteAuthorizer({ authorizerName })
  await client.deleteAuthorizer({ authorizerName: 'open' })
})

test('logging options are kept, levels by target', async () => {
  await refuses(client.getV2LoggingOptions({}), 'NotConfiguredException', 404, /not set/)
  assert.equal((await client.getLoggingOptions({})).roleArn, undefined)
  const target = { targetType: 'CLIENT_ID' as const, targetName: 'press-1' }
  const early = client.setV2LoggingLevel({ logTarget: target, logLevel: 'DEBUG' })
  await refuses(early, 'NotConfiguredException', 404, /not set/)
  await client.setV2LoggingOptions({ roleArn, defaultLogLevel: 'WARN' })
  const got = await client.getV2LoggingOptions({})
  assert.deepEqual([got.roleArn, got.defaultLogLevel, got.disableAllLogs], [roleArn, 'WARN', false])
  await client.setV2LoggingLevel({ logTarget: target, logLevel: 'DEBUG' })
  await client.setV2LoggingLevel({ logTarget: { targetType: 'THING_GROUP', targetName: 'hall' }, logLevel: 'INFO' })
  await client.setV2LoggingLevel({ logTarget: target, logLevel: 'ERROR' })
  const listed = await client.listV2LoggingLevels({})
  assert.deepEqual(listed.logTargetConfigurations, [
    { logTarget: target, logLevel: 'ERROR' },
    { logTarget: { targetType: 'THING_GROUP', targetName: 'hall' }, logLevel: 'INFO' },
  ])
  const groups = await client.listV2LoggingLevels({ targetType: 'THING_GROUP' })
  assert.equal(groups.logTargetConfigurations?.length, 1)
  await client.deleteV2LoggingLevel(target)
  await refuses(client.deleteV2LoggingLevel(target), 'ResourceNotFoundException', 404, /no logging level/)
  await client.setLoggingOptions({ loggingOptionsPayload: { roleArn: `${roleArn}-2`, logLevel: 'INFO' } })
  const old = await client.getLoggingOptions({})
  assert.deepEqual([old.roleArn, old.logLevel], [`${roleArn}-2`, 'INFO'])
})

test('each of them can be tagged when it is made and after, and its tags go with it', async () => {
  const tags = [{ Key: 'site', Value: 'north' }]
  const { roleAliasArn } = await client.createRoleAlias({ roleAlias: 'tagged', roleArn, tags })
  const { domainConfigurationArn } = await client.createDomainConfiguration({
    domainConfigurationName: 'tagged',
    domainName: 'tagged.test',
    tags,
  })
  const { authorizerArn } = await client.createAuthorizer({
    authorizerName: 'tagged',
    authorizerFunctionArn: lambdaFunctionArn,
    signingDisabled: true,
    tags,
  })
  const { certificateProviderArn } = await client.createCertificateProvider({
    certificateProviderName: 'tagged',
    lambdaFunctionArn,
    accountDefaultForOperations: ['CreateCertificateFromCsr'],
    tags,
  })
  const { templateArn } = await client.createProvisioningTemplate({
    templateName: 'tagged',
    provisioningRoleArn: roleArn,
    templateBody: JSON.stringify({
      Resources: {
        c: { Type: 'AWS::IoT::Certificate', Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } } },
      },
    }),
    tags,
  })
  const arns = [roleAliasArn, domainConfigurationArn, authorizerArn, certificateProviderArn, templateArn]
  for (const resourceArn of arns) {
    await client.tagResource({ resourceArn, tags: [{ Key: 'line', Value: '1' }] })
    const listed = await client.listTagsForResource({ resourceArn })
    assert.deepEqual(listed.tags, [{ Key: 'line', Value: '1' }, ...tags])
  }
  await client.deleteRoleAlias({ roleAlias: 'tagged' })
  await client.createRoleAlias({ roleAlias: 'tagged', roleArn })
  assert.deepEqual((await client.listTagsForResource({ resourceArn: roleAliasArn })).tags, [])
  await client.deleteRoleAlias({ roleAlias: 'tagged' })
  const twice = client.createRoleAlias({ roleAlias: 'twice', roleArn, tags: [...tags, ...tags] })
  await refuses(twice, 'InvalidRequestException', 400, /twice/)
})

test('names are taken, for the refusals below', async () => {
  await client.createRoleAlias({ roleAlias: 'taken', roleArn })
  await client.createDomainConfiguration({ domainConfigurationName: 'taken', domainName: 'taken.test' })
})

const REFUSALS: readonly RefusalRow[] = [
  [
    'a role alias of a taken name',
    () => client.createRoleAlias({ roleAlias: 'taken', roleArn }),
    'ResourceAlreadyExistsException',
    409,
    /already exists/,
  ],
  [
    'credentials that live too short',
    () => client.createRoleAlias({ roleAlias: 'short', roleArn, credentialDurationSeconds: 899 }),
    'InvalidRequestException',
    400,
    /greater than or equal to 900/,
  ],
  [
    'an update of no role alias',
    () => client.updateRoleAlias({ roleAlias: 'absent', roleArn }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'a domain name that is taken',
    () => client.createDomainConfiguration({ domainConfigurationName: 'new', domainName: 'TAKEN.test' }),
    'ResourceAlreadyExistsException',
    409,
    /belongs to the domain configuration taken/,
  ],
  [
    'a domain configuration without a domain name',
    () => client.createDomainConfiguration({ domainConfigurationName: 'new' }),
    'NotImplementedException',
    501,
    /give domainName/,
  ],
  [
    'a change of the server’s own domain',
    () =>
      client.updateDomainConfiguration({
        domainConfigurationName: 'iot:Data-ATS',
        domainConfigurationStatus: 'DISABLED',
      }),
    'InvalidRequestException',
    400,
    /cannot be changed/,
  ],
  [
    'a security policy that does not exist',
    () =>
      client.updateDomainConfiguration({
        domainConfigurationName: 'taken',
        tlsConfig: { securityPolicy: 'IoTSecurityPolicy_TLS9' },
      }),
    'InvalidRequestException',
    400,
    /security policy/,
  ],
  [
    'a security policy with TLS 1.0',
    () =>
      client.updateDomainConfiguration({
        domainConfigurationName: 'taken',
        tlsConfig: { securityPolicy: 'IoTSecurityPolicy_TLS12_1_0_2016_01' },
      }),
    'NotImplementedException',
    501,
    /TLS 1.0/,
  ],
  [
    'an authorizer whose tokens nobody signs',
    () => client.createAuthorizer({ authorizerName: 'a', authorizerFunctionArn: lambdaFunctionArn }),
    'InvalidRequestException',
    400,
    /required unless signingDisabled/,
  ],
  [
    'a signing key that is no key',
    () =>
      client.createAuthorizer({
        authorizerName: 'a',
        authorizerFunctionArn: lambdaFunctionArn,
        tokenKeyName: 'k',
        tokenSigningPublicKeys: { key: 'x' },
      }),
    'InvalidRequestException',
    400,
    /not a public key/,
  ],
  [
    'a signing key that is not RSA',
    () =>
      client.createAuthorizer({
        authorizerName: 'a',
        authorizerFunctionArn: lambdaFunctionArn,
        tokenKeyName: 'k',
        tokenSigningPublicKeys: { key: ecKey },
      }),
    'InvalidRequestException',
    400,
    /not RSA of 2048 bits/,
  ],
  [
    'a default authorizer that is not there',
    () => client.setDefaultAuthorizer({ authorizerName: 'absent' }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'a logging level for nobody',
    () => client.setV2LoggingLevel({ logTarget: { targetType: 'CLIENT_ID' }, logLevel: 'INFO' }),
    'InvalidRequestException',
    400,
    /targetName/,
  ],
]
for (const [why, send, name, status, message] of REFUSALS) {
  test(`refused: ${why}`, async () => {
    await refuses(send(), name, status, message)
  })
}

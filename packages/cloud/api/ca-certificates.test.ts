import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paginateListCACertificates, paginateListProvisioningTemplates } from '@aws-sdk/client-iot'
import { SoftwareSigner } from '@birthmark/foundation/x509'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { type RefusalRow, refuses } from '../../../testing/testkit/refuses.ts'
import { newTestAuthority } from '../../../testing/testkit/test-authority.ts'

const { client, authority, scope } = await startTestControlPlane()

const templateBody = JSON.stringify({
  Parameters: { 'AWS::IoT::Certificate::CommonName': { Type: 'String' } },
  Resources: {
    device: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'AWS::IoT::Certificate::CommonName' } } },
    certificate: { Type: 'AWS::IoT::Certificate', Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } } },
  },
})
const roleArn = 'arn:aws:iam::123456789012:role/provisioning'

async function registrationCode(): Promise<string> {
  return (await client.getRegistrationCode({})).registrationCode!
}

test('the registration code is one and the same until it is deleted', async () => {
  const codes = await Promise.all([registrationCode(), registrationCode(), registrationCode()])
  assert.match(codes[0]!, /^[0-9a-f]{64}$/)
  assert.deepEqual(new Set(codes), new Set([await registrationCode()]))
  await client.deleteRegistrationCode({})
  await refuses(client.deleteRegistrationCode({}), 'ResourceNotFoundException', 404, /no registration code/)
  assert.notEqual(await registrationCode(), codes[0])
})

test('a CA is registered by proof, described, changed and deleted', async () => {
  const ca = await newTestAuthority('Proved CA')
  const caCertificate = ca.certificate.toPem()
  const verificationCertificate = (await ca.proof(await registrationCode())).toPem()
  const { certificateId, certificateArn } = await client.registerCACertificate({
    caCertificate,
    verificationCertificate,
  })
  assert.deepEqual(
    [certificateId, certificateArn],
    [ca.certificate.fingerprint, `arn:aws:iot:${scope.region}:${scope.account}:cacert/${certificateId}`],
  )
  const { certificateDescription: described, registrationConfig } = await client.describeCACertificate({
    certificateId,
  })
  assert.deepEqual(
    [
      described?.status,
      described?.certificateMode,
      described?.autoRegistrationStatus,
      described?.certificatePem,
      registrationConfig,
    ],
    ['INACTIVE', 'DEFAULT', 'DISABLE', caCertificate, undefined],
  )
  await client.updateCACertificate({
    certificateId,
    newStatus: 'ACTIVE',
    newAutoRegistrationStatus: 'ENABLE',
    registrationConfig: { templateBody, roleArn },
  })
  const changed = await client.describeCACertificate({ certificateId })
  assert.deepEqual(
    [changed.certificateDescription?.status, changed.certificateDescription?.autoRegistrationStatus],
    ['ACTIVE', 'ENABLE'],
  )
  assert.deepEqual(changed.registrationConfig, { templateBody, roleArn })
  await refuses(client.deleteCACertificate({ certificateId }), 'CertificateStateException', 406, /deactivated/)
  await client.updateCACertificate({ certificateId, newStatus: 'INACTIVE', removeAutoRegistration: true })
  const cleared = await client.describeCACertificate({ certificateId })
  assert.deepEqual(
    [cleared.registrationConfig, cleared.certificateDescription?.autoRegistrationStatus],
    [undefined, 'ENABLE'],
  )
  const again = await refuses(
    client.registerCACertificate({ caCertificate, verificationCertificate }),
    'ResourceAlreadyExistsException',
    409,
    /already registered/,
  )
  assert.deepEqual([again.resourceId, again.resourceArn], [certificateId, certificateArn])
  await client.deleteCACertificate({ certificateId })
  await refuses(client.describeCACertificate({ certificateId }), 'ResourceNotFoundException', 404, /does not exist/)
})

test('templates are kept, and CAs are listed by the template they use', async () => {
  const created = await client.createProvisioningTemplate({
    templateName: 'press',
    type: 'JITP',
    templateBody,
    provisioningRoleArn: roleArn,
    enabled: true,
    description: 'Press line',
  })
  assert.deepEqual(
    [created.templateArn, created.defaultVersionId],
    [`arn:aws:iot:${scope.region}:${scope.account}:provisioningtemplate/press`, 1],
  )
  await client.createProvisioningTemplate({
    templateName: 'saw',
    type: 'JITP',
    templateBody,
    provisioningRoleArn: roleArn,
  })
  const described = await client.describeProvisioningTemplate({ templateName: 'press' })
  assert.deepEqual(
    [
      described.templateBody,
      described.provisioningRoleArn,
      described.enabled,
      described.description,
      described.type,
      described.defaultVersionId,
    ],
    [templateBody, roleArn, true, 'Press line', 'JITP', 1],
  )
  const names: string[] = []
  for await (const page of paginateListProvisioningTemplates({ client, pageSize: 1 }, {})) {
    names.push(...page.templates!.map(({ templateName }) => templateName!))
  }
  assert.deepEqual(names, ['press', 'saw'])

  const ca = await newTestAuthority('Template CA')
  const { certificateId } = await client.registerCACertificate({
    caCertificate: ca.certificate.toPem(),
    certificateMode: 'SNI_ONLY',
    setAsActive: true,
    allowAutoRegistration: true,
    registrationConfig: { templateName: 'press' },
  })
  await client.registerCACertificate({ caCertificate: authority.certificate.toPem(), certificateMode: 'SNI_ONLY' })
  const all: string[] = []
  const named: string[] = []
  for await (const page of paginateListCACertificates({ client, pageSize: 1 }, {}))
    all.push(...page.certificates!.map((row) => row.certificateId!))
  for await (const page of paginateListCACertificates({ client, pageSize: 1 }, { templateName: 'press' })) {
    named.push(...page.certificates!.map((row) => row.certificateId!))
  }
  assert.deepEqual([all.includes(authority.certificate.fingerprint), named], [true, [certificateId]])
  await client.deleteProvisioningTemplate({ templateName: 'saw' })
  await refuses(
    client.describeProvisioningTemplate({ templateName: 'saw' }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  )
})

test('an eleventh CA of one subject is one too many', async () => {
  for (let count = 1; count <= 11; count += 1) {
    const caCertificate = (await newTestAuthority('Crowd CA')).certificate.toPem()
    const registering = client.registerCACertificate({ caCertificate, certificateMode: 'SNI_ONLY' })
    await (count <= 10
      ? registering
      : refuses(registering, 'LimitExceededException', 410, /maximum number of CA certificates/))
  }
})

test('the endpoint is told', async () => {
  for (const endpointType of [undefined, 'iot:Data', 'iot:Data-ATS']) {
    assert.equal((await client.describeEndpoint({ endpointType })).endpointAddress, 'iot.example.test')
  }
  await refuses(
    client.describeEndpoint({ endpointType: 'iot:Jobs' }),
    'NotImplementedException',
    501,
    /endpoint type iot:Jobs/,
  )
  await refuses(client.describeEndpoint({ endpointType: 'iot:Nothing' }), 'InvalidRequestException', 400, /not valid/)
})

const code = await registrationCode()
const ca = await newTestAuthority('Refused CA')
const other = await newTestAuthority('Other CA', await SoftwareSigner.generate('rsa-pkcs1-sha256'))
const caCertificate = ca.certificate.toPem()
const verificationCertificate = (await ca.proof(code)).toPem()
const wrongCode = (await ca.proof('0'.repeat(64))).toPem()
const wrongSigner = (await other.proof(code)).toPem()
const leaf = (await ca.issueDevice()).toPem()
const sni = { caCertificate, certificateMode: 'SNI_ONLY' } as const
const template = { templateName: 'x', templateBody, provisioningRoleArn: roleArn, type: 'JITP' } as const
const absent = 'a'.repeat(64)

const REFUSALS: readonly RefusalRow[] = [
  [
    'a CA without proof',
    () => client.registerCACertificate({ caCertificate }),
    'InvalidRequestException',
    400,
    /verificationCertificate is required/,
  ],
  [
    'a proof where none is due',
    () => client.registerCACertificate({ ...sni, verificationCertificate }),
    'InvalidRequestException',
    400,
    /must be absent/,
  ],
  [
    'another registration code',
    () => client.registerCACertificate({ caCertificate, verificationCertificate: wrongCode }),
    'RegistrationCodeValidationException',
    400,
    /registration code/,
  ],
  [
    'a proof by another key',
    () => client.registerCACertificate({ caCertificate, verificationCertificate: wrongSigner }),
    'CertificateValidationException',
    400,
    /not signed by the CA/,
  ],
  [
    'a proof that is none',
    () => client.registerCACertificate({ caCertificate, verificationCertificate: 'x' }),
    'CertificateValidationException',
    400,
    /cannot be read/,
  ],
  [
    'a CA that is none',
    () => client.registerCACertificate({ caCertificate: leaf, verificationCertificate }),
    'CertificateValidationException',
    400,
    /basicConstraints/,
  ],
  [
    'no certificate',
    () => client.registerCACertificate({ caCertificate: 'x', verificationCertificate }),
    'CertificateValidationException',
    400,
    /cannot be read/,
  ],
  [
    'a template that is not there',
    () => client.registerCACertificate({ ...sni, registrationConfig: { templateName: 'absent' } }),
    'ResourceNotFoundException',
    404,
    /template does not exist/,
  ],
  [
    'a template twice',
    () =>
      client.registerCACertificate({ ...sni, registrationConfig: { templateName: 'press', templateBody, roleArn } }),
    'InvalidRequestException',
    400,
    /not both/,
  ],
  [
    'a template without role',
    () => client.registerCACertificate({ ...sni, registrationConfig: { templateBody } }),
    'InvalidRequestException',
    400,
    /with roleArn/,
  ],
  [
    'a broken template',
    () => client.registerCACertificate({ ...sni, registrationConfig: { templateBody: '{', roleArn } }),
    'InvalidRequestException',
    400,
    /template is not JSON/,
  ],
  [
    'a config and its removal',
    () =>
      client.updateCACertificate({
        certificateId: absent,
        registrationConfig: { templateName: 'press' },
        removeAutoRegistration: true,
      }),
    'InvalidRequestException',
    400,
    /exclude each other/,
  ],
  [
    'an update of nothing',
    () => client.updateCACertificate({ certificateId: absent, newStatus: 'ACTIVE' }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'a deletion of nothing',
    () => client.deleteCACertificate({ certificateId: absent }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'a hook for JITP',
    () => client.createProvisioningTemplate({ ...template, preProvisioningHook: { targetArn: roleArn } }),
    'InvalidRequestException',
    400,
    /preProvisioningHook/,
  ],
  [
    'a template that is no template',
    () => client.createProvisioningTemplate({ ...template, templateBody: '[]' }),
    'InvalidRequestException',
    400,
    /must be/,
  ],
  [
    'a template of a taken name',
    () => client.createProvisioningTemplate({ ...template, templateName: 'press' }),
    'ResourceAlreadyExistsException',
    409,
    /already exists/,
  ],
  [
    'the deletion of no template',
    () => client.deleteProvisioningTemplate({ templateName: 'absent' }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
]

for (const [why, send, ...refusal] of REFUSALS) {
  test(`refuses ${why}`, async () => void (await refuses(send(), ...refusal)))
}

import { ABSENT, answered, FUNCTION, INVALID, NOWHERE, ROLE, row, type SdkRow, type SdkWorld, TAKEN } from './row.ts'

const certificate = (world: SdkWorld): string => answered(world, 'CreateKeysAndCertificate', 'certificateArn')
const policyDocument = JSON.stringify({
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
})
const POLICY = { policyName: 'p' }
const NO_POLICY = { policyName: 'none' }
const MALFORMED = 'MalformedPolicyException'

/** A template whose certificate the device brings. */
const templateBody = JSON.stringify({
  Parameters: { 'AWS::IoT::Certificate::Id': { Type: 'String' } },
  Resources: {
    c: { Type: 'AWS::IoT::Certificate', Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } } },
  },
})
const TEMPLATE = { templateName: 't' }
const NO_TEMPLATE = { templateName: 'none' }
const registering = JSON.stringify({
  Parameters: { Serial: { Type: 'String' }, CSR: { Type: 'String' } },
  Resources: {
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'Serial' } } },
    certificate: { Type: 'AWS::IoT::Certificate', Properties: { CertificateSigningRequest: { Ref: 'CSR' } } },
  },
})

/** Policies, templates, provisioning. */
export const POLICY_ROWS: readonly SdkRow[] = [
  row(
    'CreatePolicy',
    { ...POLICY, policyDocument },
    [TAKEN, { ...POLICY, policyDocument }],
    [MALFORMED, { policyName: 'q', policyDocument: '{' }],
    [INVALID, { policyName: 'a b', policyDocument }],
  ),
  row('GetPolicy', POLICY, [ABSENT, NO_POLICY]),
  row('ListPolicies', {}, [INVALID, { pageSize: 0 }], [INVALID, { marker: 'no token' }]),
  row(
    'CreatePolicyVersion',
    { ...POLICY, policyDocument },
    [ABSENT, { ...NO_POLICY, policyDocument }],
    [MALFORMED, { ...POLICY, policyDocument: '{' }],
  ),
  row('GetPolicyVersion', { ...POLICY, policyVersionId: '2' }, [ABSENT, { ...POLICY, policyVersionId: '9' }]),
  row('ListPolicyVersions', POLICY, [ABSENT, NO_POLICY]),
  row('SetDefaultPolicyVersion', { ...POLICY, policyVersionId: '2' }, [ABSENT, { ...POLICY, policyVersionId: '9' }]),
  row(
    'DeletePolicyVersion',
    { ...POLICY, policyVersionId: '1' },
    ['DeleteConflictException', { ...POLICY, policyVersionId: '2' }],
    [ABSENT, { ...NO_POLICY, policyVersionId: '1' }],
  ),
  row(
    'AttachPolicy',
    (w: SdkWorld) => ({ ...POLICY, target: certificate(w) }),
    [ABSENT, (w: SdkWorld) => ({ ...NO_POLICY, target: certificate(w) })],
    [INVALID, { ...POLICY, target: 'nobody' }],
  ),
  row('AttachPrincipalPolicy', (w: SdkWorld) => ({ ...POLICY, principal: certificate(w) }), [
    ABSENT,
    (w: SdkWorld) => ({ ...NO_POLICY, principal: certificate(w) }),
  ]),
  row('ListAttachedPolicies', (w: SdkWorld) => ({ target: certificate(w) }), [INVALID, { target: 'nobody' }]),
  row('ListTargetsForPolicy', POLICY, [ABSENT, NO_POLICY]),
  row('ListPolicyPrincipals', POLICY, [ABSENT, NO_POLICY]),
  row('ListPrincipalPolicies', (w: SdkWorld) => ({ principal: certificate(w) }), [INVALID, { principal: 'nobody' }]),
  row('GetEffectivePolicies', (w: SdkWorld) => ({ principal: certificate(w) }), [
    ABSENT,
    (w: SdkWorld) => ({ principal: certificate(w).replace(/[0-9a-f]{64}$/, NOWHERE) }),
  ]),
  row(
    'TestAuthorization',
    (w: SdkWorld) => ({ principal: certificate(w), authInfos: [{ actionType: 'CONNECT', resources: ['*'] }] }),
    [INVALID, (w: SdkWorld) => ({ principal: certificate(w), authInfos: [] })],
  ),
  row('DetachPolicy', (w: SdkWorld) => ({ ...POLICY, target: certificate(w) }), [
    INVALID,
    { ...POLICY, target: 'nobody' },
  ]),
  row('DetachPrincipalPolicy', (w: SdkWorld) => ({ ...POLICY, principal: certificate(w) }), [
    INVALID,
    { ...POLICY, principal: 'nobody' },
  ]),
  row('DeletePolicy', POLICY, [ABSENT, NO_POLICY]),
  row(
    'CreateProvisioningTemplate',
    { ...TEMPLATE, templateBody, provisioningRoleArn: ROLE, enabled: true },
    [TAKEN, { ...TEMPLATE, templateBody, provisioningRoleArn: ROLE }],
    [INVALID, { templateName: 'q', templateBody: '{', provisioningRoleArn: ROLE }],
  ),
  row('DescribeProvisioningTemplate', TEMPLATE, [ABSENT, NO_TEMPLATE]),
  row('ListProvisioningTemplates', {}, [INVALID, { maxResults: 0 }]),
  row('UpdateProvisioningTemplate', { ...TEMPLATE, description: 'd' }, [ABSENT, NO_TEMPLATE]),
  row(
    'CreateProvisioningTemplateVersion',
    { ...TEMPLATE, templateBody },
    [ABSENT, { ...NO_TEMPLATE, templateBody }],
    [INVALID, { ...TEMPLATE, templateBody: '{' }],
  ),
  row('DescribeProvisioningTemplateVersion', { ...TEMPLATE, versionId: 2 }, [ABSENT, { ...TEMPLATE, versionId: 99 }]),
  row('ListProvisioningTemplateVersions', TEMPLATE, [ABSENT, NO_TEMPLATE]),
  row('CreateProvisioningClaim', TEMPLATE, [ABSENT, NO_TEMPLATE]),
  row(
    'DeleteProvisioningTemplateVersion',
    { ...TEMPLATE, versionId: 2 },
    ['DeleteConflictException', { ...TEMPLATE, versionId: 1 }],
    [ABSENT, { ...TEMPLATE, versionId: 99 }],
  ),
  row('DeleteProvisioningTemplate', TEMPLATE, [ABSENT, NO_TEMPLATE]),
  row(
    'RegisterThing',
    async (w: SdkWorld) => ({ templateBody: registering, parameters: { Serial: 'made-7', CSR: await w.newCsr() } }),
    ['ResourceRegistrationFailureException', { templateBody: registering, parameters: {} }],
    [INVALID, { templateBody: '{', parameters: {} }],
  ),
  row(
    'StartThingRegistrationTask',
    { templateBody: registering, inputFileBucket: 'batch', inputFileKey: 'in', roleArn: ROLE },
    [INVALID, { templateBody: '{', inputFileBucket: 'batch', inputFileKey: 'in', roleArn: ROLE }],
  ),
  row('StopThingRegistrationTask', taskOf, [ABSENT, { taskId: 'none' }]),
  row('DescribeThingRegistrationTask', taskOf, [ABSENT, { taskId: 'none' }]),
  row('ListThingRegistrationTasks', {}, [INVALID, { maxResults: 0 }]),
  row('ListThingRegistrationTaskReports', (w: SdkWorld) => ({ ...taskOf(w), reportType: 'ERRORS' }), [
    INVALID,
    (w: SdkWorld) => ({ ...taskOf(w), reportType: 'RUMOURS' }),
  ]),
  ...providerRows(),
]

function taskOf(world: SdkWorld): object {
  return { taskId: answered(world, 'StartThingRegistrationTask', 'taskId') }
}

function providerRows(): readonly SdkRow[] {
  const named = { certificateProviderName: 'provider' }
  const nobody = { certificateProviderName: 'none' }
  const content = { lambdaFunctionArn: FUNCTION, accountDefaultForOperations: ['CreateCertificateFromCsr'] }
  return [
    row(
      'CreateCertificateProvider',
      { ...named, ...content },
      [TAKEN, { ...named, ...content }],
      ['LimitExceededException', { ...nobody, ...content }],
    ),
    row('DescribeCertificateProvider', named, [ABSENT, nobody]),
    row('ListCertificateProviders', {}),
    row('UpdateCertificateProvider', { ...named, lambdaFunctionArn: `${FUNCTION}2` }, [ABSENT, nobody]),
    row('DeleteCertificateProvider', named, [ABSENT, nobody]),
  ]
}

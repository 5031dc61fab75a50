import {
  AttachPolicyCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreateProvisioningTemplateCommand,
  CreateThingGroupCommand,
  CreateThingTypeCommand,
  type IoTClient,
} from '@aws-sdk/client-iot'
import { type CloudAccess, callCloud } from '../../cloud-client.ts'
import { devicePolicy, POLICY_NAME } from '../documents.ts'
import type { FileIdentity } from './file-device.ts'
import type { WayContext } from './way.ts'

/** Name of the template by which claims are exchanged. */
export const TEMPLATE = 'meters'

/** An account and region, and where its control plane is. */
export interface AccountPlace {
  readonly access: CloudAccess
  readonly account: string
  readonly region: string
}

/** Makes the devices' policy. */
export async function makePolicy(client: IoTClient, { access, account, region }: AccountPlace): Promise<void> {
  const policyDocument = devicePolicy(account, region)
  await callCloud(access, 'CreatePolicy', () =>
    client.send(new CreatePolicyCommand({ policyName: POLICY_NAME, policyDocument })),
  )
}

/** Makes what a claim needs: the devices' policy, type and group, and a template that uses them. */
export async function makeTemplate({ client, cloud }: WayContext): Promise<void> {
  await makePolicy(client, cloud)
  const call = (operation: string, run: () => Promise<unknown>): Promise<unknown> =>
    callCloud(cloud.access, operation, run)
  await call('CreateThingType', () => client.send(new CreateThingTypeCommand({ thingTypeName: 'meter' })))
  await call('CreateThingGroup', () => client.send(new CreateThingGroupCommand({ thingGroupName: 'field' })))
  await call('CreateProvisioningTemplate', () =>
    client.send(
      new CreateProvisioningTemplateCommand({
        templateName: TEMPLATE,
        templateBody: fleetTemplate(),
        provisioningRoleArn: `arn:aws:iam::${cloud.account}:role/provisioning`,
        enabled: true,
      }),
    ),
  )
}

/** Makes the certificate that many devices share, which may exchange itself and nothing else. */
export async function makeClaim({ client, cloud }: WayContext): Promise<FileIdentity> {
  const made = await callCloud(cloud.access, 'CreateKeysAndCertificate', () =>
    client.send(new CreateKeysAndCertificateCommand({ setAsActive: true })),
  )
  const policyDocument = claimPolicy(`arn:aws:iot:${cloud.region}:${cloud.account}`)
  await callCloud(cloud.access, 'CreatePolicy', () =>
    client.send(new CreatePolicyCommand({ policyName: 'claim', policyDocument })),
  )
  await callCloud(cloud.access, 'AttachPolicy', () =>
    client.send(new AttachPolicyCommand({ policyName: 'claim', target: made.certificateArn })),
  )
  return { certificate: made.certificatePem ?? '', key: made.keyPair?.PrivateKey ?? '' }
}

/** The topics of fleet provisioning and nothing else, as AWS's guide has it. */
function claimPolicy(arn: string): string {
  const topics = [
    '$aws/certificates/create/*',
    '$aws/certificates/create-from-csr/*',
    `$aws/provisioning-templates/${TEMPLATE}/*`,
  ]
  const resources = (kind: string): readonly string[] => topics.map((topic) => `${arn}:${kind}/${topic}`)
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
      { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: resources('topic') },
      { Effect: 'Allow', Action: 'iot:Subscribe', Resource: resources('topicfilter') },
    ],
  })
}

function fleetTemplate(): string {
  return JSON.stringify({
    Parameters: { SerialNumber: { Type: 'String' }, Site: { Type: 'String', Default: 'north' } },
    Mappings: { Sites: { north: { url: 'https://north.example' } } },
    Resources: {
      thing: {
        Type: 'AWS::IoT::Thing',
        Properties: {
          ThingName: { 'Fn::Join': ['-', ['meter', { Ref: 'SerialNumber' }]] },
          AttributePayload: { serial: { Ref: 'SerialNumber' } },
          ThingTypeName: 'meter',
          ThingGroups: ['field'],
        },
        OverrideSettings: { AttributePayload: 'MERGE', ThingTypeName: 'REPLACE', ThingGroups: 'MERGE' },
      },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
      },
      policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: POLICY_NAME } },
    },
    DeviceConfiguration: { url: { 'Fn::FindInMap': ['Sites', { Ref: 'Site' }, 'url'] } },
  })
}

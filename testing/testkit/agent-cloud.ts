/** A cloud in which devices come online by claim, and the files that one device's agent needs. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CreateProvisioningTemplateCommand,
  DescribeCertificateCommand,
  type IoTClient,
  ListThingPrincipalsCommand,
} from '@aws-sdk/client-iot'
import type { RunningCloud } from './running-cloud.ts'

/** Name of the template that provisions a meter by its serial number. */
const TEMPLATE = 'meters'

/** Makes the template, the policy of devices, the policy of claims, and one claim. Gives the claim's files. */
export async function prepareClaims(
  cloud: RunningCloud,
): Promise<{ readonly certificate: string; readonly key: string }> {
  const arn = `arn:aws:iot:${cloud.region}:${cloud.account}`
  const asking = ['$aws/certificates/create-from-csr/*', `$aws/provisioning-templates/${TEMPLATE}/provision/*`]
  const rights = (topics: readonly string[]): object[] => [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: topics.map((one) => `${arn}:topic/${one}`) },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: topics.map((one) => `${arn}:topicfilter/${one}`) },
  ]
  await cloud.createPolicy('claim', rights(asking))
  await cloud.createPolicy('meter', rights([...asking, 'dt/*', 'cmd/*']))
  const resources = {
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: { ThingName: { 'Fn::Join': ['-', ['meter', { Ref: 'SerialNumber' }]] } },
    },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
    },
    policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'meter' } },
  }
  await cloud.iot.send(
    new CreateProvisioningTemplateCommand({
      templateName: TEMPLATE,
      provisioningRoleArn: `arn:aws:iam::${cloud.account}:role/provisioning`,
      enabled: true,
      templateBody: JSON.stringify({ Parameters: { SerialNumber: { Type: 'String' } }, Resources: resources }),
    }),
  )
  return cloud.newDevice('claim', 'claim')
}

/** What a configuration may say otherwise. */
export type AgentChanges = Readonly<Record<string, unknown>>

/** Writes the configuration of a device with a key file in a folder of its own. Gives its path. */
export function writeAgent(
  cloud: RunningCloud,
  serial: string,
  claim: { readonly certificate: string; readonly key: string } | undefined,
  changes: AgentChanges = {},
): string {
  const folder = join(cloud.folder, `device-${serial}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'passphrase'), `${serial.padEnd(32, 'x')}\n`, { mode: 0o600 })
  const configuration = {
    data: 'data',
    endpoint: { host: cloud.mqtt.host, port: cloud.mqtt.port, root: cloud.rootPath },
    element: { software: 'keys.json', passphrase: 'passphrase' },
    ...(claim === undefined ? {} : { claim: { certificate: claim.certificate, key: claim.key } }),
    provisioning: { template: TEMPLATE, parameters: { SerialNumber: serial } },
    rotation: { close: { controlPlane: cloud.access.endpoint, region: cloud.region } },
    telemetry: { topic: 'dt/{name}', everySeconds: 1 },
    backoff: { firstSeconds: 1, longestSeconds: 2 },
    ...changes,
  }
  const path = join(folder, 'device.json')
  writeFileSync(path, JSON.stringify(configuration, undefined, 2))
  return path
}

/** Gives the ids of the active certificates of a thing. */
export async function activeCertificates(iot: IoTClient, thingName: string): Promise<readonly string[]> {
  const { principals = [] } = await iot.send(new ListThingPrincipalsCommand({ thingName }))
  const ids = principals.map((arn) => arn.split('/').at(-1) ?? '')
  const described = await Promise.all(
    ids.map((certificateId) => iot.send(new DescribeCertificateCommand({ certificateId }))),
  )
  return described.flatMap(({ certificateDescription: found }) =>
    found?.status === 'ACTIVE' ? [found.certificateId ?? ''] : [],
  )
}

/** Gives the environment in which AWS's clients sign for this cloud. */
export function awsEnvironment({ access }: RunningCloud): Readonly<Record<string, string>> {
  return { AWS_ACCESS_KEY_ID: access.accessKeyId, AWS_SECRET_ACCESS_KEY: access.secretAccessKey }
}

import { readTextFile } from '@birthmark/foundation/system'
import { demoFault } from './faults.ts'

/** Name of the policy that the demo's devices share. */
export const POLICY_NAME = 'own-topics-only'

/**
 * Gives the policy of the demo's devices: connect under the own thing's name, publish and receive below the own topic.
 * Variables bind one document to every device.
 */
export function devicePolicy(account: string, region: string): string {
  const arn = `arn:aws:iot:${region}:${account}`
  const thing = '${iot:Connection.Thing.ThingName}'
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'ConnectAsMyself',
        Effect: 'Allow',
        Action: 'iot:Connect',
        Resource: `${arn}:client/${thing}`,
        Condition: { Bool: { 'iot:Connection.Thing.IsAttached': 'true' } },
      },
      {
        Sid: 'TalkBelowMyTopic',
        Effect: 'Allow',
        Action: ['iot:Publish', 'iot:Receive'],
        Resource: `${arn}:topic/dt/${thing}/*`,
      },
      {
        Sid: 'ListenBelowMyTopic',
        Effect: 'Allow',
        Action: 'iot:Subscribe',
        Resource: `${arn}:topicfilter/dt/${thing}/*`,
      },
    ],
  })
}

/**
 * Gives the just-in-time provisioning template: a thing named as the certificate's common name, the shared policy, the
 * certificate active.
 */
export function provisioningTemplate(): string {
  return JSON.stringify({
    Parameters: {
      'AWS::IoT::Certificate::CommonName': { Type: 'String' },
      'AWS::IoT::Certificate::SerialNumber': { Type: 'String' },
      'AWS::IoT::Certificate::Id': { Type: 'String' },
    },
    Resources: {
      thing: {
        Type: 'AWS::IoT::Thing',
        Properties: {
          ThingName: { Ref: 'AWS::IoT::Certificate::CommonName' },
          AttributePayload: { chip: { Ref: 'AWS::IoT::Certificate::SerialNumber' } },
        },
      },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
      },
      policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: POLICY_NAME } },
    },
  })
}

/**
 * Reads a document that the user brought.
 *
 * @throws `DOCUMENT_ABSENT`, faults of the file system
 */
export function readDocument(path: string): string {
  const text = readTextFile(path)
  if (text === undefined) throw demoFault('DOCUMENT_ABSENT', { path })
  return text
}

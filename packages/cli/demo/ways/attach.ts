import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateThingCommand,
  type IoTClient,
} from '@aws-sdk/client-iot'
import { type CloudAccess, callCloud } from '../../cloud-client.ts'
import { POLICY_NAME } from '../documents.ts'

/** Makes a thing with a certificate, bound by the devices' policy. @throws `CLOUD_REFUSED`, `CLOUD_UNREACHABLE` */
export async function attachThing(
  client: IoTClient,
  access: CloudAccess,
  thingName: string,
  principal: string,
): Promise<void> {
  await callCloud(access, 'CreateThing', () => client.send(new CreateThingCommand({ thingName })))
  await callCloud(access, 'AttachThingPrincipal', () =>
    client.send(new AttachThingPrincipalCommand({ thingName, principal })),
  )
  await callCloud(access, 'AttachPolicy', () =>
    client.send(new AttachPolicyCommand({ policyName: POLICY_NAME, target: principal })),
  )
}

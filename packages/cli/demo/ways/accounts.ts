import {
  AcceptCertificateTransferCommand,
  DetachPolicyCommand,
  DetachThingPrincipalCommand,
  type IoTClient,
  RegisterCertificateWithoutCACommand,
  TransferCertificateCommand,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot'
import { callCloud, callOwnApi, iotClient } from '../../cloud-client.ts'
import { POLICY_NAME } from '../documents.ts'
import { demoFault } from '../faults.ts'
import { attachThing } from './attach.ts'
import { comeOnlineAs, connectFile, type FileIdentity, idOf, vendorDevice } from './file-device.ts'
import { type AccountPlace, makePolicy } from './fleet-parts.ts'
import type { Way, WayContext } from './way.ts'

/** Certificates without CA, in two accounts of one server. */
export const multiAccount: Way = {
  summary: "certificates registered without their CA, each in several accounts and regions; the client's SNI decides",
  async run(context) {
    const { client, cloud, say } = context
    say('A second account is opened, in another region; each has an endpoint name of its own.')
    const second = await openAccount(context, ELSEWHERE)
    try {
      await makePolicy(client, cloud)
      await makePolicy(second.client, second)
      say("The vendor's devices are registered in both, with no CA and no proof.")
      const device = await vendorDevice(context, 'meter-1')
      const first = { client, access: cloud.access, account: cloud.account, region: cloud.region }
      for (const owner of [first, second]) await register(owner, device, 'meter-1')
      say('One device, one key: it is a thing of the account whose endpoint it names.')
      const here = await comeOnlineAs(context, device, 'meter-1')
      const there = await comeOnlineAs(context, device, 'meter-1', second)
      const stranger = await vendorDevice(context, 'meter-2')
      await register(second, stranger, 'meter-2')
      const why = await whyRefused(context, stranger, 'meter-2')
      return { online: [here, there], refused: [{ device: 'meter-2 at the first account', why }] }
    } finally {
      second.client.destroy()
    }
  },
}

/** A certificate that goes from one account to another. */
export const transfer: Way = {
  summary: 'a certificate, and its device, goes from one account to another',
  async run(context) {
    const { client, cloud, say } = context
    // A transfer stays in its region.
    const second = await openAccount(context, cloud.region)
    try {
      await makePolicy(client, cloud)
      await makePolicy(second.client, second)
      const device = await vendorDevice(context, 'meter-1')
      const certificateId = idOf(device)
      const first = { client, access: cloud.access, account: cloud.account, region: cloud.region }
      const principal = await register(first, device, 'meter-1')
      say('The device is online in the first account.')
      const here = await comeOnlineAs(context, device, 'meter-1')
      say('Its owner lets it go: INACTIVE, detached, offered; the other account accepts.')
      const call = (operation: string, run: () => Promise<unknown>): Promise<unknown> =>
        callCloud(cloud.access, operation, run)
      await call('UpdateCertificate', () =>
        client.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' })),
      )
      await call('DetachThingPrincipal', () =>
        client.send(new DetachThingPrincipalCommand({ thingName: 'meter-1', principal })),
      )
      await call('DetachPolicy', () =>
        client.send(new DetachPolicyCommand({ policyName: POLICY_NAME, target: principal })),
      )
      await call('TransferCertificate', () =>
        client.send(new TransferCertificateCommand({ certificateId, targetAwsAccount: second.account })),
      )
      await call('AcceptCertificateTransfer', () =>
        second.client.send(new AcceptCertificateTransferCommand({ certificateId, setAsActive: true })),
      )
      await attachThing(second.client, second.access, 'meter-1', arnOf(second, certificateId))
      say('The same device, with the same key, is online in the second account, and no longer in the first.')
      const there = await comeOnlineAs(context, device, 'meter-1', second)
      const why = await whyRefused(context, device, 'meter-1')
      return { online: [here, there], refused: [{ device: 'meter-1 at the first account', why }] }
    } finally {
      second.client.destroy()
    }
  },
}

interface Owner extends AccountPlace {
  readonly client: IoTClient
}

async function openAccount({ cloud }: WayContext, region: string): Promise<Owner & { readonly servername: string }> {
  const made: Readonly<Record<string, unknown>> = {
    ...Object(await callOwnApi(cloud.access, 'POST', '/v1/accounts', { region })),
  }
  const key: Readonly<Record<string, unknown>> = { ...Object(made['accessKey']) }
  const text = (record: Readonly<Record<string, unknown>>, member: string): string => {
    const value = record[member]
    if (typeof value !== 'string') throw demoFault('DEMO_WAY_WRONG', { what: `a new account has no ${member}` })
    return value
  }
  const access = {
    endpoint: cloud.access.endpoint,
    region: text(made, 'region'),
    accessKeyId: text(key, 'accessKeyId'),
    secretAccessKey: text(key, 'secretAccessKey'),
  }
  const servername = text(made, 'endpoint').replace(/:\d+$/, '')
  return { client: iotClient(access), access, account: text(made, 'account'), region: access.region, servername }
}

/** Registers a device's certificate in an account, as active, and gives its ARN there. */
async function register(owner: Owner, device: FileIdentity, thingName: string): Promise<string> {
  const command = new RegisterCertificateWithoutCACommand({ certificatePem: device.certificate, status: 'ACTIVE' })
  await callCloud(owner.access, 'RegisterCertificateWithoutCA', () => owner.client.send(command))
  const arn = arnOf(owner, idOf(device))
  await attachThing(owner.client, owner.access, thingName, arn)
  return arn
}

function arnOf({ account, region }: Owner, certificateId: string): string {
  return `arn:aws:iot:${region}:${account}:cert/${certificateId}`
}

async function whyRefused(context: WayContext, device: FileIdentity, thingName: string): Promise<string> {
  const connection = await connectFile(context, device, thingName, { triesMax: 1 }).catch(() => undefined)
  if (connection === undefined) return context.why(idOf(device))
  await connection.client.endAsync()
  throw demoFault('DEMO_WAY_WRONG', { what: `${thingName} is let in where it is not known` })
}

/** Where the second account is. */
const ELSEWHERE = 'eu-central-1'

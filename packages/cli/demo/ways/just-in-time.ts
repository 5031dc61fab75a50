import { CreateTopicRuleCommand, DescribeCertificateCommand } from '@aws-sdk/client-iot'
import { parseCertificate } from '@birthmark/foundation/x509'
import { callCloud, callOwnApi } from '../../cloud-client.ts'
import { devicePolicy, POLICY_NAME, provisioningTemplate } from '../documents.ts'
import { demoFault } from '../faults.ts'
import { trustVendor } from '../maker.ts'
import { comeOnlineAs, connectFile, type FileIdentity, idOf, vendorDevice } from './file-device.ts'
import type { Way, WayContext } from './way.ts'

/** Just-in-time provisioning in which the first CONNECT succeeds. */
export const inline: Way = {
  summary: 'just-in-time provisioning whose first connection succeeds (server --first-connection inline)',
  server: { 'first-connection': 'inline' },
  async run(context) {
    context.say("The maker registers the vendor's CA with a template; the server lets provisioned devices in at once.")
    await trust(context, provisioningTemplate())
    const device = await vendorDevice(context, 'meter-1')
    context.say('A device connects for the first time, and is online on that very connection.')
    return { online: [await comeOnlineAs(context, device, 'meter-1', { triesMax: 1 })], refused: [] }
  },
}

/** Just-in-time registration: a function decides. */
export const registration: Way = {
  summary: 'just-in-time registration: an event, a topic rule, and a function that knows which devices are yours',
  async run(context) {
    const { client, cloud, say } = context
    say("The maker registers the vendor's CA with auto-registration and no template.")
    await trust(context, undefined)
    say("A function with AWS's SDK, as written for Lambda, activates the devices of its list; a topic rule calls it.")
    const function_ = { name: 'decide', file: 'decide.mjs', source: HANDLER, role: 'operator', timeoutMs: 30_000 }
    const made = await callOwnApi(cloud.access, 'POST', '/v1/functions', function_)
    const { arn }: { readonly arn?: unknown } = { ...Object(made) }
    const sql = "SELECT * FROM '$aws/events/certificates/registered/#'"
    const topicRulePayload = { sql, actions: [{ lambda: { functionArn: String(arn) } }] }
    await callCloud(cloud.access, 'CreateTopicRule', () =>
      client.send(new CreateTopicRuleCommand({ ruleName: 'registered', topicRulePayload })),
    )
    say('A device of the list connects until the function has activated it; one that is not listed is revoked.')
    const [listed, stranger] = [await vendorDevice(context, 'meter-1'), await vendorDevice(context, 'meter-666')]
    const online = await comeOnlineAs(context, listed, 'meter-1')
    return { online: [online], refused: [{ device: 'meter-666', why: await untilRevoked(context, stranger) }] }
  },
}

async function trust({ client, cloud, vendor }: WayContext, templateBody: string | undefined): Promise<void> {
  await trustVendor(client, cloud.access, {
    policyDocument: devicePolicy(cloud.account, cloud.region),
    issuingCa: vendor.issuing,
    prove: async (code) => parseCertificate((await vendor.prove(code)).certificate),
    ...(templateBody === undefined ? {} : { templateBody }),
  })
}

async function untilRevoked({ client, cloud }: WayContext, stranger: FileIdentity): Promise<string> {
  const certificateId = idOf(stranger)
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const connection = await connectFile({ cloud }, stranger, 'meter-666', { triesMax: 1 }).catch(() => undefined)
    if (connection !== undefined) break
    const { certificateDescription } = await callCloud(cloud.access, 'DescribeCertificate', () =>
      client.send(new DescribeCertificateCommand({ certificateId })),
    )
    if (certificateDescription?.status === 'REVOKED') return 'the function has revoked its certificate'
  }
  throw demoFault('DEMO_WAY_WRONG', { what: 'meter-666, which is on no list, was not revoked' })
}

/** What runs as a function, for AWS Lambda just as well. */
const HANDLER = `import { X509Certificate } from 'node:crypto'
import {
  AttachPolicyCommand, AttachThingPrincipalCommand, CreateThingCommand, DescribeCertificateCommand, IoTClient,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot'

const LISTED = new Set(['meter-1', 'meter-2'])
const iot = new IoTClient({})

export const handler = async ({ certificateId }) => {
  const { certificateDescription } = await iot.send(new DescribeCertificateCommand({ certificateId }))
  const { certificateArn: principal, certificatePem, status } = certificateDescription
  if (status !== 'PENDING_ACTIVATION') return { certificateId, status }
  const [, thingName] = /^CN=(.*)$/m.exec(new X509Certificate(certificatePem).subject) ?? []
  const newStatus = LISTED.has(thingName) ? 'ACTIVE' : 'REVOKED'
  if (newStatus === 'ACTIVE') {
    await iot.send(new CreateThingCommand({ thingName }))
    await iot.send(new AttachThingPrincipalCommand({ thingName, principal }))
    await iot.send(new AttachPolicyCommand({ policyName: '${POLICY_NAME}', target: principal }))
  }
  await iot.send(new UpdateCertificateCommand({ certificateId, newStatus }))
  return { certificateId, status: newStatus }
}
`
/** Connections until the function must have decided. */
const TRIES_MAX = 100

import { GetRegistrationCodeCommand, IoTClient, RegisterCACertificateCommand } from '@aws-sdk/client-iot'
import { faults, messageOf, type Raise } from '@birthmark/foundation/kernel'
import type { Certificate } from '@birthmark/foundation/x509'
import { callCloud } from '../cloud-client.ts'

export const CA_CLOUD_FAULTS = {
  CLOUD_ACCESS_MISSING: {
    blame: 'operator',
    message: 'the AWS SDK found no credentials, or no region: {why}',
    remedy: 'Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or name a profile with AWS_PROFILE.',
  },
} as const
const caCloudFault: Raise<typeof CA_CLOUD_FAULTS> = faults(CA_CLOUD_FAULTS)

/** Where a CA is registered. */
export interface CloudFlags {
  /** The address of the control plane. */
  readonly cloud: string
  readonly region?: string
}

/** How a CA is registered. */
export interface RegistrationFlags {
  readonly autoRegistration?: boolean
  readonly template?: string
  readonly inactive?: boolean
}

/** What a cloud gave a registered CA. */
export interface Registered {
  readonly certificateId: string
  readonly certificateArn: string
}

/**
 * Asks a cloud for its registration code, by AWS's own client with the credentials of its default chain.
 *
 * @throws `CLOUD_ACCESS_MISSING`, `CLOUD_REFUSED`, `CLOUD_FAILED`, `CLOUD_UNREACHABLE`
 */
export async function askForCode(flags: CloudFlags): Promise<string> {
  const answer = await withClient(flags, 'GetRegistrationCode', (client) =>
    client.send(new GetRegistrationCodeCommand({})),
  )
  return answer.registrationCode ?? ''
}

/**
 * Registers a CA with its proof.
 *
 * @throws `CLOUD_ACCESS_MISSING`, `CLOUD_REFUSED`, `CLOUD_FAILED`, `CLOUD_UNREACHABLE`
 */
export async function registerCa(
  flags: CloudFlags & RegistrationFlags,
  proof: { readonly caCertificate: Certificate; readonly verificationCertificate: Certificate },
): Promise<Registered> {
  const { template, autoRegistration = template !== undefined, inactive = false } = flags
  const command = new RegisterCACertificateCommand({
    caCertificate: proof.caCertificate.toPem(),
    verificationCertificate: proof.verificationCertificate.toPem(),
    setAsActive: !inactive,
    allowAutoRegistration: autoRegistration,
    ...(template !== undefined && { registrationConfig: { templateName: template } }),
  })
  const answer = await withClient(flags, 'RegisterCACertificate', (client) => client.send(command))
  return { certificateId: answer.certificateId ?? '', certificateArn: answer.certificateArn ?? '' }
}

async function withClient<Answer>(
  { cloud, region }: CloudFlags,
  operation: string,
  call: (client: IoTClient) => Promise<Answer>,
): Promise<Answer> {
  const client = new IoTClient({ endpoint: cloud, maxAttempts: 3, ...(region !== undefined && { region }) })
  try {
    await assertAccess(client)
    return await callCloud({ endpoint: cloud }, operation, () => call(client))
  } finally {
    client.destroy()
  }
}

/** Looks for credentials and region before the call, so that their absence is not taken for a cloud that is away. */
async function assertAccess(client: IoTClient): Promise<void> {
  try {
    await client.config.region()
    await client.config.credentials()
  } catch (error) {
    throw caCloudFault('CLOUD_ACCESS_MISSING', { why: messageOf(error) }, error)
  }
}

import {
  CreatePolicyCommand,
  GetRegistrationCodeCommand,
  type IoTClient,
  RegisterCACertificateCommand,
} from '@aws-sdk/client-iot'
import type { Certificate } from '@birthmark/foundation/x509'
import { type CloudAccess, callCloud } from '../cloud-client.ts'
import { POLICY_NAME } from './documents.ts'

/** What the device maker gives the cloud so that a vendor's chips provision themselves. */
export interface Trust {
  readonly policyDocument: string
  /** Absent: its devices wait for somebody's decision (just-in-time registration). */
  readonly templateBody?: string
  readonly issuingCa: Certificate
  /** Asks the CA's owner for the certificate that proves possession: the key stays with the owner. */
  readonly prove: (registrationCode: string) => Promise<Certificate>
}

/**
 * Registers a vendor's issuing CA as the device maker does, through AWS's own client: code, proof, template, policy.
 *
 * @returns The CA's certificate id.
 * @throws `CLOUD_REFUSED`, `CLOUD_UNREACHABLE`
 */
export async function trustVendor(client: IoTClient, access: CloudAccess, trust: Trust): Promise<string> {
  const { registrationCode = '' } = await callCloud(access, 'GetRegistrationCode', () =>
    client.send(new GetRegistrationCodeCommand({})),
  )
  const proof = await trust.prove(registrationCode)
  await callCloud(access, 'CreatePolicy', () =>
    client.send(new CreatePolicyCommand({ policyName: POLICY_NAME, policyDocument: trust.policyDocument })),
  )
  const { certificateId = '' } = await callCloud(access, 'RegisterCACertificate', () =>
    client.send(
      new RegisterCACertificateCommand({
        caCertificate: trust.issuingCa.toPem(),
        verificationCertificate: proof.toPem(),
        setAsActive: true,
        allowAutoRegistration: true,
        ...(trust.templateBody === undefined
          ? {}
          : { registrationConfig: { templateBody: trust.templateBody, roleArn: PROVISIONING_ROLE } }),
      }),
    ),
  )
  return certificateId
}

/** AWS demands a role; nothing here runs under one. */
const PROVISIONING_ROLE = 'arn:aws:iam::123456789012:role/provisioning'

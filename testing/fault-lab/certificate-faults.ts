import {
  AcceptCertificateTransferCommand,
  TransferCertificateCommand,
  UpdateCACertificateCommand,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot'

import { runProgram } from '../testkit/run-program.ts'
import { connectPacket, gnutls, type Lab, type LabFault, publish, sClient, sIdentity } from './lab.ts'
import type { FileIdentity } from './pki.ts'

/** Faults of certificates and of their issuers. */
export const CERTIFICATE_FAULTS: readonly LabFault[] = [
  {
    fault: 'its issuer is registered nowhere',
    client: 'mosquitto_pub',
    code: 'ISSUER_NOT_REGISTERED',
    says: /Unheard of/,
    make: (lab) => publish(lab, 'stranger', lab.pki.issue(lab.pki.newCa('Unheard of'))),
  },
  {
    fault: 'only the root above its issuer is registered, and it sends no chain',
    client: 'openssl s_client',
    code: 'ISSUER_NOT_REGISTERED',
    says: /Factory 7.*The client sent no certificate of it/,
    make: async (lab) => {
      const { device } = await belowRegisteredRoot(lab)
      return sClient(lab, sIdentity(device), connectPacket('a'))
    },
  },
  {
    fault: 'its issuer is in the chain that it sends, and only the root above is registered',
    client: 'openssl s_client',
    code: 'CHAIN_INCOMPLETE',
    says: /Factory 7.*Vendor root/,
    make: async (lab) => {
      const { device, factory } = await belowRegisteredRoot(lab)
      return sClient(lab, [...sIdentity(device), '-cert_chain', factory.certificate], connectPacket('a'))
    },
  },
  {
    fault: 'its issuer is registered in another account',
    client: 'mosquitto_pub',
    code: 'ISSUER_ELSEWHERE',
    says: /in another account/,
    make: async (lab) => {
      const ca = lab.pki.newCa('Of another account')
      await lab.registerCa(ca, { at: lab.otherAccount })
      return publish(lab, 'lost', lab.pki.issue(ca))
    },
  },
  {
    fault: 'its issuer is registered in another region',
    client: 'openssl s_client',
    code: 'ISSUER_ELSEWHERE',
    says: /in region eu-central-1/,
    make: async (lab) => {
      const ca = lab.pki.newCa('Of another region')
      await lab.registerCa(ca, { at: lab.otherRegion })
      return sClient(lab, sIdentity(lab.pki.issue(ca)), connectPacket('a'))
    },
  },
  {
    fault: 'it is registered in another region itself',
    client: 'mosquitto_pub',
    code: 'CERTIFICATE_ELSEWHERE',
    says: /in region eu-central-1/,
    make: async (lab) => {
      const device = lab.pki.issue(lab.pki.newCa('Any CA'))
      await lab.register(device, { at: lab.otherRegion })
      return publish(lab, 'lost', device)
    },
  },
  {
    fault: 'its issuer is INACTIVE',
    client: 'AWS SDK',
    code: 'ISSUER_INACTIVE',
    says: /is INACTIVE/,
    make: async (lab) => {
      const ca = lab.pki.newCa('Switched off')
      const certificateId = await lab.registerCa(ca)
      await lab.cloud.iot.send(new UpdateCACertificateCommand({ certificateId, newStatus: 'INACTIVE' }))
      return publish(lab, 'device', lab.pki.issue(ca))
    },
  },
  {
    fault: 'its issuer does not register devices by itself',
    client: 'AWS CLI',
    code: 'AUTO_REGISTRATION_OFF',
    says: /does not register devices by itself/,
    make: async (lab) => {
      const ca = lab.pki.newCa('Manual')
      const id = await lab.registerCa(ca)
      await aws(lab, 'update-ca-certificate', '--certificate-id', id, '--new-auto-registration-status', 'DISABLE')
      return publish(lab, 'device', lab.pki.issue(ca))
    },
  },
  {
    fault: 'a CA of its issuer’s name is registered, with another key',
    client: 'mosquitto_pub',
    code: 'CERTIFICATE_SIGNATURE_INVALID',
    says: /Namesake/,
    make: async (lab) => {
      await lab.registerCa(lab.pki.newCa('Namesake'))
      return publish(lab, 'forged', lab.pki.issue(lab.pki.newCa('Namesake')))
    },
  },
  {
    fault: 'it is self-signed',
    client: 'gnutls-cli',
    code: 'CONNECTION_LOST',
    says: /before it sent a CONNECT/,
    make: (lab) => {
      const { certificate, key } = lab.pki.selfSigned('own issuer')
      return gnutls(lab, ['--x509certfile', certificate, '--x509keyfile', key])
    },
  },
  {
    fault: 'it is self-signed',
    client: 'mosquitto_pub',
    code: 'CERTIFICATE_NOT_REGISTERED',
    says: /self-signed/,
    make: (lab) => publish(lab, 'own', lab.pki.selfSigned('own issuer')),
  },
  ...(
    [
      ['it has expired', 'CERTIFICATE_EXPIRED', /ended on \d{4}-/, { from: -20, until: -2 }],
      ['it is not valid yet', 'CERTIFICATE_NOT_YET_VALID', /begins on \d{4}-/, { from: 2, until: 20 }],
      ['it is for servers only', 'CERTIFICATE_KEY_USAGE', /clientAuth/, { extensions: 'for_servers' }],
      ['its key may not sign', 'CERTIFICATE_KEY_USAGE', /digitalSignature/, { extensions: 'no_signing' }],
      ['its key is Ed25519', 'CLIENT_CERTIFICATE_UNREADABLE', /unsupported kind/, { key: '-algorithm ED25519' }],
    ] as const
  ).map(
    ([fault, code, says, request]): LabFault => ({
      fault,
      client: 'openssl s_client',
      code,
      says,
      make: async (lab) => {
        const ca = lab.pki.newCa(`Of the case: ${fault}`)
        await lab.registerCa(ca)
        return sClient(lab, sIdentity(lab.pki.issue(ca, request)), connectPacket('a'))
      },
    }),
  ),
  {
    fault: 'its status is INACTIVE',
    client: 'AWS CLI',
    code: 'CERTIFICATE_INACTIVE',
    says: /registered and INACTIVE/,
    make: async (lab) => {
      const device = await lab.cloud.newDevice('inactive', 'lab')
      await aws(lab, 'update-certificate', '--certificate-id', device.certificateId, '--new-status', 'INACTIVE')
      return publish(lab, 'inactive', device)
    },
  },
  {
    fault: 'it is revoked',
    client: 'AWS SDK',
    code: 'CERTIFICATE_REVOKED',
    says: /registered and REVOKED/,
    make: async (lab) => {
      const device = await lab.cloud.newDevice('revoked', 'lab')
      const { certificateId } = device
      await lab.cloud.iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'REVOKED' }))
      return publish(lab, 'revoked', device)
    },
  },
  {
    fault: 'it is on its way to another account',
    client: 'AWS SDK',
    code: 'CERTIFICATE_PENDING_TRANSFER',
    says: /being transferred/,
    make: async (lab) => {
      const device = lab.pki.issue(lab.pki.newCa('Any CA'))
      const { id: certificateId } = await lab.register(device)
      const { iot } = lab.cloud
      await iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }))
      await iot.send(new TransferCertificateCommand({ certificateId, targetAwsAccount: lab.otherAccountNumber }))
      return publish(lab, 'moving', device)
    },
  },
  {
    fault: 'it belongs to another account now',
    client: 'AWS SDK',
    code: 'CERTIFICATE_ELSEWHERE',
    says: /in another account/,
    make: async (lab) => {
      const device = lab.pki.issue(lab.pki.newCa('Any CA'))
      const { id: certificateId } = await lab.register(device)
      const { iot } = lab.cloud
      await iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }))
      await iot.send(new TransferCertificateCommand({ certificateId, targetAwsAccount: lab.otherAccountNumber }))
      await lab.otherAccount.send(new AcceptCertificateTransferCommand({ certificateId, setAsActive: true }))
      return publish(lab, 'moved', device)
    },
  },
  {
    fault: 'its first connection registers it, and nothing provisions it',
    client: 'mosquitto_pub',
    code: 'REGISTERED_PENDING_ACTIVATION',
    says: /has no template/,
    make: async (lab) => publish(lab, 'pending', (await registrable(lab)).device),
  },
  {
    fault: 'it waits for its activation',
    client: 'mosquitto_pub',
    code: 'REGISTERED_PENDING_ACTIVATION',
    says: /was registered as PENDING_ACTIVATION/,
    make: async (lab) => {
      const { device } = await registrable(lab)
      await publish(lab, 'pending', device)
      await lab.mark()
      return publish(lab, 'pending', device)
    },
  },
  {
    fault: 'it waits for its activation, and its CA registers nothing any more',
    client: 'mosquitto_pub',
    code: 'CERTIFICATE_PENDING_ACTIVATION',
    says: /does not provision devices by itself/,
    make: async (lab) => {
      const { device, caId: certificateId } = await registrable(lab)
      await publish(lab, 'pending', device)
      const off = { certificateId, newAutoRegistrationStatus: 'DISABLE' } as const
      await lab.cloud.iot.send(new UpdateCACertificateCommand(off))
      await lab.mark()
      return publish(lab, 'pending', device)
    },
  },
  {
    fault: 'the template wants a part of the name that it does not have',
    client: 'mosquitto_pub',
    code: 'PARAMETER_MISSING',
    says: /AWS::IoT::Certificate::Country/,
    make: async (lab) => publish(lab, 'abroad', await provisionable(lab, { Ref: 'AWS::IoT::Certificate::Country' })),
  },
  {
    fault: 'the template makes a thing of a name that no thing may have',
    client: 'mosquitto_pub',
    code: 'TEMPLATE_INVALID',
    says: /\$\.Resources\.thing\.Properties\.ThingName \(line \d+, column \d+\) becomes "no thing: lab-/,
    make: async (lab) => {
      const name = { 'Fn::Join': ['', ['no thing: ', { Ref: 'AWS::IoT::Certificate::CommonName' }]] }
      return publish(lab, 'misnamed', await provisionable(lab, name))
    },
  },
  {
    fault: 'the template names a policy that is gone',
    client: 'mosquitto_pub',
    code: 'PROVISIONING_FAILED',
    says: /no-such-policy/,
    make: async (lab) => {
      const name = { Ref: 'AWS::IoT::Certificate::CommonName' }
      return publish(lab, 'unbound', await provisionable(lab, name, 'no-such-policy'))
    },
  },
  {
    fault: 'its first connection provisions it (no failure: it connects again)',
    client: 'mosquitto_pub',
    code: 'PROVISIONED_FIRST_CONNECTION',
    says: /thing /,
    make: async (lab) => {
      return publish(lab, 'new', await provisionable(lab, { Ref: 'AWS::IoT::Certificate::CommonName' }))
    },
  },
  {
    fault: 'it is of mode SNI_ONLY and the client names no server',
    client: 'openssl s_client',
    code: 'SNI_MISSING',
    says: /named no server/,
    make: async (lab) => {
      const device = lab.pki.issue(lab.pki.newCa('Any CA'))
      await lab.register(device, { policyName: 'lab' })
      return sClient(lab, [...sIdentity(device), '-noservername'], connectPacket('a'))
    },
  },
  {
    fault: 'it is of mode SNI_ONLY and the client names a foreign server',
    client: 'openssl s_client',
    code: 'SNI_FOREIGN',
    says: /broker\.example\.com/,
    make: async (lab) => {
      const device = lab.pki.issue(lab.pki.newCa('Any CA'))
      await lab.register(device, { policyName: 'lab' })
      return sClient(lab, [...sIdentity(device), '-servername', 'broker.example.com'], connectPacket('a'))
    },
  },
]

async function belowRegisteredRoot(lab: Lab): Promise<{ device: FileIdentity; factory: FileIdentity }> {
  const root = lab.pki.newCa('Vendor root')
  await lab.registerCa(root)
  const factory = lab.pki.issue(root, { commonName: 'Factory 7', extensions: 'issuer' })
  return { device: lab.pki.issue(factory), factory }
}

async function registrable(lab: Lab): Promise<{ device: FileIdentity; caId: string }> {
  const ca = lab.pki.newCa('Registers only')
  return { caId: await lab.registerCa(ca), device: lab.pki.issue(ca) }
}

/** A device whose CA has a template that names the thing so. */
async function provisionable(lab: Lab, ThingName: object, PolicyName = 'lab'): Promise<FileIdentity> {
  const ca = lab.pki.newCa('Provisions')
  const resource = (type: string, Properties: object) => ({ Type: `AWS::IoT::${type}`, Properties })
  const used = JSON.stringify(ThingName)
  const names = ['CommonName', 'Country', 'Id']
    .filter((name) => name === 'Id' || used.includes(name))
    .map((name) => [`AWS::IoT::Certificate::${name}`, { Type: 'String' }])
  const template = {
    Parameters: Object.fromEntries(names),
    Resources: {
      thing: resource('Thing', { ThingName }),
      certificate: resource('Certificate', { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' }),
      policy: resource('Policy', { PolicyName }),
    },
  }
  const roleArn = 'arn:aws:iam::123456789012:role/provisioning'
  await lab.registerCa(ca, { registrationConfig: { templateBody: JSON.stringify(template, undefined, 1), roleArn } })
  return lab.pki.issue(ca)
}

/** Debian's AWS CLI, unmodified. */
async function aws({ cloud }: Lab, ...words: readonly string[]): Promise<void> {
  const env = {
    AWS_ACCESS_KEY_ID: cloud.access.accessKeyId,
    AWS_SECRET_ACCESS_KEY: cloud.access.secretAccessKey,
    AWS_DEFAULT_REGION: cloud.region,
  }
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const { status, output } = await runProgram('env', [
    ...settings,
    'aws',
    '--endpoint-url',
    cloud.controlHttp,
    'iot',
    ...words,
  ])
  if (status !== 0) throw new Error(output)
}

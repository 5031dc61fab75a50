import { createSign, generateKeyPairSync } from 'node:crypto'
import { certificateId, type Scope } from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { instant, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import {
  type Certificate,
  type CertificateProfile,
  DEVICE,
  ENDPOINT,
  ISSUING_CA,
  Linted,
  newSerialNumber,
  ROOT_CA,
  type Signer,
} from '@birthmark/foundation/x509'

/** Devices with their certificates under one CA, which a registry may provision them by, and an endpoint for them. */
export interface Fleet {
  readonly rootPem: string
  readonly endpoint: FleetIdentity
  readonly devices: readonly (FleetIdentity & { readonly name: string })[]
  readonly ca: Certificate
}

interface FleetIdentity {
  readonly keyPem: string
  readonly certificatePem: string
}

interface Holder extends FleetIdentity {
  readonly certificate: Certificate
  readonly signer: Signer
}

/** Makes a fleet. */
export async function makeFleet(deviceCount: number): Promise<Fleet> {
  const root = await certify(ROOT_CA, 'Bench Root')
  const ca = await certify(ISSUING_CA, 'Bench Line', root)
  const devices: (FleetIdentity & { readonly name: string })[] = []
  for (let index = 0; index < deviceCount; index++) {
    const name = `device-${index}`
    devices.push({ name, ...(await certify(DEVICE, name, ca)) })
  }
  const endpoint = await certify(ENDPOINT, 'localhost', root)
  return { rootPem: root.certificatePem, endpoint, devices, ca: ca.certificate }
}

/** Makes a registry whose CA provisions a thing and attaches a policy, if none is given one of a few statements. */
export async function fillRegistry(folder: string, { ca }: Fleet, document: string = POLICY): Promise<void> {
  const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  const at = systemClock.now()
  const common = { createdAt: at, modifiedAt: at, generationId: 'g' }
  const id = certificateId(ca.fingerprint)
  if (id === undefined) throw new TypeError('a fingerprint is an id')
  const result = await registry.in(SCOPE).commit([
    { do: 'create-policy', policy: { name: 'device', document, defaultVersionId: '1', ...common } },
    {
      do: 'register-ca',
      ca: {
        id,
        pem: ca.toPem(),
        subjectHash: ca.subjectHash,
        status: 'ACTIVE',
        mode: 'DEFAULT',
        autoRegistration: true,
        registrationConfig: { templateBody: TEMPLATE, roleArn: undefined, templateName: undefined },
        notBefore: ca.notBefore,
        notAfter: ca.notAfter,
        customerVersion: 1,
        ...common,
      },
    },
  ])
  await registry.close()
  if (!result.ok) throw new Error(`change ${result.index} was refused: ${result.reason}`)
}

async function certify(profile: CertificateProfile, name: string, issuer?: Holder): Promise<Holder> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer: Signer = {
    algorithm: 'ecdsa-p256-sha256',
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    sign: (message) => Promise.resolve(createSign('sha256').update(message).sign(privateKey)),
  }
  const linted = Linted.lint({
    profile,
    subject: [{ type: 'CN', value: name }],
    ...(profile === ENDPOINT && { subjectAlternativeNames: [{ type: 'dns', value: name }] as const }),
    publicKey: signer.publicKey,
    issuer: issuer === undefined ? 'self' : { certificate: issuer.certificate },
    serialNumber: newSerialNumber(systemEntropy),
    now: instant(Date.now()),
  })
  const certificate = await linted.sign(issuer?.signer ?? signer)
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { certificate, signer, keyPem, certificatePem: certificate.toPem() }
}

const SCOPE: Scope = { account: '111122223333', region: 'eu-central-1' }
const ARN = 'arn:aws:iot:eu-central-1:111122223333:'

const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${ARN}client/\${iot:Connection.Thing.ThingName}` },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: `${ARN}topic/dt/\${iot:ClientId}/*` },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `${ARN}topicfilter/dt/\${iot:ClientId}/*` },
  ],
})

const TEMPLATE = JSON.stringify({
  Parameters: { 'AWS::IoT::Certificate::CommonName': { Type: 'String' } },
  Resources: {
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'AWS::IoT::Certificate::CommonName' } } },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
    },
    policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'device' } },
  },
})

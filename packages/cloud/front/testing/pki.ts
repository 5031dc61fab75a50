/** A small public key infrastructure for the tests of this room: real keys, real certificates. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { instant } from '@birthmark/foundation/kernel'
import {
  type AlternativeName,
  type Certificate,
  type CertificateProfile,
  DEVICE,
  type DistinguishedName,
  ENDPOINT,
  ISSUING_CA,
  Linted,
  newSerialNumber,
  ROOT_CA,
  type Signer,
} from '@birthmark/foundation/x509'

/** A certificate and the private key that belongs to it. */
export interface TestIdentity {
  readonly certificate: Certificate
  readonly signer: Signer
  /** PKCS#8, PEM. */
  readonly keyPem: string
}

interface Request {
  readonly profile: CertificateProfile
  readonly subject: DistinguishedName
  readonly subjectAlternativeNames?: readonly AlternativeName[]
  readonly now?: number
}

/** Makes a root. */
export function makeRoot(name = 'Test Root'): Promise<TestIdentity> {
  return certify({ profile: ROOT_CA, subject: [{ type: 'CN', value: name }] })
}

/** Makes a CA that issues devices. */
export function makeCa(root: TestIdentity, name = 'Test Line'): Promise<TestIdentity> {
  return certify({ profile: ISSUING_CA, subject: [{ type: 'CN', value: name }] }, root)
}

/** Makes a device's certificate. */
export function makeDevice(issuer: TestIdentity, name: string, request: Partial<Request> = {}): Promise<TestIdentity> {
  const subject = [
    { type: 'O', value: 'Acme' },
    { type: 'CN', value: name },
  ]
  return certify({ profile: DEVICE, subject, ...request }, issuer)
}

/** Makes an endpoint's certificate, for a name and 127.0.0.1. */
export function makeEndpoint(root: TestIdentity, name = 'localhost', kind: 'ec' | 'rsa' = 'ec'): Promise<TestIdentity> {
  const subjectAlternativeNames = [
    { type: 'dns', value: name },
    { type: 'ip', value: '127.0.0.1' },
  ] as const
  return certify({ profile: ENDPOINT, subject: [{ type: 'CN', value: name }], subjectAlternativeNames }, root, kind)
}

async function certify(request: Request, issuer?: TestIdentity, kind: 'ec' | 'rsa' = 'ec'): Promise<TestIdentity> {
  const { privateKey, publicKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signer: Signer = {
    algorithm: kind === 'ec' ? 'ecdsa-p256-sha256' : 'rsa-pkcs1-sha256',
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    sign: (message) => Promise.resolve(sign('sha256', message, privateKey)),
  }
  const linted = Linted.lint({
    ...request,
    publicKey: signer.publicKey,
    issuer: issuer === undefined ? 'self' : { certificate: issuer.certificate },
    serialNumber: newSerialNumber({ bytes: (count) => Uint8Array.from(randomBytes(count)) }),
    now: instant(request.now ?? Date.now()),
  })
  const certificate = await linted.sign(issuer?.signer ?? signer)
  return { certificate, signer, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

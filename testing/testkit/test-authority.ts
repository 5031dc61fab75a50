import { generateKeyPairSync } from 'node:crypto'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import type { Instant } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import {
  type AlternativeName,
  type Certificate,
  type CertificateProfile,
  DEVICE,
  ENDPOINT,
  ISSUING_CA,
  Linted,
  newSerialNumber,
  ROOT_CA,
  SoftwareSigner,
  VERIFICATION,
  verifyCsr,
} from '@birthmark/foundation/x509'

/** A CA whose key lives in the test. */
export interface TestAuthority extends CertificateProvider {
  readonly certificate: Certificate
  /** Issues for a fresh P-256 key, or for `publicKey` (DER SubjectPublicKeyInfo). */
  issueDevice(request?: TestCertificate): Promise<Certificate>
  /** Issues what proves the possession of this CA's key: a certificate with the registration code for a name. */
  proof(registrationCode: string): Promise<Certificate>
}

export interface TestCertificate {
  readonly commonName?: string
  readonly publicKey?: Uint8Array
  readonly profile?: CertificateProfile
  readonly subjectAlternativeNames?: readonly AlternativeName[]
  /** When it is issued; the machine's time when absent. */
  readonly now?: Instant
}

/** Makes a CA; several of the same name have equal subjects, and equal keys when `signer` is shared. */
export async function newTestAuthority(commonName = 'Test CA', signer?: SoftwareSigner): Promise<TestAuthority> {
  const key = signer ?? (await SoftwareSigner.generate('ecdsa-p256-sha256'))
  const certificate = await Linted.lint({
    profile: { ...ROOT_CA, pathLength: ISSUING_CA.pathLength },
    subject: [{ type: 'CN', value: commonName }],
    publicKey: key.publicKey,
    issuer: 'self',
    serialNumber: newSerialNumber(systemEntropy),
    now: systemClock.now(),
  }).sign(key)
  const issue = (request: TestCertificate): Promise<Certificate> =>
    Linted.lint({
      profile: request.profile ?? DEVICE,
      subject: [{ type: 'CN', value: request.commonName ?? 'press-7' }],
      ...(request.subjectAlternativeNames && { subjectAlternativeNames: request.subjectAlternativeNames }),
      publicKey: request.publicKey ?? freshPublicKey(),
      issuer: { certificate },
      serialNumber: newSerialNumber(systemEntropy),
      now: request.now ?? systemClock.now(),
    }).sign(key)
  return {
    certificate,
    issueDevice: (request = {}) => issue(request),
    proof: (code) => issue({ commonName: code, profile: VERIFICATION }),
    async issue(csr, purpose) {
      const { publicKey, subjectAlternativeNames } = verifyCsr(csr)
      const commonName = purpose === 'endpoint' ? 'localhost' : 'AWS IoT Certificate'
      const of = purpose === 'endpoint' ? { profile: ENDPOINT, subjectAlternativeNames } : {}
      const issued = await issue({ publicKey, commonName, ...of })
      return { certificate: issued.der, intermediates: [], root: certificate.der }
    },
    root: () => Promise.resolve(certificate.der),
  }
}

function freshPublicKey(): Uint8Array {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
}

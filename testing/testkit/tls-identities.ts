import { seconds } from '@birthmark/foundation/kernel'
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
  type SignatureAlgorithm,
  SoftwareSigner,
} from '@birthmark/foundation/x509'

/** A certificate chain with the key of its first certificate, also in the form that other TLS stacks read. */
export interface TlsIdentity {
  readonly certificates: readonly Certificate[]
  readonly signer: SoftwareSigner
  /** The chain as PEM, own certificate first. */
  readonly cert: string
  /** The key as encrypted PEM. */
  readonly key: string
  readonly passphrase: string
}

/** A root with an issuing CA below it, for the tests of one file. */
export interface TlsAuthority {
  readonly root: Certificate
  /** Issues for a server; `localhost` with a P-256 key unless told otherwise. */
  server(change?: TlsRequest): Promise<TlsIdentity>
  /** Issues for a device. */
  device(change?: TlsRequest): Promise<TlsIdentity>
  /** Issues for a device whose key is elsewhere, and gives the chain. */
  certify(publicKey: Uint8Array): Promise<readonly Certificate[]>
}

/** What a test wants otherwise. */
export interface TlsRequest {
  readonly algorithm?: SignatureAlgorithm
  readonly profile?: Partial<CertificateProfile>
  readonly names?: readonly AlternativeName[]
}

/** Makes a root and an issuing CA with fresh keys, a day old so that expired certificates can be issued. */
export async function newTlsAuthority(): Promise<TlsAuthority> {
  const root = await newIssuer('Test root', ROOT_CA)
  const issuing = await newIssuer('Test issuing CA', ISSUING_CA, root)
  const chain = async (request: Certified): Promise<readonly Certificate[]> => [
    await certify(request, issuing),
    issuing.certificate,
  ]
  const issue = async (profile: CertificateProfile, change: TlsRequest): Promise<TlsIdentity> => {
    const signer = await SoftwareSigner.generate(change.algorithm ?? 'ecdsa-p256-sha256')
    const { publicKey } = signer
    const certificates = await chain({
      profile: { ...profile, ...change.profile },
      publicKey,
      names: change.names ?? [],
    })
    const cert = certificates.map((each) => each.toPem()).join('')
    return { certificates, signer, cert, key: signer.toEncryptedPem(PASSPHRASE), passphrase: PASSPHRASE }
  }
  return {
    root: root.certificate,
    server: (change = {}) => issue(ENDPOINT, { names: [{ type: 'dns', value: 'localhost' }], ...change }),
    device: (change = {}) => issue(DEVICE, change),
    certify: (publicKey) => chain({ profile: DEVICE, publicKey, names: [] }),
  }
}

interface Issuer {
  readonly certificate: Certificate
  readonly signer: SoftwareSigner
}

interface Certified {
  readonly commonName?: string
  readonly profile: CertificateProfile
  readonly publicKey: Uint8Array
  readonly names: readonly AlternativeName[]
}

async function newIssuer(commonName: string, base: CertificateProfile, issuer?: Issuer): Promise<Issuer> {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const profile = { ...base, backdated: seconds(86_400) }
  return {
    signer,
    certificate: await certify({ commonName, profile, publicKey: signer.publicKey, names: [] }, issuer ?? signer),
  }
}

/** Signs with the key of `by`, which is the subject's own for a root. */
function certify(
  { commonName = 'press-7', profile, publicKey, names }: Certified,
  by: Issuer | SoftwareSigner,
): Promise<Certificate> {
  const linted = Linted.lint({
    profile,
    subject: [{ type: 'CN', value: commonName }],
    subjectAlternativeNames: names,
    publicKey,
    issuer: by instanceof SoftwareSigner ? 'self' : by,
    serialNumber: newSerialNumber(systemEntropy),
    now: systemClock.now(),
  })
  return linted.sign(by instanceof SoftwareSigner ? by : by.signer)
}

const PASSPHRASE = 'only a test'

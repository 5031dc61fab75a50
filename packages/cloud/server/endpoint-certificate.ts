import { createSign, generateKeyPairSync } from 'node:crypto'
import { isIP } from 'node:net'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import type { Clock, Instant } from '@birthmark/foundation/kernel'
import { type Certificate, createCsr, parseCertificate, type Signer, toPem } from '@birthmark/foundation/x509'
import { serverFault } from './faults.ts'

/** What the endpoint proves itself with. The key lives in this process only: each start makes a new one. */
export interface EndpointCertificate {
  readonly keyPem: string
  /** The endpoint's certificate and its issuers below the root. */
  readonly chainPem: string
  readonly certificate: Certificate
  readonly root: Certificate
}

/**
 * Makes a P-256 key and has it certified for `names`.
 *
 * @param names DNS names and IP addresses, the first is the common name.
 * @throws `CLOCK_BEFORE_CERTIFICATE`, `ROOT_EXPIRED`, the provider's own faults
 */
export async function makeEndpointCertificate(
  provider: CertificateProvider,
  names: readonly [string, ...string[]],
  clock: Clock,
): Promise<EndpointCertificate> {
  const root = parseCertificate(await provider.root())
  requireValidNow(root, clock.now())
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer: Signer = {
    algorithm: 'ecdsa-p256-sha256',
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    sign: (message) => Promise.resolve(createSign('sha256').update(message).sign(privateKey)),
  }
  const csr = await createCsr({
    subject: [{ type: 'CN', value: names[0] }],
    subjectAlternativeNames: names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
    signer,
  })
  const provided = await provider.issue(csr, 'endpoint')
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    chainPem: [provided.certificate, ...provided.intermediates].map((der) => toPem('CERTIFICATE', der)).join(''),
    certificate: parseCertificate(provided.certificate),
    root,
  }
}

function requireValidNow(root: Certificate, now: Instant): void {
  const text = { now: iso(now), notBefore: iso(root.notBefore), notAfter: iso(root.notAfter) }
  if (now < root.notBefore) throw serverFault('CLOCK_BEFORE_CERTIFICATE', text)
  if (now > root.notAfter) throw serverFault('ROOT_EXPIRED', text)
}

function iso(at: Instant): string {
  return new Date(at).toISOString()
}

import { createSign, generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import type { Endpoint } from '@birthmark/cloud/front'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import type { Clock, Instant } from '@birthmark/foundation/kernel'
import { type Certificate, createCsr, parseCertificate, type Signer, toPem } from '@birthmark/foundation/x509'
import { serverFault } from './faults.ts'

/** What the endpoint proves itself with. The key lives in this process only: each start makes a new one. */
export interface EndpointCertificate {
  readonly keyPem: string
  /** The endpoint's certificate and its issuers below the root. */
  readonly chainPem: string
  /** The same with an RSA key, for clients that do not verify ECDSA. */
  readonly rsa: { readonly keyPem: string; readonly chainPem: string }
  readonly certificate: Certificate
  readonly root: Certificate
}

/** Gives what the front shows of it. */
export function endpointOf({ keyPem, chainPem, rsa }: EndpointCertificate): Endpoint {
  return { key: keyPem, certificate: chainPem, rsa: { key: rsa.keyPem, certificate: rsa.chainPem } }
}

/**
 * Makes a P-256 key and an RSA key of 2048 bits and has each certified for `names`.
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
  const rsaKeys = promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS })
  const own = await certify(provider, names, generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ecdsa-p256-sha256')
  const rsa = await certify(provider, names, await rsaKeys, 'rsa-pkcs1-sha256')
  return { ...own, rsa, root }
}

async function certify(
  provider: CertificateProvider,
  names: readonly [string, ...string[]],
  { privateKey, publicKey }: { readonly privateKey: KeyObject; readonly publicKey: KeyObject },
  algorithm: Signer['algorithm'],
): Promise<Pick<EndpointCertificate, 'keyPem' | 'chainPem' | 'certificate'>> {
  const csr = await createCsr({
    subject: [{ type: 'CN', value: names[0] }],
    subjectAlternativeNames: names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
    signer: {
      algorithm,
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      sign: (message) => Promise.resolve(createSign('sha256').update(message).sign(privateKey)),
    },
  })
  const provided = await provider.issue(csr, 'endpoint')
  return {
    keyPem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    chainPem: [provided.certificate, ...provided.intermediates].map((der) => toPem('CERTIFICATE', der)).join(''),
    certificate: parseCertificate(provided.certificate),
  }
}

/** What small devices verify fastest and every one knows. */
const RSA_BITS = 2048

function requireValidNow(root: Certificate, now: Instant): void {
  const text = { now: iso(now), notBefore: iso(root.notBefore), notAfter: iso(root.notAfter) }
  if (now < root.notBefore) throw serverFault('CLOCK_BEFORE_CERTIFICATE', text)
  if (now > root.notAfter) throw serverFault('ROOT_EXPIRED', text)
}

function iso(at: Instant): string {
  return new Date(at).toISOString()
}

import { hash } from 'node:crypto'
import type { DeviceRequest, OrderEvidence } from '@birthmark/factory/order'
import { type Instant, isFault } from '@birthmark/foundation/kernel'
import { type Certificate, parseCertificate, readCsrChallenge, verifySignature } from '@birthmark/foundation/x509'
import { deskFault } from './faults.ts'

/**
 * Gives the challenge that the CSR of one device must carry: nobody can know it before the session began, and it is
 * good for this device of this order alone.
 */
export function challengeOf(seed: string, order: string, uid: string): string {
  return hash('sha256', `birthmark-challenge/1\n${seed}\n${order}\n${uid}`)
}

/** @throws `EVIDENCE_STALE` (peer) */
export function assertFresh({ csr, uid }: DeviceRequest, seed: string, order: string): void {
  if (readCsrChallenge(csr) !== challengeOf(seed, order, uid)) throw deskFault('EVIDENCE_STALE', { uid })
}

/**
 * Checks that the vendor of the element vouches for the CSR, where the order wants that.
 *
 * @returns The SHA-256 of the vendor's certificate in the element, hex; `undefined` where none is wanted.
 * @throws `EVIDENCE_MISSING`, `EVIDENCE_VENDOR_UNKNOWN`, `EVIDENCE_SIGNATURE_INVALID` (peer)
 */
export function checkVendor(
  { csr, uid, vendor }: DeviceRequest,
  evidence: OrderEvidence | undefined,
  now: Instant,
): string | undefined {
  if (evidence?.kind !== 'vendor') return undefined
  if (vendor === undefined) throw deskFault('EVIDENCE_MISSING', { uid })
  const certificate = readVendorCertificate(vendor.certificate, uid)
  const unknown = (why: string): Error => deskFault('EVIDENCE_VENDOR_UNKNOWN', { uid, why })
  if (!evidence.roots.some((root) => isUnder(certificate, root))) throw unknown('no root of the order signed it')
  if (now < certificate.notBefore || now > certificate.notAfter) throw unknown('it is not valid at this time')
  const { publicKey } = certificate
  const { signature } = vendor
  if (!verifySignature({ publicKey, algorithm: 'ecdsa-p256-sha256', message: csr, signature })) {
    throw deskFault('EVIDENCE_SIGNATURE_INVALID', { uid })
  }
  return certificate.fingerprint
}

function readVendorCertificate(der: Uint8Array, uid: string): Certificate {
  try {
    return parseCertificate(der)
  } catch (error) {
    if (!isFault(error)) throw error
    throw deskFault('EVIDENCE_VENDOR_UNKNOWN', { uid, why: error.message }, error)
  }
}

function isUnder(certificate: Certificate, root: Uint8Array): boolean {
  const issuer = parseCertificate(root)
  return issuer.isCa && certificate.issuerHash === issuer.subjectHash && certificate.isSignedBy(issuer)
}

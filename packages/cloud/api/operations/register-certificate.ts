import { type CaCertificateRecord, type CertificateRecord, certificateId } from '@birthmark/cloud/registry'
import { type Certificate, parseCertificate } from '@birthmark/foundation/x509'
import { AwsException, invalidRequest } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { commit } from './conflicts.ts'
import { notValid, readAnyCertificate, readCertificate } from './read-certificate.ts'
import { newUuid } from './values.ts'

/** Device certificates that somebody else made. */
export const registerCertificateOperations: Partial<Operations> = {
  async RegisterCertificate({ certificatePem, caCertificatePem, status, setAsActive }, call) {
    const certificate = readCertificate(certificatePem, call.now)
    const ca = await findIssuer(certificate, caCertificatePem, call)
    if (ca.status !== 'ACTIVE') {
      throw new AwsException('CertificateStateException', `The CA certificate is not ACTIVE. Id: ${ca.id}`)
    }
    const asked = status ?? (setAsActive === true ? 'ACTIVE' : undefined)
    return registerCertificate(certificate, { status: parseStatus(asked), mode: ca.mode, caId: ca.id }, call)
  },

  async RegisterCertificateWithoutCA({ certificatePem, status }, call) {
    const certificate = readCertificate(certificatePem, call.now)
    return registerCertificate(certificate, { status: parseStatus(status), mode: 'SNI_ONLY', caId: undefined }, call)
  },
}

/** What is decided about a certificate when it is registered. */
type Registration = Pick<CertificateRecord, 'status' | 'mode' | 'caId'>

/**
 * Keeps a certificate that was read and judged.
 *
 * @throws `ResourceAlreadyExistsException`
 */
export async function registerCertificate(
  certificate: Certificate,
  registration: Registration,
  call: Call,
): Promise<{ certificateArn: string; certificateId: string }> {
  const id = idOf(certificate)
  const record: CertificateRecord = {
    ...registration,
    id,
    pem: certificate.toPem(),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    createdAt: call.now,
    modifiedAt: call.now,
    customerVersion: 1,
    generationId: newUuid(call.entropy),
  }
  await commit(call, { do: 'register-certificate', certificate: record })
  return { certificateArn: arnOf(call.registry.scope, 'cert', id), certificateId: id }
}

/** Gives the id that AWS IoT knows a certificate by. */
export function idOf({ fingerprint }: Certificate): CertificateRecord['id'] {
  const id = certificateId(fingerprint)
  if (id === undefined) throw new TypeError('a fingerprint is 64 hex digits')
  return id
}

/**
 * Finds the registered CA that signed a certificate. Where several have its subject and key, the caller must say which.
 *
 * @throws `CertificateValidationException`, `CertificateConflictException`
 */
export async function findIssuer(
  certificate: Certificate,
  caPem: string | undefined,
  { registry }: Pick<Call, 'registry'>,
): Promise<CaCertificateRecord> {
  const named = caPem === undefined ? undefined : idOf(readAnyCertificate(caPem))
  const candidates = await registry.caCertificatesBySubject(certificate.issuerHash)
  const issuers = candidates.filter(
    (ca) => (named === undefined || ca.id === named) && certificate.isSignedBy(parseCertificate(ca.pem)),
  )
  const [issuer, another] = issuers
  if (another !== undefined) {
    throw new AwsException(
      'CertificateConflictException',
      'More than one registered CA certificate has this subject and public key: name one with caCertificatePem.',
    )
  }
  if (issuer === undefined) throw notValid('The certificate was not signed by a registered CA certificate.')
  return issuer
}

/** @throws `InvalidRequestException` for a status that only the service gives */
function parseStatus(status: string | undefined): 'ACTIVE' | 'INACTIVE' | 'REVOKED' {
  if (status === undefined) return 'INACTIVE'
  if (status === 'ACTIVE' || status === 'INACTIVE' || status === 'REVOKED') return status
  throw invalidRequest(`A certificate can not be registered as ${status}.`)
}

import { createHash } from 'node:crypto'
import type { CaCertificateRecord } from '@birthmark/cloud/registry'
import type { Certificate } from '@birthmark/foundation/x509'
import { AwsException, invalidRequest } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { commit } from './conflicts.ts'
import { notValid, readAnyCertificate, readCertificate } from './read-certificate.ts'
import { idOf } from './register-certificate.ts'
import { parseConfig } from './registration-config.ts'
import { tagChanges } from './tags.ts'
import { newUuid } from './values.ts'

/** How a CA becomes known. */
export const registerCaCertificateOperations: Partial<Operations> = {
  async RegisterCACertificate(input, call) {
    const mode = input.certificateMode ?? 'DEFAULT'
    const ca = readCertificate(input.caCertificate, call.now)
    if (!ca.isCa) throw notValid('The CA certificate does not have the basicConstraints extension with CA true.')
    await requireProofOfPossession(ca, mode, input.verificationCertificate, call)
    const record: CaCertificateRecord = {
      id: idOf(ca),
      pem: ca.toPem(),
      subjectHash: ca.subjectHash,
      status: input.setAsActive === true ? 'ACTIVE' : 'INACTIVE',
      mode,
      autoRegistration: input.allowAutoRegistration === true,
      registrationConfig: await parseConfig(input.registrationConfig, call),
      notBefore: ca.notBefore,
      notAfter: ca.notAfter,
      createdAt: call.now,
      modifiedAt: call.now,
      customerVersion: 1,
      generationId: newUuid(call.entropy),
    }
    const keyHash = createHash('sha256').update(ca.publicKey).digest('hex')
    await commit(call, { do: 'register-ca', ca: record, keyHash }, ...tagChanges(`cacert/${record.id}`, input.tags))
    return { certificateArn: arnOf(call.registry.scope, 'cacert', record.id), certificateId: record.id }
  },
}

/**
 * In DEFAULT mode the CA's owner proves the possession of its key: it signed a certificate whose common name is the
 * registration code. In SNI_ONLY mode nothing is proved, and devices must name the endpoint in SNI instead.
 *
 * @throws `InvalidRequestException`, `CertificateValidationException`, `RegistrationCodeValidationException`
 */
async function requireProofOfPossession(
  ca: Certificate,
  mode: 'DEFAULT' | 'SNI_ONLY',
  verificationPem: string | undefined,
  { registry }: Call,
): Promise<void> {
  if (mode === 'SNI_ONLY') {
    if (verificationPem === undefined) return
    throw invalidRequest('verificationCertificate must be absent when certificateMode is SNI_ONLY.')
  }
  if (verificationPem === undefined) {
    throw invalidRequest('verificationCertificate is required when certificateMode is DEFAULT.')
  }
  const verification = readAnyCertificate(verificationPem)
  if (!verification.isSignedBy(ca)) throw notValid('The verification certificate was not signed by the CA certificate.')
  const code = await registry.registrationCode()
  const names = verification.subject.filter(({ type }) => type === 'CN')
  if (code === undefined || names.length !== 1 || names[0]?.value !== code) {
    throw new AwsException(
      'RegistrationCodeValidationException',
      'The common name of the verification certificate is not the registration code of this account and region.',
    )
  }
}

import type { CaCertificateRecord } from '@birthmark/cloud/registry'
import { isFault } from '@birthmark/foundation/kernel'
import { Certificate, formatName, type KeyAlgorithm, RSA_BITS_MAX, RSA_BITS_MIN } from '@birthmark/foundation/x509'
import { type Admission, type AdmissionPorts, found, type Refusal, refuse } from './admission-step.ts'
import type { AttemptCauseContext } from './attempt-causes.ts'
import { ClientCertificate } from './client-certificate.ts'
import { STATUS_CAUSES } from './status-causes.ts'

/** Without a certificate there is nothing to judge. */
export function requireClientCertificate(admission: Admission): Refusal | undefined {
  const { certificate } = found(admission, 'presented')
  if (certificate === undefined) return refuse('NO_CLIENT_CERTIFICATE')
  admission.certificate = certificate
  return undefined
}

/** Looks the certificate up: registered ones are judged by their status, the others by their issuer. */
export async function findCertificate(admission: Admission, { registry }: AdmissionPorts): Promise<undefined> {
  const record = await registry.certificate(found(admission, 'certificate').id)
  admission.attempt.step('certificate-status', record?.status ?? 'not registered')
  if (record !== undefined) admission.record = record
}

/** A certificate that is new, or waits for activation, comes in only by a registered CA that signed it. */
export async function findIssuer(admission: Admission, ports: AdmissionPorts): Promise<Refusal | undefined> {
  const { record } = admission
  if (record !== undefined && record.status !== 'PENDING_ACTIVATION') return undefined
  const certificate = found(admission, 'certificate')
  const content = readContent(certificate)
  if (!(content instanceof Certificate)) return content
  if (!isAcceptedKey(content.keyAlgorithm)) {
    return refuse('CLIENT_CERTIFICATE_UNREADABLE', {
      why: `its key is of an unsupported kind, ${content.keyAlgorithm}`,
    })
  }
  const context = { certificateId: certificate.id, issuer: formatName(content.issuer) }
  const misuse = whyNotForClients(content)
  const issuer = await ports.authorities.issuerOf(content)
  if (issuer.found === 'issuer') {
    const refusal = judgeIssuer(admission, issuer.ca, ports)
    if (refusal !== undefined || misuse === undefined) return refusal
    return refuse('CERTIFICATE_KEY_USAGE', { ...context, why: misuse })
  }
  if (record !== undefined) return pending(admission, 'and no registered CA provisions it')
  const registeredAt = await ports.elsewhere.certificate(certificate.id)
  if (registeredAt !== undefined) return refuse('CERTIFICATE_ELSEWHERE', { ...context, where: registeredAt })
  const issuerAt = await ports.elsewhere.issuerOf(content)
  if (issuerAt !== undefined) return refuse('ISSUER_ELSEWHERE', { ...context, where: issuerAt })
  if (issuer.found === 'namesakes') return refuse('CERTIFICATE_SIGNATURE_INVALID', context)
  if (content.subjectHash !== content.issuerHash) return judgeUnknownIssuer(admission, context, ports)
  return refuse('CERTIFICATE_NOT_REGISTERED', { ...context, why: 'it is self-signed, so no CA can vouch for it' })
}

/** Says what stands above an issuer that is not registered, as far as the client has sent it. */
async function judgeUnknownIssuer(
  admission: Admission,
  context: AttemptCauseContext,
  { authorities }: AdmissionPorts,
): Promise<Refusal> {
  const sent = found(admission, 'presented').issuerSent()
  if (sent === undefined) return refuse('ISSUER_NOT_REGISTERED', { ...context, sent: 'no certificate of it' })
  const issuer = readContent(new ClientCertificate(found(admission, 'certificate').id, sent))
  if (!(issuer instanceof Certificate)) return refuse('ISSUER_NOT_REGISTERED', { ...context, sent: 'one unreadable' })
  const above = await authorities.issuerOf(issuer)
  if (above.found !== 'issuer') return refuse('ISSUER_NOT_REGISTERED', { ...context, sent: 'its certificate' })
  return refuse('CHAIN_INCOMPLETE', { ...context, caId: above.ca.id, caName: formatName(issuer.issuer) })
}

/** RFC 5280 §4.2.1.3 and §4.2.1.12: what is not said is allowed. */
function whyNotForClients({ keyUsage, extendedKeyUsage }: Certificate): string | undefined {
  if (keyUsage !== undefined && !keyUsage.includes('digitalSignature')) {
    return `its key usage is ${keyUsage.join(', ') || 'empty'}, without digitalSignature`
  }
  if (extendedKeyUsage === undefined || extendedKeyUsage.some((purpose) => CLIENT_PURPOSES.has(purpose)))
    return undefined
  return `its extended key usage is ${extendedKeyUsage.join(', ')}, without clientAuth`
}

function readContent(certificate: ClientCertificate): Certificate | Refusal {
  try {
    return certificate.content
  } catch (error) {
    if (!isFault(error, 'CERTIFICATE_UNREADABLE')) throw error
    return refuse('CLIENT_CERTIFICATE_UNREADABLE', { why: error.message })
  }
}

/** AWS IoT Core developer guide, X.509 client certificates: NIST curves, and RSA from 2048 bits on. */
function isAcceptedKey(algorithm: KeyAlgorithm): boolean {
  if (!algorithm.startsWith('rsa-')) return algorithm.startsWith('ec-')
  const bits = Number(algorithm.slice('rsa-'.length))
  return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX
}

function judgeIssuer(admission: Admission, ca: CaCertificateRecord, { clock }: AdmissionPorts): Refusal | undefined {
  const registration = ca.autoRegistration ? 'on' : 'off'
  admission.attempt.step('issuer', `registered CA ${ca.id}, ${ca.status}, auto-registration ${registration}`)
  const context = { certificateId: found(admission, 'certificate').id, caId: ca.id }
  const validity = `is valid only from ${iso(ca.notBefore)} until ${iso(ca.notAfter)}`
  const isValid = ca.notBefore <= clock.now() && clock.now() <= ca.notAfter
  if (ca.status !== 'ACTIVE') return refuse('ISSUER_INACTIVE', { ...context, why: 'is INACTIVE' })
  if (!isValid) return refuse('ISSUER_INACTIVE', { ...context, why: validity })
  if (!ca.autoRegistration) {
    return admission.record === undefined
      ? refuse('AUTO_REGISTRATION_OFF', context)
      : pending(admission, 'and its CA does not provision devices by itself')
  }
  admission.issuer = ca
  return undefined
}

/** Validity is judged here, not by OpenSSL, so that an attempt can say it. */
export function requireValidNow(admission: Admission, { clock }: AdmissionPorts): Refusal | undefined {
  const { notAfter, notBefore } = admission.record ?? found(admission, 'certificate').content
  const now = clock.now()
  const context = { certificateId: found(admission, 'certificate').id, now: iso(now) }
  if (now > notAfter) return refuse('CERTIFICATE_EXPIRED', { ...context, notAfter: iso(notAfter) })
  if (now < notBefore) return refuse('CERTIFICATE_NOT_YET_VALID', { ...context, notBefore: iso(notBefore) })
  return undefined
}

/** Mode SNI_ONLY binds a certificate to the endpoint's name (AWS IoT Core guide, multi-account registration). */
export function requireEndpointName(admission: Admission, { names, registry }: AdmissionPorts): Refusal | undefined {
  const mode = admission.record?.mode ?? admission.issuer?.mode
  if (mode !== 'SNI_ONLY') return undefined
  const { sni } = found(admission, 'presented')
  const certificateId = found(admission, 'certificate').id
  if (sni === undefined) return refuse('SNI_MISSING', { certificateId })
  const asked = names.scopeOf(sni)
  const { account, region } = registry.scope
  const isHere = asked?.account === account && asked.region === region
  return isHere ? undefined : refuse('SNI_FOREIGN', { certificateId, sni })
}

/** Lets registered certificates pass only while they are ACTIVE; the others were sent away before. */
export function requireActive(admission: Admission): Refusal | undefined {
  const { status } = found(admission, 'record')
  if (status === 'ACTIVE') return undefined
  if (status === 'PENDING_ACTIVATION') return pending(admission, 'and nothing has activated it')
  return refuse(STATUS_CAUSES[status], { certificateId: found(admission, 'certificate').id })
}

function pending(admission: Admission, why: string): Refusal {
  return refuse('CERTIFICATE_PENDING_ACTIVATION', { certificateId: found(admission, 'certificate').id, why })
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

/** Extended key usages that a TLS client may have. */
const CLIENT_PURPOSES: ReadonlySet<string> = new Set(['clientAuth', 'any'])

import { type Instant, isFault } from '@birthmark/foundation/kernel'
import { type Certificate, parseCertificate } from '@birthmark/foundation/x509'
import { AwsException } from '../exceptions.ts'

/**
 * Reads a certificate that is to be registered: it must be one certificate, in its validity period, with a key that is
 * strong enough (AWS IoT developer guide, X.509 client certificates).
 *
 * @throws `CertificateValidationException`
 */
export function readCertificate(pem: string, now: Instant): Certificate {
  const certificate = readAnyCertificate(pem)
  if (now < certificate.notBefore) throw notValid('The certificate is not yet valid.')
  if (now > certificate.notAfter) throw notValid('The certificate has expired.')
  if (!isStrong(certificate.keyAlgorithm)) {
    throw notValid('The key must be RSA of at least 2048 bits, or EC on P-256, P-384 or P-521.')
  }
  return certificate
}

/** Reads a certificate whose dates and key do not matter. @throws `CertificateValidationException` */
export function readAnyCertificate(pem: string): Certificate {
  try {
    return parseCertificate(pem)
  } catch (error) {
    if (!isFault(error, 'CERTIFICATE_UNREADABLE')) throw error
    throw notValid(`The certificate cannot be read: ${error.context['why']}.`)
  }
}

/** Makes the exception that says a certificate is not acceptable. */
export function notValid(message: string): AwsException {
  return new AwsException('CertificateValidationException', message)
}

function isStrong(algorithm: Certificate['keyAlgorithm']): boolean {
  if (algorithm.startsWith('rsa-')) return Number(algorithm.slice('rsa-'.length)) >= RSA_BITS_MIN
  return algorithm.startsWith('ec-')
}

/** AWS IoT developer guide, X.509 client certificates: RSA keys of at least 2048 bits. */
const RSA_BITS_MIN = 2048

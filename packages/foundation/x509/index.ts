/** X.509: names, certificates, requests, profiles, chains, and the port Signer. */
export { CERTIFICATE_BYTES_MAX, Certificate, parseCertificate, parseCertificates } from './certificate.ts'
export {
  CHAIN_LENGTH_MAX,
  type ChainPurpose,
  type ChainRequest,
  INTERMEDIATES_COUNT_MAX,
  SIGNATURE_CHECKS_MAX,
  VerifiedChain,
  verifyChain,
} from './chain.ts'
export {
  type CrlRequest,
  REVOCATION_REASONS,
  type RevocationReason,
  type RevokedCertificate,
  signCrl,
} from './crl.ts'
export {
  type AcceptedKeys,
  CSR_BYTES_MAX,
  type CsrRequest,
  createCsr,
  readUnverifiedCsr,
  VerifiedCsr,
  verifyCsr,
  verifyCsrAside,
} from './csr.ts'
export { readCsrChallenge } from './csr-challenge.ts'
export { KEY_USAGES, type KeyUsage, PURPOSES } from './extensions.ts'
export { X509_FAULTS, x509Fault } from './faults.ts'
export { ALTERNATIVE_NAMES_COUNT_MAX, type AlternativeName } from './general-name.ts'
export { checkHostName } from './host-name.ts'
export { Linted, newSerialNumber } from './linted.ts'
export { CERTIFICATE_LINTS, type IssueRequest, type Lint, REQUEST_LINTS } from './lints.ts'
export { type DistinguishedName, formatName, NAME_ATTRIBUTES_COUNT_MAX, type NameAttribute } from './name.ts'
export {
  isAboutIssuer,
  OCSP_CERTIFICATES_COUNT_MAX,
  OCSP_REQUEST_BYTES_MAX,
  type OcspCertificateId,
  type OcspHash,
  type OcspRequest,
  readOcspRequest,
} from './ocsp-request.ts'
export {
  type CertificateStatus,
  type OcspAnswer,
  type OcspErrorName,
  type OcspResponder,
  type OcspResponseRequest,
  ocspError,
  signOcspResponse,
} from './ocsp-response.ts'
export { fromPem, PEM_CHARACTERS_MAX, type PemLabel, toPem } from './pem.ts'
export { PKCS7_BYTES_MAX, readPkcs7Certificates } from './pkcs7.ts'
export { PKCS12_BYTES_MAX, type Pkcs12, readPkcs12 } from './pkcs12.ts'
export {
  type CertificateProfile,
  DEVICE,
  ENDPOINT,
  IDEVID,
  INTERMEDIATE_CA,
  ISSUING_CA,
  type KeyKind,
  NO_EXPIRATION,
  OCSP_RESPONDER,
  type ProfileExtension,
  ROOT_CA,
  VENDOR_DEVICE,
  VERIFICATION,
} from './profile.ts'
export { PROFILE_LINTS } from './profile-lints.ts'
export {
  type Curve,
  type KeyAlgorithm,
  pointFromSpki,
  RSA_BITS_MAX,
  RSA_BITS_MIN,
  spkiFromPoint,
} from './public-key.ts'
export { signatureAlgorithmOf, verifySignature } from './signature.ts'
export type { SignatureAlgorithm, Signer } from './signer.ts'
export { SoftwareSigner } from './software-signer.ts'

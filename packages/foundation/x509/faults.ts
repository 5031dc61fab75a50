import { faults, type Raise } from '../kernel/index.ts'

/** Everything that can go wrong with names, keys, certificates, requests and chains. */
export const X509_FAULTS = {
  CRL_REQUEST_REFUSED: {
    blame: 'caller',
    message: 'the revocation list was not made: {why}',
    remedy: 'Give an issuer that may sign lists, serial numbers in hex, each once, and an end after the beginning.',
    spec: 'RFC 5280 §5.1.2',
  },
  PEM_MALFORMED: {
    blame: 'peer',
    message: 'the PEM text is malformed: {why}',
    remedy: 'Send whole blocks, from -----BEGIN to -----END, with nothing but base64 between.',
    spec: 'RFC 7468 §3',
  },
  NAME_INVALID: {
    blame: 'caller',
    message: 'attribute {type} cannot be written into a name: {why}',
    remedy: 'Use a known short name or a dotted OID, and a value that its string type can hold.',
    spec: 'RFC 5280 §4.1.2.4 and Appendix A',
  },
  ALTERNATIVE_NAME_INVALID: {
    blame: 'caller',
    message: 'an alternative name of type {type} cannot be written: {why}',
    remedy: 'Give DNS names in ASCII (punycode), addresses in their usual text form, URIs and mail addresses in ASCII.',
    spec: 'RFC 5280 §4.2.1.6',
  },
  KEY_UNREADABLE: {
    blame: 'peer',
    message: 'the key cannot be read: {why}',
    remedy: 'Send a public key as a SubjectPublicKeyInfo in DER, a private key as encrypted PKCS#8 in PEM.',
    spec: 'RFC 5280 §4.1.2.7, RFC 5958 §3',
  },
  KEY_PASSPHRASE_WRONG: {
    blame: 'operator',
    message: 'the private key does not open with this passphrase',
    remedy: 'Check the passphrase; if it is right, the file is damaged: restore it from its backup.',
  },
  KEY_PASSPHRASE_EMPTY: {
    blame: 'operator',
    message: 'a private key cannot be stored under an empty passphrase',
    remedy: 'Choose a passphrase of at least one character, better a long one.',
  },
  PKCS12_UNREADABLE: {
    blame: 'peer',
    message: 'the PKCS#12 file cannot be read: {why}',
    remedy: "Write it again with 'openssl pkcs12 -export', or import key and certificate as PEM.",
    spec: 'RFC 7292 §4',
  },
  PKCS12_PASSPHRASE_WRONG: {
    blame: 'operator',
    message: 'the passphrase does not open the PKCS#12 file, or the file was changed',
    remedy: 'Give the passphrase that the file was exported with.',
    spec: 'RFC 7292 §5.1',
  },
  CERTIFICATE_UNREADABLE: {
    blame: 'peer',
    message: 'the certificate cannot be read: {why}',
    remedy: 'Send one X.509 certificate, as DER or as PEM.',
    spec: 'RFC 5280 §4.1',
  },
  PKCS7_UNREADABLE: {
    blame: 'peer',
    message: 'the PKCS#7 bundle cannot be read: {why}',
    remedy: 'Send a bundle of bare certificates in DER, as openssl crl2pkcs7 -nocrl writes it.',
    spec: 'RFC 5652 §5.1',
  },
  OCSP_REQUEST_UNREADABLE: {
    blame: 'peer',
    message: 'the OCSP request cannot be read: {why}',
    remedy: 'Send one OCSPRequest in DER.',
    spec: 'RFC 6960 §4.1.1',
  },
  CSR_UNREADABLE: {
    blame: 'peer',
    message: 'the certificate request cannot be read: {why}',
    remedy: 'Send one PKCS#10 request, as DER or as PEM.',
    spec: 'RFC 2986 §4',
  },
  CSR_SIGNATURE_INVALID: {
    blame: 'peer',
    message: 'the certificate request is not signed by the key that it names',
    remedy: 'Sign the request with the private half of its own public key, with SHA-256 or stronger.',
    spec: 'RFC 2986 §3',
  },
  CSR_KEY_UNSUPPORTED: {
    blame: 'peer',
    message: 'the certificate request holds a key of an unsupported kind ({keyAlgorithm})',
    remedy: 'Use an EC key on P-256, P-384 or P-521, or an RSA key of 2048 to 4096 bits.',
  },
  CERTIFICATE_LINT_FAILED: {
    blame: 'caller',
    message: 'the certificate would break the rule {rule}: {why}',
    remedy: 'Change the request, the profile or the issuer so that the named rule holds.',
    spec: 'RFC 5280 §4',
  },
  CERTIFICATE_ALREADY_SIGNED: {
    blame: 'caller',
    message: 'this certificate was handed to a signer before',
    remedy: 'Lint again with a fresh serial number: one serial number is one certificate.',
    spec: 'RFC 5280 §4.1.2.2',
  },
  SIGNER_MISMATCH: {
    blame: 'caller',
    message: 'the signer does not hold the key of the issuer',
    remedy: 'Sign with the key whose public half is in the issuer certificate, or in a self-signed certificate itself.',
  },
  SIGNER_SIGNATURE_INVALID: {
    blame: 'operator',
    message: 'the signer gave a signature that its public key does not verify',
    remedy: 'Stop using this key until its token, chip or file has been checked.',
  },
  CHAIN_INCOMPLETE: {
    blame: 'peer',
    message: 'the issuer of a certificate is neither sent nor trusted: {issuer}',
    remedy: 'Send the intermediate certificates along, or add the missing issuer to the trust anchors.',
    spec: 'RFC 5280 §6.1',
  },
  CHAIN_UNTRUSTED: {
    blame: 'peer',
    message: 'the chain ends at a self-signed certificate that is no trust anchor: {subject}',
    remedy: 'Add this root to the trust anchors, if it deserves it.',
    spec: 'RFC 5280 §6.1',
  },
  CHAIN_SEARCH_EXHAUSTED: {
    blame: 'peer',
    message: 'no path was found within {limit} {what}',
    remedy: 'Send only the intermediates that lead from the certificate to its root, each once.',
  },
  CERTIFICATE_EXPIRED: {
    blame: 'peer',
    message: 'the certificate of {subject} expired at {notAfter}',
    remedy: 'Renew the certificate, or set the clock of the machine that checks it.',
    spec: 'RFC 5280 §6.1.3 (a)(2)',
  },
  CERTIFICATE_NOT_YET_VALID: {
    blame: 'peer',
    message: 'the certificate of {subject} is valid only from {notBefore}',
    remedy: 'Set the clock of the machine that checks it, or wait.',
    spec: 'RFC 5280 §6.1.3 (a)(2)',
  },
  CERTIFICATE_NOT_A_CA: {
    blame: 'peer',
    message: 'the certificate of {subject} signed another one but may not',
    remedy: 'Use an issuer with CA:TRUE and, where key usage is present, keyCertSign.',
    spec: 'RFC 5280 §6.1.4 (k) and (n)',
  },
  NAME_NOT_PERMITTED: {
    blame: 'peer',
    message: 'the certificate of {subject} has {name}, which the CA {issuer} may not certify',
    remedy: 'Issue it from a CA whose name constraints hold that name, or leave the name out.',
    spec: 'RFC 5280 §4.2.1.10 and §6.1.3 (b) and (c)',
  },
  PATH_TOO_LONG: {
    blame: 'peer',
    message: 'more CAs stand below {subject} than its path length {pathLength} allows',
    remedy: 'Issue from a CA that stands directly below, or give the issuer a larger path length.',
    spec: 'RFC 5280 §6.1.4 (l) and (m)',
  },
  CERTIFICATE_WRONG_PURPOSE: {
    blame: 'peer',
    message: 'the certificate of {subject} is not meant for {purpose}',
    remedy: 'Use a certificate whose key usage and extended key usage include this purpose.',
    spec: 'RFC 5280 §4.2.1.3 and §4.2.1.12',
  },
  CRITICAL_EXTENSION_UNKNOWN: {
    blame: 'peer',
    message: 'the certificate of {subject} has a critical extension that is not understood: {oid}',
    remedy: 'Use a certificate without it: what is critical and not understood must be refused.',
    spec: 'RFC 5280 §4.2 and §6.1.4 (o)',
  },
  SIGNATURE_INVALID: {
    blame: 'peer',
    message: 'the signature on the certificate of {subject} is not its issuer’s',
    remedy: 'Use the certificate as its issuer made it, signed with SHA-256 or stronger.',
    spec: 'RFC 5280 §6.1.3 (a)(1)',
  },
  HOST_NAME_MISMATCH: {
    blame: 'peer',
    message: 'the certificate is not for the host {host}',
    remedy: 'Connect by a name in the subject alternative name of the certificate, or reissue it with this name.',
    spec: 'RFC 9525 §6',
  },
} as const

/** Raises one of {@link X509_FAULTS}. */
export const x509Fault: Raise<typeof X509_FAULTS> = faults(X509_FAULTS)

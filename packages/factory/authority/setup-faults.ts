import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What can go wrong while an authority is set up: its keys, its certificates, its profiles. */
export const SETUP_FAULTS = {
  KEY_URI_INVALID: {
    blame: 'operator',
    message: 'the PKCS#11 URI cannot be used: {why}',
    remedy:
      "Write it as 'pkcs11:token=LABEL;object=LABEL?module-path=FILE&pin-source=FILE', special characters as %XX.",
    spec: 'RFC 7512 §2.3',
  },
  KEY_ALGORITHM_NOT_ALLOWED: {
    blame: 'operator',
    message: 'a key of the kind {algorithm} was asked for, and this authority does not allow it',
    remedy: 'Choose P-256 or P-384, or allow ML-DSA-65 for the whole authority when it is made (--allow-ml-dsa).',
    spec: 'RFC 9881 §2',
  },
  AUTHORITY_PASSPHRASE_MISSING: {
    blame: 'operator',
    message: 'a key in {folder} is encrypted, and no passphrase was given',
    remedy: 'Give the passphrase that the authority was created with; a new one needs one of your choice.',
  },
  CA_REQUEST_MISSING: {
    blame: 'operator',
    message: 'no certificate is awaited in {folder}',
    remedy: "Make the key and its request first ('birthmark ca request'), or name the folder where that was done.",
  },
  CA_CERTIFICATE_AWAITED: {
    blame: 'operator',
    message: 'the CA in {folder} waits for its certificate, and signs nothing before',
    remedy: "Take the certificate that came back for its request ('birthmark ca accept'), then ask again.",
  },
  CA_CERTIFICATE_REFUSED: {
    blame: 'operator',
    message: 'the CA certificate cannot be taken: {why}',
    remedy: 'Nothing was changed. Ask whoever signed it for the right certificate and all issuers up to the root.',
    spec: 'RFC 5280 §6.1',
  },
  KNOWN_SERIALS_UNREADABLE: {
    blame: 'operator',
    message: 'line {line} of the known serial numbers cannot be read: {why}',
    remedy: 'Give one serial number in hex per line, the index.txt of openssl ca, or certificates in PEM.',
  },
  PROFILE_INVALID: {
    blame: 'operator',
    message: 'the profile cannot be used: {problems}',
    remedy: 'Correct every point named here; docs/reference/profiles.md describes the file. Nothing was signed.',
  },
  PROFILE_UNKNOWN: {
    blame: 'caller',
    message: 'this authority has no profile {profile}',
    remedy: "Use a built-in profile, or add the file to the authority first ('birthmark ca profile add').",
  },
  PROFILE_VALUE_MISSING: {
    blame: 'caller',
    message: 'the profile {profile} writes {placeholder} into the subject, and the request has no such value',
    remedy: 'Put the attribute into the CSR, or issue under a work order where the profile needs its values.',
  },
  SETTINGS_INVALID: {
    blame: 'operator',
    message: 'the settings {path} cannot be used: {problems}',
    remedy: 'Correct every point named here, as docs/guides/authority.md describes them.',
  },
  EXTERNAL_CA_FAILED: {
    blame: 'operator',
    message: 'the CA elsewhere did not sign: {where}: {why}',
    remedy: 'Mend what it says there and ask again; with an idempotency key, or under an order, that is safe.',
  },
  EXTERNAL_CA_SILENT: {
    blame: 'operator',
    message: 'the CA elsewhere gave no answer within {seconds} seconds: {where}',
    remedy: 'It may have signed. Look there for a certificate that nobody has, and ask again.',
  },
  EXTERNAL_CERTIFICATE_REFUSED: {
    blame: 'operator',
    message: 'the CA elsewhere signed something else than was asked for: {why}',
    remedy: 'Set up its template after the profile, and revoke there what it signed.',
  },
  EXTERNAL_CA_ELSEWHERE: {
    blame: 'caller',
    message: 'the CA of this authority is elsewhere, and so are {what}',
    remedy: 'Ask that CA; this authority keeps orders, limits and the record of what was issued.',
  },
  CEREMONY_SCRIPT_INVALID: {
    blame: 'operator',
    message: 'the script of the ceremony cannot be used: {problems}',
    remedy: 'Correct every point named here; nothing was made.',
  },
  CEREMONY_TRANSCRIPT_EXISTS: {
    blame: 'operator',
    message: 'there is a transcript in {path} already',
    remedy: 'Name another file: a ceremony has a transcript of its own and never goes on in an earlier one.',
  },
  CEREMONY_BROKEN_OFF: {
    blame: 'operator',
    message: 'the ceremony was broken off at step {step}: {what}',
    remedy: 'What was made before stays and is in the transcript; write a script for the steps that are left.',
  },
  CEREMONY_TRANSCRIPT_REFUSED: {
    blame: 'operator',
    message: 'the transcript does not verify, from line {line} on: {why}',
    remedy: 'Do not trust what it says; ask those who were present for their copy.',
  },
  PROOF_FILE_INVALID: {
    blame: 'operator',
    message: 'the file of the proof cannot be used: {problems}',
    remedy: "Ask for the file again, as 'birthmark ca register ask' and 'birthmark ca prove' write it.",
  },
  AUTHORITY_PURPOSE_OTHER: {
    blame: 'caller',
    message: 'this authority signs {signs}, and a certificate of the profile {profile} was asked for',
    remedy: 'Ask an issuing CA for devices and endpoints, and a root or an intermediate for CAs.',
  },
  AUTHORITY_USED_UP: {
    blame: 'caller',
    message: 'this issuing CA may sign {limit} certificates, and all of them were signed',
    remedy: 'Ask whoever set the limit for another issuing CA, or to raise it in the settings of this one.',
  },
} as const
export const setupFault: Raise<typeof SETUP_FAULTS> = faults(SETUP_FAULTS)

import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What can go wrong between a TPM, the device around it and who enrols that device. */
export const TPM_FAULTS = {
  TPM_STRUCTURE_INVALID: {
    blame: 'peer',
    message: 'the bytes are no {what}: {why}',
    remedy: 'Send the structure as the TPM gave it, whole and without anything behind it.',
    spec: 'TPM 2.0 Library, Part 2',
  },
  TPM_DOCUMENT_INVALID: {
    blame: 'peer',
    message: 'this is no {what}: {why}',
    remedy: 'Send the document as the other side wrote it.',
  },
  TPM_COMMAND_REFUSED: {
    blame: 'operator',
    message: 'the TPM refused TPM2_{command} with {code} ({name})',
    remedy: 'Look the name up in docs/reference/tpm.md, or with `tpm2_rc_decode {code}`.',
    spec: 'TPM 2.0 Library, Part 2, §6.6',
  },
  TPM_UNREACHABLE: {
    blame: 'operator',
    message: 'no TPM answers at {target}: {why}',
    remedy: 'Name /dev/tpmrm0 (this user must be in the group tss), or the socket or port that swtpm listens on.',
  },
  TPM_GONE: {
    blame: 'operator',
    message: 'the connection to the TPM ended: {why}',
    remedy: 'Connect again; what was loaded into the TPM is lost, its keys are not.',
  },
  TPM_SILENT: {
    blame: 'operator',
    message: 'the TPM gave no answer within {seconds} s',
    remedy: 'See that no other program holds it: swtpm serves one at a time. Then connect again.',
  },
  TPM_EK_CERTIFICATE_ABSENT: {
    blame: 'operator',
    message: 'the TPM holds no endorsement certificate where the TCG puts them',
    remedy: 'Use a TPM whose maker certified it; some makers serve the certificate on the web instead.',
    spec: 'TCG EK Credential Profile for TPM Family 2.0, §2.2.1.4',
  },
  TPM_EK_ABSENT: {
    blame: 'operator',
    message: 'no key of the TPM belongs to its endorsement certificate of kind {kind}',
    remedy: 'Ask for another kind of endorsement key, or make the key persistent with the template of the TPM’s maker.',
  },
  TPM_EK_MISMATCH: {
    blame: 'peer',
    message: 'the endorsement key is not the one that its certificate names',
    remedy: 'Send the certificate and the key of the same TPM.',
  },
  TPM_EK_UNSUITABLE: {
    blame: 'peer',
    message: 'the endorsement key cannot receive a secret: {why}',
    remedy: 'Use the key that the TPM’s maker certified, made from a template of the TCG’s profile.',
    spec: 'TCG EK Credential Profile for TPM Family 2.0, Annex B',
  },
  TPM_AK_UNSUITABLE: {
    blame: 'peer',
    message: 'what this attestation key signs proves nothing: {why}',
    remedy: 'Make a restricted signing key inside the TPM, and send its public area as the TPM gave it.',
    spec: 'TPM 2.0 Library, Part 1, §25.1 and Part 2, §8.3',
  },
  TPM_KEY_UNSUITABLE: {
    blame: 'peer',
    message: 'the device key is not one that was made in its TPM and stays there: {why}',
    remedy: 'Make the key inside the TPM, with fixedTPM, fixedParent and sensitiveDataOrigin, for signatures.',
    spec: 'TPM 2.0 Library, Part 2, §8.3',
  },
  TPM_CREDENTIAL_REFUSED: {
    blame: 'peer',
    message: 'the secret in the challenge is not meant for this TPM and its attestation key',
    remedy: 'Answer the challenge on the TPM that made the offer; after a TPM was cleared, make a new offer.',
    spec: 'TPM 2.0 Library, Part 1, §24',
  },
  TPM_SECRET_WRONG: {
    blame: 'peer',
    message: 'the secret of the challenge did not come back: the attestation key was not in the certified TPM',
    remedy: 'Answer the challenge with the TPM that made the offer.',
    spec: 'TPM 2.0 Library, Part 1, §24',
  },
  TPM_CHALLENGE_UNKNOWN: {
    blame: 'peer',
    message: 'no challenge with this nonce waits for an answer: it was answered before, has expired, or never was',
    remedy: 'Make an offer again, and answer the challenge that comes back once.',
  },
  TPM_CHALLENGE_EXPIRED: {
    blame: 'peer',
    message: 'the challenge was to be answered by {validUntil}',
    remedy: 'Make an offer again, and answer sooner.',
  },
  TPM_CHALLENGES_CROWDED: {
    blame: 'busy',
    message: '{count} challenges wait for an answer already',
    remedy: 'Try again in a few minutes.',
  },
  TPM_ATTEST_SIGNATURE_WRONG: {
    blame: 'peer',
    message: 'the attestation was not signed by the attestation key, or was altered since',
    remedy: 'Send attestation, signature and key as the TPM gave them.',
    spec: 'TPM 2.0 Library, Part 3, §18.2',
  },
  TPM_ATTEST_KIND_WRONG: {
    blame: 'peer',
    message: 'the attestation is a {found}, not a {wanted}',
    remedy: 'Use TPM2_Certify for a key and TPM2_Quote for the state of the platform.',
    spec: 'TPM 2.0 Library, Part 2, §10.12',
  },
  TPM_ATTEST_NONCE_WRONG: {
    blame: 'peer',
    message: 'the attestation was not made for this challenge: its nonce is another one',
    remedy: 'Pass the nonce of the challenge as qualifying data; an attestation serves once.',
  },
  TPM_ATTEST_NAME_WRONG: {
    blame: 'peer',
    message: 'the attestation is about another key than the one sent with it',
    remedy: 'Send the public area of the key that was certified, as the TPM gave it.',
    spec: 'TPM 2.0 Library, Part 1, §16',
  },
  TPM_STORE_UNUSABLE: {
    blame: 'operator',
    message: 'the store of tpm2-pkcs11 at {path} cannot be used: {why}',
    remedy: 'Name the folder that TPM2_PKCS11_STORE names for the module, and a token in it.',
  },
  TPM_TOKEN_PIN_WRONG: {
    blame: 'operator',
    message: 'the TPM did not open the token with this PIN',
    remedy: 'Check the PIN; each wrong one counts towards the TPM’s lockout.',
  },
} as const
export const tpmFault: Raise<typeof TPM_FAULTS> = faults(TPM_FAULTS)

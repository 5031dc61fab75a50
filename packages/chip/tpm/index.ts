/**
 * TPM 2.0 without I/O: which TPM a device has, and that its key lives in there. The device's side, the enroller's side,
 * and the documents between them. Transports, OpenSSL's arithmetic, certificate chains and tpm2-pkcs11's keys are in
 * `@birthmark/chip/tpm/adapters`.
 */
export type { TpmCurve, TpmHash, TpmScheme } from './algorithms.ts'
export {
  type PcrSelection,
  parseAttest,
  parseSignature,
  type TpmAttest,
  type TpmClock,
  type TpmSignature,
  type TpmStatement,
} from './attest.ts'
export { CHALLENGES_COUNT_MAX, PendingChallenges } from './challenges.ts'
export { type Authorization, COMMAND_BYTES_MAX } from './command.ts'
export { type Credential, makeCredential } from './credential.ts'
export type { Agreement, SignatureCheck, TpmCrypto } from './crypto.ts'
export {
  answerChallenge,
  type Endorsement,
  type EndorsementOptions,
  makeOffer,
  readEndorsements,
  type WrappedKey,
} from './device.ts'
export {
  bytesOf,
  type PendingChallenge,
  parseChallenge,
  parseOffer,
  parsePending,
  parseProof,
  type TpmChallenge,
  type TpmOffer,
  type TpmProof,
} from './documents.ts'
export { TPM_FAULTS, tpmFault } from './faults.ts'
export { nameOf, parsePublic, spkiOf, type TpmPublic, type TpmPublicKey } from './public-area.ts'
export type { EndorsementKind } from './templates.ts'
export { type ActivateRequest, type CertifyRequest, Tpm, type TpmProperties, type TpmTransport } from './tpm.ts'
export {
  AttestedKey,
  CHALLENGE_LIFE,
  makeChallenge,
  type Quote,
  type SignedAttest,
  verifyProof,
  verifyQuote,
} from './verifier.ts'

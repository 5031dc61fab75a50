/** Root and issuing CA, keys behind Signer, the issuance journal, and the socket that the cloud asks over. */
export { Authority, type KnownCertificate } from './authority.ts'
export { BUILT_IN } from './built-in-profiles.ts'
export {
  acceptCertificate,
  type ForeignAuthority,
  importAuthority,
  requestCertificate,
} from './ca-exchange.ts'
export { type CeremonyOptions, runCeremony } from './ceremony.ts'
export type { CeremonyFacts, CeremonyRecord } from './ceremony-records.ts'
export { type VerifiedCeremony, verifyCeremony } from './ceremony-verify.ts'
export { type CreatedAuthority, createAuthority, type NewAuthority } from './create.ts'
export type { IssueRequest } from './decide.ts'
export { EXTERNAL_CALLS_COUNT_MAX } from './external-ca.ts'
export { EXTERNAL_ANSWER_BYTES_MAX } from './external-call.ts'
export type { ExternalSettings } from './external-settings.ts'
export { plugAuthority } from './external-setup.ts'
export { AUTHORITY_FAULTS } from './faults.ts'
export { type Distribution, type IssuedProfile, type IssueIntent, REVOCATION_REASON_NAMES } from './journal-records.ts'
export { keptKeyUri } from './key-uri.ts'
export type { KeyChoice } from './keys.ts'
export { KNOWN_SERIALS_COUNT_MAX, parseKnownSerials } from './known-serials.ts'
export { listenPrivately } from './listen.ts'
export { makeResponder, type OpenedResponder, openResponder } from './ocsp-folder.ts'
export { StatusIndex } from './ocsp-index.ts'
export { StatusResponder } from './ocsp-responder.ts'
export { type StatusServer, type StatusServerOptions, serveStatus } from './ocsp-server.ts'
export { type AuthorityOptions, openAuthority } from './open.ts'
export { CheckedProfile } from './profile-file.ts'
export { type SampleFinding, sampleFindings } from './profile-sample.ts'
export { addProfile, readProfiles } from './profile-store.ts'
export { parseProof, parseProofRequest, writeProof, writeProofRequest } from './proof-files.ts'
export {
  type KeepPublishedOptions,
  type KeptLists,
  keepPublished,
  type PublishedLists,
  type PublishOptions,
  publishLists,
} from './revocation-folder.ts'
export { RevocationLists } from './revocation-lists.ts'
export { writeAccount } from './sealed/account.ts'
export { type SealedAccount, SealedBook, type SealedState } from './sealed/book.ts'
export { SEALED_FAULTS } from './sealed/faults.ts'
export { type SealRequest, sealCa } from './sealed/grant.ts'
export { reconcileSealed } from './sealed/reconcile.ts'
export {
  type AuthorityServer,
  type AuthorityServerOptions,
  CONNECTION_COUNT_MAX,
  IN_FLIGHT_COUNT_MAX,
  serveAuthority,
} from './serve.ts'
export type { AuthoritySettings } from './settings.ts'
export { SETUP_FAULTS } from './setup-faults.ts'
export { REQUEST_LINE_BYTES_MAX } from './socket-protocol.ts'
export { STATUS_FAULTS } from './status-faults.ts'

/** Root and issuing CA, keys behind Signer, the issuance journal, and the socket that the cloud asks over. */
export { Authority } from './authority.ts'
export { type CreatedAuthority, createAuthority, type NewAuthority } from './create.ts'
export type { IssueRequest } from './decide.ts'
export { AUTHORITY_FAULTS } from './faults.ts'
export { type IssuedProfile, type IssueIntent, REVOCATION_REASON_NAMES } from './journal-records.ts'
export { type AuthorityOptions, openAuthority } from './open.ts'
export {
  type AuthorityServer,
  type AuthorityServerOptions,
  CONNECTION_COUNT_MAX,
  IN_FLIGHT_COUNT_MAX,
  serveAuthority,
} from './serve.ts'
export { REQUEST_LINE_BYTES_MAX } from './socket-protocol.ts'

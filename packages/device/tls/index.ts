/** A TLS client whose private key is in a chip: a machine without I/O, and a stream over a transport. */
export type { AlertName } from './alert.ts'
export { CLOSE_TIMEOUT, RECORDS_WITHOUT_DATA_MAX, TlsClient } from './client.ts'
export { connectTls } from './connect-tls.ts'
export { alertFor, TLS_FAULTS } from './faults.ts'
export { HANDSHAKE_MESSAGE_BYTES_MAX } from './handshake-message.ts'
export type { Negotiated, TlsEffect, TlsInput } from './input-effect.ts'
export type { GroupName } from './key-exchange.ts'
export {
  ALPN_BYTES_MAX,
  type ClientIdentity,
  HANDSHAKE_TIMEOUT,
  RECORDS_PER_KEY_MAX,
  type TlsClientOptions,
} from './options.ts'
export { CONTENT_BYTES_MAX } from './record.ts'
export { CHAIN_CERTIFICATES_MAX } from './server-certificate.ts'
export { RSA_MODULUS_BITS_MIN, type SchemeName } from './signature-scheme.ts'
export { type ClientEvent, type ClientState, TRANSITIONS } from './states.ts'
export { TlsStream, type TlsStreamOptions, TRANSPORT_LINGER } from './tls-stream.ts'
export type { TlsVersion } from './version.ts'

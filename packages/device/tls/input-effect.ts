import type { Fault } from '@birthmark/foundation/kernel'
import type { Certificate } from '@birthmark/foundation/x509'
import type { SchemeName } from './signature-scheme.ts'
import type { TlsVersion } from './version.ts'

/** What happens to a TLS client. */
export type TlsInput =
  /** The transport is open. */
  | { readonly on: 'start' }
  /** From the server. While a signature is awaited they only pile up: a driver rests its transport meanwhile. */
  | { readonly on: 'bytes'; readonly bytes: Uint8Array }
  /** Application data to send. */
  | { readonly on: 'data'; readonly bytes: Uint8Array }
  /** The signature that the effect `sign` asked for. */
  | { readonly on: 'signature'; readonly signature: Uint8Array }
  | { readonly on: 'signing-failed'; readonly cause: unknown }
  /** Nothing more will be sent. */
  | { readonly on: 'close' }
  /** The peer closed the transport: nothing more will arrive. */
  | { readonly on: 'transport-closed' }

/** What was agreed with the server. */
export interface Negotiated {
  readonly version: TlsVersion
  /** The application protocol that the server chose; `undefined` when it chose none. */
  readonly alpn: string | undefined
  readonly serverCertificate: Certificate
}

/** What the outside world has to do for a TLS client. */
export type TlsEffect =
  | { readonly do: 'send'; readonly bytes: Uint8Array }
  /** Sign `message`, hash included, with the client's key, and give the DER signature back as an input. */
  | { readonly do: 'sign'; readonly scheme: SchemeName; readonly message: Uint8Array }
  | ({ readonly do: 'connected' } & Negotiated)
  | { readonly do: 'deliver'; readonly bytes: Uint8Array }
  /** The server has sent all its data and said so. */
  | { readonly do: 'end' }
  /** Nothing follows; `cause` is `undefined` when both sides closed in order. */
  | { readonly do: 'closed'; readonly cause: Fault | undefined }

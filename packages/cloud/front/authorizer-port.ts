import type { Scope } from '@birthmark/cloud/registry'

/** Lets clients in that show no certificate, by what they say of themselves (AWS IoT Core, custom authentication). */
export interface AuthorizerPort {
  /** Tells whether an account and region has an authorizer that is ACTIVE. */
  isThere(scope: Scope): Promise<boolean>
  /** Chooses the authorizer that a client asks for, and asks it. Must not reject. */
  authorize(scope: Scope, credentials: AuthorizerCredentials): Promise<AuthorizerVerdict>
}

/** What a client says of itself. Secrets: they go to the authorizer's function and nowhere else. */
export interface AuthorizerCredentials {
  /** The attempt of the connection, a UUID. */
  readonly connectionId: string
  /** SNI; absent when the client sent none. */
  readonly serverName?: string
  /** The request, or the one that opened the WebSocket; absent for MQTT over TLS. */
  readonly http?: {
    /** Names in lower case. */
    readonly headers: Readonly<Record<string, string>>
    /** With its question mark; empty without a query. */
    readonly queryString: string
  }
  /** What the CONNECT said; absent for a request over HTTP. */
  readonly mqtt?: {
    readonly username?: string
    /** Base64. */
    readonly password?: string
    readonly clientId: string
  }
}

/** What an authorizer has decided. */
export type AuthorizerVerdict =
  | { readonly ok: true; readonly grant: AuthorizerGrant }
  | { readonly ok: false; readonly code: AuthorizerRefusal; readonly why: string }

/** Causes of a refusal, codes of attempts. */
export type AuthorizerRefusal =
  | 'AUTHORIZER_UNKNOWN'
  | 'AUTHORIZER_INACTIVE'
  | 'AUTHORIZER_SIGNATURE_REFUSED'
  | 'AUTHORIZER_REFUSED'
  | 'AUTHORIZER_FAILED'

/** What a client may do, and for how long. */
export interface AuthorizerGrant {
  /** The authorizer's name. */
  readonly authorizer: string
  /** Whether the client's token was signed, and the signature holds. */
  readonly isSigned: boolean
  /** 1 to 128 letters and digits. */
  readonly principalId: string
  /** JSON, each a policy that can be parsed. */
  readonly policies: readonly string[]
  /** Seconds after which the connection ends. */
  readonly disconnectAfter: number
  /** Seconds after which the authorizer is asked again. */
  readonly refreshAfter: number
  /** Whether it holds for the next requests over HTTP on the same connection too. */
  readonly isCachedForHttp: boolean
}

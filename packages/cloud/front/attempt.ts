import type { Scope } from '@birthmark/cloud/registry'
import type { Instant, Millis } from '@birthmark/foundation/kernel'

/** One inbound connection, with every step it went through and the reason it ended. */
export interface Attempt {
  /** UUID. */
  readonly id: string
  readonly startedAt: Instant
  readonly remoteAddress: string
  readonly listener: 'mqtt' | 'https' | 'mqtt-plain'
  /** Where the client belongs by the server name that it sent; the server's own while that is not known. */
  readonly account: string
  readonly region: string
  /** What the client showed, as soon as it is known. */
  readonly sni: string | undefined
  readonly alpn: string | undefined
  readonly tlsVersion: string | undefined
  readonly certificateId: string | undefined
  readonly clientId: string | undefined
  readonly steps: readonly AttemptStep[]
  /** `open` while it lives; `refused` when it never became a session; `ended` afterwards. */
  readonly outcome: 'open' | 'refused' | 'ended'
  /** The first cause of a refusal, or of an end that the client did not ask for. */
  readonly cause: AttemptCause | undefined
}

/** One thing that happened, and when. */
export interface AttemptStep {
  /** Since {@link Attempt.startedAt}. */
  readonly after: Millis
  readonly step: AttemptStepName
  /** For people: what was seen, without secrets. */
  readonly detail: string
}

/** What a step was about, in the order in which a connection comes to it. */
export type AttemptStepName = (typeof STEP_NAMES)[number]

const STEP_NAMES = [
  'tls',
  'client-certificate',
  'issuer',
  'http',
  'connect',
  'provisioning',
  'certificate-status',
  'authorizer',
  'policy',
  'session',
  'publish',
  'subscribe',
  'end',
] as const

/** Tells whether `name` is the name of a step. */
export function isAttemptStepName(name: string): name is AttemptStepName {
  return STEP_NAMES.some((each) => each === name)
}

/** Why a connection was refused or ended, and what to do about it. */
export interface AttemptCause {
  /** Stable, for machines; listed in `docs/reference/attempts.md`. */
  readonly code: AttemptCauseCode
  /** One sentence: what was tried and what stood against it, with the proof (certificate, statement, template line). */
  readonly reason: string
  /** One sentence: what to do next. */
  readonly remedy: string
}

/** The causes; `docs/reference/attempts.md` has a sentence and a remedy for each. */
export type AttemptCauseCode =
  | 'TLS_EXPECTED'
  | 'TLS_VERSION_UNSUPPORTED'
  | 'TLS_CIPHER_UNSUPPORTED'
  | 'ALPN_UNKNOWN'
  | 'ENDPOINT_NOT_TRUSTED'
  | 'PROOF_OF_POSSESSION_FAILED'
  | 'TLS_HANDSHAKE_FAILED'
  | 'TLS_HANDSHAKE_TIMEOUT'
  | 'NO_CLIENT_CERTIFICATE'
  | 'AUTHORIZER_UNKNOWN'
  | 'AUTHORIZER_INACTIVE'
  | 'AUTHORIZER_SIGNATURE_REFUSED'
  | 'AUTHORIZER_REFUSED'
  | 'AUTHORIZER_FAILED'
  | 'AUTHORIZATION_EXPIRED'
  | 'SIGNATURE_REFUSED'
  | 'CLIENT_CERTIFICATE_UNREADABLE'
  | 'ISSUER_NOT_REGISTERED'
  | 'CHAIN_INCOMPLETE'
  | 'ISSUER_ELSEWHERE'
  | 'ISSUER_INACTIVE'
  | 'AUTO_REGISTRATION_OFF'
  | 'CERTIFICATE_SIGNATURE_INVALID'
  | 'CERTIFICATE_EXPIRED'
  | 'CERTIFICATE_NOT_YET_VALID'
  | 'CERTIFICATE_KEY_USAGE'
  | 'CERTIFICATE_NOT_REGISTERED'
  | 'CERTIFICATE_ELSEWHERE'
  | 'CERTIFICATE_INACTIVE'
  | 'CERTIFICATE_REVOKED'
  | 'CERTIFICATE_PENDING_ACTIVATION'
  | 'CERTIFICATE_PENDING_TRANSFER'
  | 'SNI_MISSING'
  | 'SNI_FOREIGN'
  | 'PROVISIONED_FIRST_CONNECTION'
  | 'PROVISIONING_FAILED'
  | 'TEMPLATE_INVALID'
  | 'PARAMETER_MISSING'
  | 'PROVISIONING_REQUEST_INVALID'
  | 'CLAIM_OUTSIDE_ALLOW_LIST'
  | 'CLAIM_EXHAUSTED'
  | 'CLAIM_BRAKED'
  | 'THING_TAKEN'
  | 'OWNERSHIP_TOKEN_EXPIRED'
  | 'OWNERSHIP_TOKEN_INVALID'
  | 'HOOK_REFUSED'
  | 'HOOK_SLOW'
  | 'HOOK_FAILED'
  | 'REGISTERED_PENDING_ACTIVATION'
  | 'CONNECT_EXPECTED'
  | 'CONNECT_TIMEOUT'
  | 'CONNECT_PROTOCOL_VERSION'
  | 'CLIENT_ID_INVALID'
  | 'CLIENT_ID_TOO_FAST'
  | 'CLIENT_ID_TAKEN_OVER'
  | 'CONNECTION_DELETED'
  | 'POLICY_DENIED_CONNECT'
  | 'POLICY_DENIED_PUBLISH'
  | 'POLICY_DENIED_SUBSCRIBE'
  | 'POLICY_DENIED_REQUEST'
  | 'NO_POLICY_ATTACHED'
  | 'HTTP_EXPECTED'
  | 'HTTP_REQUEST_REFUSED'
  | 'HTTP_REQUEST_TIMEOUT'
  | 'WEBSOCKET_REFUSED'
  | 'WEBSOCKET_EXPIRED'
  | 'MQTT_PROTOCOL_ERROR'
  | 'MQTT_LIMIT_REACHED'
  | 'MQTT_FEATURE_UNSUPPORTED'
  | 'KEEP_ALIVE_TIMEOUT'
  | 'CONNECTION_LOST'
  | 'SERVER_SHUTTING_DOWN'
  | 'SERVER_ERROR'

/** Which attempts are wanted; every member narrows. */
export interface AttemptFilter {
  readonly scope?: Scope
  readonly certificateId?: string
  readonly clientId?: string
  readonly outcome?: Attempt['outcome']
  /** At most this many, newest first; 1 to 1000. */
  readonly limit?: number
}

/** The attempts of this process, newest first; bounded in number. */
export interface AttemptSource {
  list(filter: AttemptFilter): readonly Attempt[]
}

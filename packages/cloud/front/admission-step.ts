import type { Bus } from '@birthmark/cloud/bus'
import type { AcceptedConnect, BrokerProfile, Connect } from '@birthmark/cloud/mqtt'
import type { TemplateCache } from '@birthmark/cloud/provisioning'
import type { CaCertificateRecord, CertificateRecord, ScopedRegistry } from '@birthmark/cloud/registry'
import type { Clock, Entropy, Log } from '@birthmark/foundation/kernel'
import type { AttemptCause, AttemptCauseCode } from './attempt.ts'
import { type AttemptCauseContext, attemptCause } from './attempt-causes.ts'
import type { AttemptRecord } from './attempt-log.ts'
import type { Authorities } from './authorities.ts'
import type { AuthorizedClient } from './authorized-client.ts'
import type { AuthorizerCredentials, AuthorizerPort } from './authorizer-port.ts'
import type { ClientCertificate } from './client-certificate.ts'
import type { ConnectRates } from './connect-rates.ts'
import type { Elsewhere } from './elsewhere.ts'
import { frontFault } from './faults.ts'
import type { EndpointNames } from './front-options.ts'
import type { BoundIdentity, Identities } from './identity.ts'
import type { KeyReads, SignedKey } from './key-identity.ts'
import type { PresencePort } from './presence.ts'

/** Judges one thing: gives a refusal, or notes in the admission what it found and lets the next step go on. */
export type AdmissionStep = (
  admission: Admission,
  ports: AdmissionPorts,
) => Promise<Refusal | undefined> | Refusal | undefined

/** Why a client is not let in. */
export interface Refusal {
  readonly cause: AttemptCause
  /** The encoded CONNACK that tells the client; without one the connection is just closed. */
  readonly answer: Uint8Array | undefined
}

/** What admission needs from outside. */
export interface AdmissionPorts {
  readonly registry: ScopedRegistry
  readonly identities: Identities
  readonly keys: KeyReads
  readonly authorities: Authorities
  /** Absent where no custom authorizer is asked. */
  readonly authorizers: AuthorizerPort | undefined
  readonly names: EndpointNames
  readonly elsewhere: Elsewhere
  /** How often each client identifier is let in, and the rate. */
  readonly connectRates: ConnectRates
  readonly connectsPerSecond: number
  readonly profile: BrokerProfile
  /** What a 3.1.1 client sees when its policy denies iot:Connect: nothing (AWS IoT) or CONNACK 5. */
  readonly deniedConnect: 'close' | 'connack'
  /** Whether a device that its first connection has provisioned is let in, or connects again (AWS IoT). */
  readonly firstConnection: 'close' | 'inline'
  /** What becomes of a certificate of the thing that has the same key as a new one. */
  readonly sameKey: 'add' | 'replace'
  readonly bus: Bus
  readonly presence: PresencePort
  readonly templates: TemplateCache
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
}

/** What a client showed during its TLS handshake. */
export interface Presented {
  readonly sni: string | undefined
  readonly alpn: string | undefined
  readonly certificate: ClientCertificate | undefined
  /** The access key that signed the request of its WebSocket; then its certificate, if any, counts for nothing. */
  readonly signedBy?: SignedKey
  /** Whether it asks to be judged by a custom authorizer (AWS IoT Core developer guide, custom authentication). */
  readonly asksAuthorizer?: boolean
  /** The request that opened its WebSocket, when it asks for an authorizer by one. */
  readonly request?: NonNullable<AuthorizerCredentials['http']>
  /** Gives the certificate of the issuer, DER, if the client sent it along; asked only to explain a refusal. */
  readonly issuerSent: () => Uint8Array | undefined
}

/** One admission on its way: what the client showed, and what the steps so far have found. */
export interface Admission {
  readonly attempt: AttemptRecord
  /** Absent on the listener without TLS. */
  readonly presented: Presented | undefined
  readonly remoteAddress: string
  /** Absent for a request over HTTP, which has none. */
  readonly connect: Connect | undefined
  certificate?: ClientCertificate
  /** The certificate as the registry knows it; absent when it does not. */
  record?: CertificateRecord
  /** The registered CA that may bring the certificate into the registry. */
  issuer?: CaCertificateRecord
  accepted?: AcceptedConnect
  /** Whom a custom authorizer let in. */
  authorized?: AuthorizedClient
  identity?: BoundIdentity
}

/** Makes a refusal without an answer: the way in which AWS IoT turns certificates down. */
export function refuse(code: AttemptCauseCode, context: AttemptCauseContext = {}): Refusal {
  return { cause: attemptCause(code, context), answer: undefined }
}

/** Gives what an earlier step found. @throws `ADMISSION_OUT_OF_ORDER` (bug) */
export function found<Name extends keyof Admission>(admission: Admission, name: Name): NonNullable<Admission[Name]> {
  const value = admission[name]
  if (value === undefined) throw frontFault('ADMISSION_OUT_OF_ORDER', { what: name })
  return value
}

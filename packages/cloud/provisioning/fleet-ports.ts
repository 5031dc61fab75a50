import type { CertificateId, CertificateRecord, Scope, ScopedRegistry, TemplateRecord } from '@birthmark/cloud/registry'
import type { Clock, Entropy, Log, Millis } from '@birthmark/foundation/kernel'
import type { CertificateProvider } from './certificate-provider.ts'
import type { PayloadFormat } from './fleet-payload.ts'
import type { PublicKeyOf } from './same-key.ts'
import type { TemplateCache } from './template-cache.ts'

/** One message of a device to fleet provisioning, and the way back. */
export interface FleetRequest {
  readonly scope: Scope
  readonly topic: string
  readonly payload: Uint8Array
  readonly client: FleetClient
  /** Sends a message to the asking connection and to no other. */
  reply(topic: string, payload: Uint8Array): void
  /** Writes a line into the record of the connection. */
  note(detail: string): void
  /** Says in that record why the request was refused; absent where there is no record. */
  blame?(failure: FleetFailure): void
}

/** Why a request was refused or failed. */
export interface FleetFailure {
  /** Of the fault; `unforeseen` for what is none. */
  readonly code: string
  readonly why: string
  readonly remedy: string
}

/** Who asks. */
export interface FleetClient {
  readonly connectionId: string
  readonly certificateId: CertificateId | undefined
  readonly clientId: string
  readonly remoteAddress: string
}

/** What fleet provisioning works on and with. */
export interface FleetPorts {
  readonly registryOf: (scope: Scope) => ScopedRegistry
  readonly issue: FleetIssuer
  readonly crypto: FleetCrypto
  readonly templates: TemplateCache
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
  /** Gives the ARN of a template's pre-provisioning hook. */
  readonly hookOf: (template: TemplateRecord) => string | undefined
  /** Calls a function; `undefined` where there are none. */
  readonly callHook: CallHook | undefined
  /**
   * What happens when the template's thing exists and has another certificate: the new one is bound beside it as at
   * AWS IoT (`bind`), the others are detached and become INACTIVE (`replace`), or the request is refused (`refuse`).
   * Whatever it is, {@link onTaken} hears of it.
   */
  readonly existingThings: 'bind' | 'replace' | 'refuse'
  /**
   * What becomes of a certificate of the thing that has the same key as the new one: it stays, and counts as any other
   * (`add`), or the device is the same and the new one takes its place (`replace`), also on an allow-list.
   */
  readonly sameKey?: 'add' | 'replace'
  /** Hears of a request for a thing that has another certificate. */
  readonly onTaken?: (taken: TakenThing) => void
  /** Hears of every request that was refused or failed. */
  readonly onRejected?: (request: FleetRequest, failure: FleetFailure) => void
  /** Asked before a request costs anything: gives why it has to wait. All pass when absent. */
  readonly brake?: (request: FleetRequest, operation: FleetOperation['do']) => FleetBrake | undefined
  /** How long a token is good; one hour when absent, as at AWS IoT. */
  readonly tokenLifetime?: Millis
}

/** Why a request has to wait, and how long. */
export interface FleetBrake {
  readonly why: string
  readonly seconds: number
}

/** A claim asks for a thing that is not its own. */
export interface TakenThing {
  readonly scope: Scope
  readonly thingName: string
  readonly templateName: string
  readonly certificateId: CertificateId
  readonly others: readonly CertificateId[]
  readonly client: FleetClient
  readonly outcome: FleetPorts['existingThings']
}

/**
 * Signs a device's key; an account may have a certificate provider of its own for requests with a CSR. Whoever signs
 * verifies first that the key made the request, and throws `CERTIFICATE_REQUEST_REFUSED` or `CSR_SIGNATURE_INVALID`
 * (peer) when it did not.
 */
export type FleetIssuer = (
  csr: Uint8Array,
  request: { readonly scope: Scope; readonly client: FleetClient; readonly origin: 'csr' | 'keys' },
) => ReturnType<CertificateProvider['issue']>

/** The arithmetic of fleet provisioning. */
export interface FleetCrypto {
  /** Makes a key pair with a request for it (DER); the private key is PEM, PKCS#1. */
  newKey(): Promise<{ readonly csr: Uint8Array; readonly privateKeyPem: string }>
  /** Reads a PKCS#10 request in PEM; {@link FleetIssuer} verifies it. @throws faults of the x509 room */
  readCsr(pem: string): Uint8Array
  /** Reads a certificate in DER. */
  readCertificate(der: Uint8Array): Pick<CertificateRecord, 'id' | 'pem' | 'notBefore' | 'notAfter'>
  readonly publicKeyOf: PublicKeyOf
  /** Gives the SHA-256 of its argument. */
  sha256(content: Uint8Array): Uint8Array
}

/** What a pre-provisioning hook is told (AWS IoT Core developer guide, Pre-provisioning hooks). */
export interface HookEvent {
  readonly claimCertificateId: string
  readonly certificateId: string
  readonly certificatePem: string
  readonly templateArn: string
  readonly clientId: string
  readonly parameters: Readonly<Record<string, string>>
}

/** Calls the function with an ARN, which has `limit` to answer. */
export type CallHook = (
  scope: Scope,
  arn: string,
  event: HookEvent,
  limit: Millis,
) => Promise<
  | { readonly outcome: 'answered'; readonly answer: unknown }
  | { readonly outcome: 'slow' }
  | { readonly outcome: 'failed'; readonly why: string }
>

/** One operation of fleet provisioning, as its topic names it. */
export type FleetOperation =
  | { readonly do: 'create-keys'; readonly format: PayloadFormat }
  | { readonly do: 'create-from-csr'; readonly format: PayloadFormat }
  | { readonly do: 'provision'; readonly format: PayloadFormat; readonly templateName: string }

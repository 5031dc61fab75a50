import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AccessRequest } from '@birthmark/cloud/policy'
import type { Scope } from '@birthmark/cloud/registry'
import type { AttemptCause } from './attempt.ts'
import type { SignedKey } from './key-identity.ts'

/**
 * Who serves the requests that devices make over HTTP. The front knows the devices; what they ask is not its business.
 */
export interface HttpService {
  /** Answers one request that opens no WebSocket. Must not throw. */
  answer(request: IncomingMessage, response: ServerResponse, client: HttpClient): void
  /** Judges a signature (SigV4, service `iotdevicegateway`) of a request that opens a WebSocket. Must not reject. */
  checkSignature(request: IncomingMessage): Promise<SignatureVerdict>
}

/** A signature that holds, and by which key; or the answer to one that does not. */
export type SignatureVerdict =
  | { readonly ok: true; readonly key: SignedKey }
  | { readonly ok: false; readonly status: number; readonly exception: string; readonly why: string }

/** The client of one request, as the front knows it. */
export interface HttpClient {
  readonly remoteAddress: string
  /** Where it belongs by the server name that it sent. */
  readonly scope: Scope
  /** The attempt of its connection: people look it up by this. */
  readonly attemptId: string
  /** Judges its certificate, as it is registered now, or asks the custom authorizer that the request is for. */
  admit(request: Pick<IncomingMessage, 'headers' | 'url'>): Promise<HttpAdmitted>
  /** Notes in its attempt where it belongs by its signature. */
  belongsTo(scope: Scope): void
  /** Notes in its attempt what was answered; the first refusal of a connection is its cause. */
  conclude(answered: { readonly detail: string; readonly cause: AttemptCause | undefined }): void
}

/** A device that may ask something over HTTP, by the policies of its certificate or of a custom authorizer. */
export interface HttpPrincipal {
  /** Asks the policies; gives why not when they deny, and notes the answer in the attempt. */
  denial(request: AccessRequest): AttemptCause | undefined
}

/** What became of the client of one request. */
export type HttpAdmitted =
  | { readonly ok: true; readonly principal: HttpPrincipal }
  | { readonly ok: false; readonly cause: AttemptCause }

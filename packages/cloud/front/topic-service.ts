import type { Message, ReservedService } from '@birthmark/cloud/mqtt'
import type { CertificateId, Scope } from '@birthmark/cloud/registry'
import type { AttemptCauseCode, AttemptStepName } from './attempt.ts'
import type { AttemptCauseContext } from './attempt-causes.ts'

/** A service behind reserved topics (AWS IoT Core developer guide, reserved topics). */
export interface TopicService {
  readonly name: ReservedService
  /**
   * Takes a message that a client published to a request topic of the service; its policy has allowed that. The
   * client's PUBACK does not wait for what becomes of it. Must not throw. Absent: clients only subscribe.
   */
  receive?(request: ServiceRequest): void
}

/** One message to a {@link TopicService}, and the way back. */
export interface ServiceRequest {
  readonly scope: Scope
  /** Its payload is the service's own: nobody changes it later. */
  readonly message: Message
  readonly client: ServiceClient
  /**
   * Sends a message to this connection and to no other, if it has subscribed to the topic and its policy lets it
   * receive there; it is lost otherwise, as at AWS IoT, and once the connection has ended.
   *
   * @returns whether a subscription took it
   */
  reply(topic: string, payload: Uint8Array): boolean
  /** Writes a step into the attempt of the connection. */
  note(step: AttemptStepName, detail: string): void
  /** Says in the attempt of the connection why the request was refused; the first cause of an attempt stays. */
  blame(code: AttemptCauseCode, context: AttemptCauseContext): void
}

/** Who asks a {@link TopicService}. */
export interface ServiceClient {
  /** Unique among all connections. */
  readonly connectionId: string
  /** Absent on the listener without TLS. */
  readonly certificateId: CertificateId | undefined
  readonly clientId: string
  /** The thing that the connection's policies see. */
  readonly thingName: string | undefined
  readonly remoteAddress: string
}

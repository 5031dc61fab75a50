import type { AwsEvent, DisconnectReason, PresenceFacts, SubscriptionFacts } from '@birthmark/cloud/events'
import type {
  Attempt,
  AttemptFilter,
  AttemptStage,
  AuthorizerCredentials,
  AuthorizerVerdict,
  Endpoints,
  OpenedSession,
  ServiceClient,
  ServiceRequest,
} from '@birthmark/cloud/front'
import type {
  AcceptedConnect,
  DeliveryMarks,
  Grant,
  Message,
  QoS,
  ReservedService,
  StoredMark,
  TopicFilter,
} from '@birthmark/cloud/mqtt'
import type { Change, CommitResult, Scope, ScopedChanges } from '@birthmark/cloud/registry'
import type { RetainedChange } from '@birthmark/cloud/retained'
import type { LeftSession, RemoteBegun } from '@birthmark/cloud/sessions'
import type { Level, LogFields } from '@birthmark/foundation/kernel'
import type { PortableError } from './portable-error.ts'

/** What a worker tells and asks the main process. */
export interface HubCalls {
  /** Says that it is about to listen. Until then nobody waits for it: it has no connections. */
  ready(): void
  /** Resolves when the changes are on disk and every worker has been told. */
  commit(lists: readonly ScopedChanges[]): Promise<CommitResult>
  retain(change: RetainedChange): Promise<void>

  /** Takes a pack of messages to everybody who is not in the worker. */
  publishAll(scope: Scope, messages: Uint8Array): void
  want(scope: Scope, filter: TopicFilter, isWanted: boolean): Promise<void>
  join(scope: Scope, member: number, filter: TopicFilter, grant: Grant): Promise<void>
  part(scope: Scope, member: number, filter: TopicFilter): void

  /** Tells whether one more connection of a client id may come now. */
  takeConnect(scope: Scope, clientId: string): boolean | Promise<boolean>
  begin(scope: Scope, accepted: AcceptedConnect, connectionId: string): Promise<RemoteBegun>
  attach(connectionId: string, room: number): void
  subscribe(connectionId: string, filter: TopicFilter, grant: Grant): Promise<void>
  unsubscribe(connectionId: string, filter: TopicFilter): Promise<void>
  settle(connectionId: string, stored: StoredMark): void
  keep(connectionId: string, message: Message, marks: DeliveryMarks, qos: 1 | 2): void | Promise<void>
  releaseMessage(connectionId: string, stored: StoredMark): Promise<void>
  receive(connectionId: string, packetId: number): Promise<void>
  forget(connectionId: string, packetId: number): Promise<void>
  release(connectionId: string, left: Omit<LeftSession, 'session'>): void

  connected(scope: Scope, facts: PresenceFacts): void
  disconnected(scope: Scope, facts: PresenceFacts, reason: DisconnectReason): void
  connectFailed(scope: Scope, facts: PresenceFacts): void
  /** A client with a certificate was let in; `others` are not known yet. @returns what its attempt is to say of it */
  opened(opened: OpenedSession): string | undefined | Promise<string | undefined>
  /** Asks the custom authorizer that a client wants, whose function runs in the main process. */
  authorize(scope: Scope, credentials: AuthorizerCredentials): Promise<AuthorizerVerdict>
  hasAuthorizers(scope: Scope): Promise<boolean>
  subscriptionChanged(scope: Scope, facts: SubscriptionFacts): void
  tell(scope: Scope, event: AwsEvent): void

  /** Ends the connection of a client, wherever it is, and its session if wished; tells whether it had one. */
  endClient(scope: Scope, clientId: string, choice: EndChoice): Promise<boolean>
  request(service: ReservedService, scope: Scope, message: Message, client: ServiceClient): void
  /** Keeps a refused attempt beyond the life of the processes. */
  keepAttempt(attempt: Attempt, stage: AttemptStage): void
  log(level: Level, event: string, fields: LogFields | undefined): void
  /** What was counted since the last time. */
  count(counts: WorkerCounts): void
}

/** What ends with a connection that somebody wants to end. */
export interface EndChoice {
  readonly cleanSession?: boolean
  readonly preventWill?: boolean
}

/** What a worker counts for the metrics of the server. */
export interface WorkerCounts {
  readonly messagesIn: number
  /** Messages given to the receivers in the worker, one for each. */
  readonly messagesOut: number
  /** Messages of QoS 0 that were dropped because the main process had too many. */
  readonly dropped: number
}

/** What the main process tells and asks a worker. */
export interface WorkerCalls<Start> {
  /** Begins to listen. */
  start(start: Start): Promise<void>
  /** Stops listening and ends every connection in order. */
  stop(): Promise<void>
  /** Answers, if its event loop turns. */
  ping(): void
  exchangeEndpoints(endpoints: Endpoints): void

  committed(scope: Scope, changes: readonly Change[]): void

  /** Messages with these ids were taken. */
  acked(ids: readonly number[]): void
  notTaken(id: number, why: PortableError): void

  /** Takes a pack of messages to the receivers in the worker. */
  deliverAll(scope: Scope, messages: Uint8Array): void
  deliverTo(scope: Scope, member: number, message: Message, marks: DeliveryMarks, qos: QoS): void
  heed(scope: Scope, begun: readonly TopicFilter[], ended: readonly TopicFilter[]): void
  shares(scope: Scope, sizes: ReadonlyMap<TopicFilter, number>): void

  takeOver(scope: Scope, connectionId: string): void
  /** Gives a connection a message of its session. */
  hand(
    scope: Scope,
    connectionId: string,
    message: Message,
    marks: DeliveryMarks,
    qos: QoS,
    stored: StoredMark | undefined,
  ): void
  resumeReleased(scope: Scope, connectionId: string, stored: StoredMark): void
  failSession(scope: Scope, connectionId: string, why: string): void
  endConnection(scope: Scope, clientId: string, withoutWill: boolean): boolean

  reply(connectionId: string, topic: string, payload: Uint8Array): void
  note(connectionId: string, ...args: Parameters<ServiceRequest['note']>): void
  blame(connectionId: string, ...args: Parameters<ServiceRequest['blame']>): void
  attempts(filter: AttemptFilter): readonly Attempt[] | Promise<readonly Attempt[]>
}

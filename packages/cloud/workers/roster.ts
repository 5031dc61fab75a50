import type { Bus } from '@birthmark/cloud/bus'
import type { DisconnectReason, PresenceFacts } from '@birthmark/cloud/events'
import type { OpenedSession, PresencePort } from '@birthmark/cloud/front'
import type { AcceptedConnect, Delivery, QoS, StoredMark } from '@birthmark/cloud/mqtt'
import type { Scope } from '@birthmark/cloud/registry'
import type { Consumer, DurableSession, LeftSession, RemoteBegun, ScopedSessions } from '@birthmark/cloud/sessions'
import { type Clock, type Log, messageOf } from '@birthmark/foundation/kernel'
import { workerFault } from './faults.ts'

/** A worker as its clients' book needs it. */
export interface ClientsWorker {
  /** Whether its process has ended. */
  readonly isGone: boolean
  takeOver(scope: Scope, connectionId: string): void
  hand(scope: Scope, connectionId: string, delivery: Delivery, qos: QoS, stored: StoredMark | undefined): void
  resumeReleased(scope: Scope, connectionId: string, stored: StoredMark): void
  failSession(scope: Scope, connectionId: string, why: string): void
}

/** What the book works with. */
export interface RosterOptions {
  readonly sessionsOf: (scope: Scope) => ScopedSessions
  readonly presenceOf: (scope: Scope) => PresencePort
  readonly busOf: (scope: Scope) => Bus
  readonly clock: Clock
  readonly log: Log
}

/** Who is connected in which worker: a client id has one connection, and what a dead worker leaves is settled here. */
export class Roster {
  readonly #options: RosterOptions
  readonly #byConnection = new Map<string, Client>()
  readonly #byClientId = new Map<string, Client>()
  readonly #byPrincipal = new Map<string, Set<Client>>()
  /** Connections of one client id come in one at a time. */
  readonly #turns = new Map<string, Promise<void>>()

  constructor(options: RosterOptions) {
    this.#options = options
  }

  /** Gives the worker that has the connection of a client id. */
  workerOf(scope: Scope, clientId: string): ClientsWorker | undefined {
    return this.#byClientId.get(keyOf(scope, clientId))?.worker
  }

  /** Ends the connection before of a client id, wherever it is, and begins this one. */
  async begin(
    worker: ClientsWorker,
    scope: Scope,
    accepted: AcceptedConnect,
    connectionId: string,
  ): Promise<RemoteBegun> {
    const key = keyOf(scope, accepted.clientId)
    const before = this.#turns.get(key)
    const turn = Promise.withResolvers<void>()
    this.#turns.set(key, turn.promise)
    try {
      await before
      const holder = this.#byClientId.get(key)
      holder?.worker.takeOver(scope, holder.connectionId)
      await holder?.left.promise
      if (worker.isGone) throw workerFault('CHANNEL_CLOSED')
      return await this.#enter(new Client(worker, scope, accepted, connectionId), key)
    } finally {
      if (this.#turns.get(key) === turn.promise) this.#turns.delete(key)
      turn.resolve()
    }
  }

  async #enter(client: Client, key: string): Promise<RemoteBegun> {
    const { accepted, connectionId, scope } = client
    const { isPresent, kept, session } = this.#options.sessionsOf(scope).begin(accepted, connectionId)
    client.session = session
    this.#byClientId.set(key, client)
    this.#byConnection.set(connectionId, client)
    await kept
    if (session === undefined) return { session, isPresent }
    const { dropped, received, record, subscriptions } = session
    return { session: { record: { ...record, will: undefined }, subscriptions, dropped, received }, isPresent }
  }

  /** Gives the session of a connection, which must have one. */
  sessionOf(connectionId: string): DurableSession {
    const session = this.#byConnection.get(connectionId)?.session
    if (session === undefined) throw workerFault('CHANNEL_CLOSED')
    return session
  }

  attach(connectionId: string, room: number): void {
    const client = this.#byConnection.get(connectionId)
    if (client?.session === undefined) return
    client.consumer = new RemoteConsumer(client, room)
    client.session.attach(client.consumer)
    client.session.pump()
  }

  settle(connectionId: string, stored: StoredMark): void {
    const client = this.#byConnection.get(connectionId)
    client?.consumer?.settled()
    client?.session?.settle(stored)
    client?.session?.pump()
  }

  release(connectionId: string, left: Omit<LeftSession, 'session'>): void {
    const client = this.#remove(connectionId)
    if (client === undefined) return
    this.#options.sessionsOf(client.scope).release(connectionId, { ...left, session: client.session })
    client.left.resolve()
  }

  connected(scope: Scope, facts: PresenceFacts): void {
    const version = this.#options.presenceOf(scope).connected(facts)
    const client = this.#byConnection.get(facts.sessionIdentifier)
    if (client === undefined) return
    client.presence = { facts, version }
    const key = keyOf(scope, facts.principalIdentifier)
    client.principal = key
    client.remoteAddress = facts.ipAddress
    const others = this.#byPrincipal.get(key)
    if (others === undefined) this.#byPrincipal.set(key, new Set([client]))
    else others.add(client)
  }

  disconnected(scope: Scope, facts: PresenceFacts, reason: DisconnectReason): void {
    const client = this.#byConnection.get(facts.sessionIdentifier)
    this.#options.presenceOf(scope).disconnected(facts, reason, client?.presence?.version ?? 0)
    if (client !== undefined) client.presence = undefined
  }

  /** Gives who is connected with a certificate, some of them if there are many. */
  with(scope: Scope, certificateId: string): OpenedSession['others'] {
    const found = [...(this.#byPrincipal.get(keyOf(scope, certificateId)) ?? [])].slice(0, OTHERS_COUNT_MAX)
    return found.map(({ accepted: { clientId }, remoteAddress }) => ({ clientId, remoteAddress }))
  }

  /** Ends the connections of a worker whose process has ended, as that would have. */
  lose(worker: ClientsWorker): void {
    for (const client of this.#byConnection.values()) if (client.worker === worker) this.#lose(client)
  }

  #lose({ accepted, connectionId, left, presence, scope, session }: Client): void {
    const { busOf, clock, log, presenceOf, sessionsOf } = this.#options
    const now = clock.now()
    this.#remove(connectionId)
    if (presence !== undefined) {
      presenceOf(scope).disconnected({ ...presence.facts, at: now }, 'SERVER_ERROR', presence.version)
    }
    if (session !== undefined) sessionsOf(scope).lose(session)
    else if (accepted.will !== undefined) {
      const { delay: _, ...will } = accepted.will
      busOf(scope)
        .publish({ ...will, publisher: connectionId, receivedAt: now })
        .catch((error: unknown) => log.write('error', 'sessions.will-failed', { why: messageOf(error) }))
    }
    left.resolve()
  }

  #remove(connectionId: string): Client | undefined {
    const client = this.#byConnection.get(connectionId)
    this.#byConnection.delete(connectionId)
    if (client === undefined) return undefined
    this.#byClientId.delete(keyOf(client.scope, client.accepted.clientId))
    if (client.principal !== undefined) {
      const others = this.#byPrincipal.get(client.principal)
      others?.delete(client)
      if (others?.size === 0) this.#byPrincipal.delete(client.principal)
    }
    return client
  }
}

/** A connection in a worker. */
class Client {
  readonly worker: ClientsWorker
  readonly scope: Scope
  readonly accepted: AcceptedConnect
  readonly connectionId: string
  /** Resolves when it has ended and its session may go on elsewhere. */
  readonly left: PromiseWithResolvers<void> = Promise.withResolvers<void>()
  session: DurableSession | undefined
  consumer: RemoteConsumer | undefined
  /** Whom it has shown to be, for who else has: in which account and region, and the certificate. */
  principal: string | undefined
  remoteAddress = ''
  /** What its `connected` event said; absent when it was not told, or has ended. */
  presence: { readonly facts: PresenceFacts; readonly version: number } | undefined

  constructor(worker: ClientsWorker, scope: Scope, accepted: AcceptedConnect, connectionId: string) {
    this.worker = worker
    this.scope = scope
    this.accepted = accepted
    this.connectionId = connectionId
  }
}

/** Gives a session's messages to its connection in a worker, so many of QoS 1 as that can have unsettled. */
class RemoteConsumer implements Consumer {
  readonly connectionId: string
  readonly #client: Client
  #room: number

  constructor(client: Client, room: number) {
    this.connectionId = client.connectionId
    this.#client = client
    this.#room = room
  }

  get room(): number {
    return this.#room
  }

  settled(): void {
    this.#room++
  }

  deliver(delivery: Delivery, qos: QoS, stored?: StoredMark): void {
    if (qos > 0) this.#room--
    const { connectionId, scope, worker } = this.#client
    worker.hand(scope, connectionId, delivery, qos, stored)
  }

  resumeReleased(stored: StoredMark): void {
    this.#room--
    const { connectionId, scope, worker } = this.#client
    worker.resumeReleased(scope, connectionId, stored)
  }

  fail(error: unknown): void {
    const { connectionId, scope, worker } = this.#client
    worker.failSession(scope, connectionId, messageOf(error))
  }
}

function keyOf({ account, region }: Scope, clientId: string): string {
  return `${account}/${region}/${clientId}`
}

/** Connections of one certificate that are named: a tool may have thousands with one. */
const OTHERS_COUNT_MAX = 32

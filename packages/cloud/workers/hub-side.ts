import type { Bus, HubBus, WorkerLink, WorkerSeat } from '@birthmark/cloud/bus'
import type {
  AttemptKeeper,
  AuthorizerPort,
  PresencePort,
  ServiceRequest,
  TopicService,
  WatchSessions,
} from '@birthmark/cloud/front'
import { Delivery, type ReservedService, type StoredMark } from '@birthmark/cloud/mqtt'
import type { CommitResult, Scope, ScopedChanges } from '@birthmark/cloud/registry'
import type { RetainedStore } from '@birthmark/cloud/retained'
import type { Log } from '@birthmark/foundation/kernel'
import type { HubCalls, WorkerCalls, WorkerCounts } from './calls.ts'
import type { Channel } from './channel.ts'
import type { HubBuses } from './hub-buses.ts'
import { unpackEach } from './message-pack.ts'
import { portableError } from './portable-error.ts'
import type { ClientsWorker, Roster } from './roster.ts'

/** What of the main process workers work with. */
export interface HubParts {
  readonly roster: Roster
  readonly commit: (lists: readonly ScopedChanges[]) => Promise<CommitResult>
  readonly retained: Pick<RetainedStore, 'write'>
  readonly buses: HubBuses
  /** Gives the same buses, as the rest of the main process uses them. */
  readonly busOf: (scope: Scope) => Bus
  readonly presenceOf: (scope: Scope) => PresencePort
  readonly services: ReadonlyMap<ReservedService, TopicService>
  /** Keeps refused attempts on disk; none are when absent. */
  readonly attemptKeeper?: AttemptKeeper
  readonly watchSessions: WatchSessions
  readonly authorizers: AuthorizerPort
  readonly takeConnect: HubCalls['takeConnect']
  readonly endClient: HubCalls['endClient']
  readonly log: Log
  readonly count: (counts: WorkerCounts) => void
}

/** One worker as the main process knows it: what it asks is done here, and what it must hear is told. */
export class WorkerDesk<Start> implements HubCalls, ClientsWorker {
  readonly #parts: HubParts
  readonly #seats = new Map<HubBus, WorkerSeat>()
  #channel: Channel<WorkerCalls<Start>, HubCalls> | undefined
  readonly #acks: number[] = []
  #dropped = 0
  isGone = false
  /** Whether it has connections, or may have any moment. */
  isServing = false

  constructor(parts: HubParts) {
    this.#parts = parts
  }

  /** The way to the worker, once there is one. */
  connect(channel: Channel<WorkerCalls<Start>, HubCalls>): void {
    this.#channel = channel
  }

  /** The worker's process has ended: so have its subscriptions and its connections. */
  end(): void {
    if (this.isGone) return
    this.isGone = true
    for (const seat of this.#seats.values()) seat.end()
    this.#parts.roster.lose(this)
  }

  /** Gives the worker its place at a bus. */
  seatAt(bus: HubBus, scope: Scope): WorkerSeat {
    const known = this.#seats.get(bus)
    if (known !== undefined) return known
    const seat = bus.seat(this.#linkOf(scope))
    this.#seats.set(bus, seat)
    return seat
  }

  ready(): void {
    this.isServing = true
  }

  commit(lists: readonly ScopedChanges[]): Promise<CommitResult> {
    return this.#parts.commit(lists)
  }

  retain(...args: Parameters<HubCalls['retain']>): Promise<void> {
    return this.#parts.retained.write(...args)
  }

  publishAll(scope: Scope, messages: Uint8Array): void {
    const seat = this.#seat(scope)
    unpackEach(messages, (message, id) => {
      const taken = seat.publish(message)
      if (id === 0) return
      taken.then(
        () => this.#ack(id),
        (error: unknown) => this.#channel?.tell('notTaken', id, portableError(error)),
      )
    })
  }

  /** All that were taken in one turn are told together. */
  #ack(id: number): void {
    this.#acks.push(id)
    if (this.#acks.length > 1) return
    queueMicrotask(() => this.#channel?.tell('acked', this.#acks.splice(0)))
  }

  want(scope: Scope, ...args: Parameters<WorkerSeat['want']>): Promise<void> {
    return this.#seat(scope).want(...args)
  }

  join(scope: Scope, ...args: Parameters<WorkerSeat['join']>): Promise<void> {
    return this.#seat(scope).join(...args)
  }

  part(scope: Scope, ...args: Parameters<WorkerSeat['part']>): void {
    this.#seat(scope).part(...args)
  }

  takeConnect(scope: Scope, clientId: string): boolean | Promise<boolean> {
    return this.#parts.takeConnect(scope, clientId)
  }

  begin(...args: Parameters<HubCalls['begin']>): ReturnType<HubCalls['begin']> {
    return this.#parts.roster.begin(this, ...args)
  }

  attach(connectionId: string, room: number): void {
    this.#parts.roster.attach(connectionId, room)
  }

  subscribe(connectionId: string, ...args: Tail<HubCalls['subscribe']>): Promise<void> {
    return this.#parts.roster.sessionOf(connectionId).subscribe(...args)
  }

  unsubscribe(connectionId: string, ...args: Tail<HubCalls['unsubscribe']>): Promise<void> {
    return this.#parts.roster.sessionOf(connectionId).unsubscribe(...args)
  }

  keep(connectionId: string, ...[message, marks, qos]: Tail<HubCalls['keep']>): void | Promise<void> {
    return this.#parts.roster.sessionOf(connectionId).keep(new Delivery(message, marks), qos)
  }

  releaseMessage(connectionId: string, stored: StoredMark): Promise<void> {
    return this.#parts.roster.sessionOf(connectionId).release(stored)
  }

  receive(connectionId: string, packetId: number): Promise<void> {
    return this.#parts.roster.sessionOf(connectionId).receive(packetId)
  }

  forget(connectionId: string, packetId: number): Promise<void> {
    return this.#parts.roster.sessionOf(connectionId).forget(packetId)
  }

  settle(...args: Parameters<HubCalls['settle']>): void {
    this.#parts.roster.settle(...args)
  }

  release(...args: Parameters<HubCalls['release']>): void {
    this.#parts.roster.release(...args)
  }

  connected(...args: Parameters<HubCalls['connected']>): void {
    this.#parts.roster.connected(...args)
  }

  disconnected(...args: Parameters<HubCalls['disconnected']>): void {
    this.#parts.roster.disconnected(...args)
  }

  connectFailed(scope: Scope, ...args: Parameters<PresencePort['failed']>): void {
    this.#parts.presenceOf(scope).failed(...args)
  }

  subscriptionChanged(scope: Scope, ...args: Parameters<PresencePort['subscription']>): void {
    this.#parts.presenceOf(scope).subscription(...args)
  }

  tell(scope: Scope, ...args: Tail<HubCalls['tell']>): void {
    this.#parts.presenceOf(scope).publish(...args)
  }

  opened(...[opened]: Parameters<HubCalls['opened']>): ReturnType<HubCalls['opened']> {
    const { scope, certificateId } = opened
    return this.#parts.watchSessions({ ...opened, others: this.#parts.roster.with(scope, certificateId) })
  }

  authorize(...args: Parameters<HubCalls['authorize']>): ReturnType<HubCalls['authorize']> {
    return this.#parts.authorizers.authorize(...args)
  }

  hasAuthorizers(scope: Scope): Promise<boolean> {
    return this.#parts.authorizers.isThere(scope)
  }

  endClient(...args: Parameters<HubCalls['endClient']>): Promise<boolean> {
    return this.#parts.endClient(...args)
  }

  request(...[service, scope, message, client]: Parameters<HubCalls['request']>): void {
    const { connectionId } = client
    const channel = this.#channel
    const request: ServiceRequest = {
      scope,
      message,
      client,
      reply: (topic, payload) => {
        channel?.tell('reply', connectionId, topic, payload)
        // Whether a subscription takes it is seen where the connection is.
        return true
      },
      note: (...args) => channel?.tell('note', connectionId, ...args),
      blame: (...args) => channel?.tell('blame', connectionId, ...args),
    }
    this.#parts.services.get(service)?.receive?.(request)
  }

  keepAttempt(...args: Parameters<HubCalls['keepAttempt']>): void {
    this.#parts.attemptKeeper?.keep(...args)
  }

  log(...args: Parameters<HubCalls['log']>): void {
    this.#parts.log.write(...args)
  }

  count(counts: WorkerCounts): void {
    this.#parts.count({ ...counts, dropped: counts.dropped + this.#dropped })
    this.#dropped = 0
  }

  takeOver(scope: Scope, connectionId: string): void {
    this.#channel?.tell('takeOver', scope, connectionId)
  }

  hand(...[scope, connectionId, { marks, message }, qos, stored]: Parameters<ClientsWorker['hand']>): void {
    if (qos === 0 && this.#drops()) return
    this.#channel?.tell('hand', scope, connectionId, message, marks, qos, stored)
  }

  resumeReleased(scope: Scope, connectionId: string, stored: StoredMark): void {
    this.#channel?.tell('resumeReleased', scope, connectionId, stored)
  }

  failSession(scope: Scope, connectionId: string, why: string): void {
    this.#channel?.tell('failSession', scope, connectionId, why)
  }

  #seat(scope: Scope): WorkerSeat {
    // Whatever follows a bus from its beginning does so now.
    this.#parts.busOf(scope)
    return this.seatAt(this.#parts.buses.of(scope), scope)
  }

  #linkOf(scope: Scope): WorkerLink {
    return {
      deliver: (message) => {
        if (message.qos === 0 && this.#drops()) return undefined
        this.#channel?.pack('deliverAll', scope, message, 0)
        return message.qos === 0 ? undefined : this.#channel?.drained()
      },
      deliverTo: (member, { marks, message }, qos) => {
        if (qos === 0 && this.#drops()) return undefined
        this.#channel?.tell('deliverTo', scope, member, message, marks, qos)
        return qos === 0 ? undefined : this.#channel?.drained()
      },
      heed: async (begun, ended) => {
        if (this.isServing) await this.#channel?.ask('heed', scope, begun, ended)
        else this.#channel?.tell('heed', scope, begun, ended)
      },
      shares: (sizes) => this.#channel?.tell('shares', scope, sizes),
    }
  }

  /** Whether a message of QoS 0 is one too many for the worker. */
  #drops(): boolean {
    if (this.#channel?.isFull !== true) return false
    this.#dropped++
    return true
  }
}

/** What a function takes behind its first argument. */
type Tail<Call extends (...args: never[]) => unknown> = Parameters<Call> extends [unknown, ...infer Rest] ? Rest : never

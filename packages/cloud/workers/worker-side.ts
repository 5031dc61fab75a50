import { type HubLink, WorkerBus } from '@birthmark/cloud/bus'
import type {
  AttemptKeeper,
  AuthorizerPort,
  ConnectRates,
  Front,
  PresencePort,
  ServiceRequest,
  TopicService,
  WatchSessions,
} from '@birthmark/cloud/front'
import { AWS_PROFILE, Delivery, type Message, type ReservedService } from '@birthmark/cloud/mqtt'
import type { Change, CommitResult, Scope, ScopedChanges } from '@birthmark/cloud/registry'
import type { RetainedChange } from '@birthmark/cloud/retained'
import { RemoteSessions, type SessionsLink } from '@birthmark/cloud/sessions'
import type { Entropy, Log } from '@birthmark/foundation/kernel'
import type { HubCalls, WorkerCalls } from './calls.ts'
import type { Channel } from './channel.ts'
import { unpackEach } from './message-pack.ts'
import { errorOf } from './portable-error.ts'

/** The main process as a front in a worker needs it: one port for each thing that there is only one of. */
export class WorkerSide {
  readonly #channel: Pick<Channel<HubCalls, never>, 'tell' | 'ask' | 'pack' | 'isFull'>
  readonly #entropy: Entropy
  #profile: { readonly hashMatchesParent: boolean } | undefined
  readonly #buses = new Map<string, WorkerBus>()
  readonly #sessions = new Map<string, RemoteSessions>()
  /** The newest request of each connection: the way back to it. */
  readonly #requests = new Map<string, ServiceRequest>()
  /** Messages of QoS 1 and 2 whose publishers wait. */
  readonly #untaken = new Map<number, PromiseWithResolvers<void>>()
  #lastId = 0
  #dropped = 0
  #deliveredTold = 0
  #onCommitted: (scope: Scope, changes: readonly Change[]) => void = () => undefined

  constructor(channel: Pick<Channel<HubCalls, never>, 'tell' | 'ask' | 'pack' | 'isFull'>, entropy: Entropy) {
    this.#channel = channel
    this.#entropy = entropy
  }

  /** Says how topics match; before anything is asked about a bus. */
  begin(profile: { readonly hashMatchesParent: boolean }): void {
    this.#profile = profile
  }

  readonly log: Log = {
    write: (level, event, fields) => this.#channel.tell('log', level, event, fields),
  }

  /** The way to write to the registry, and to hear of every commit of every process. */
  readonly writer: RemoteWriter = {
    commit: (lists) => this.#channel.ask('commit', lists),
    listen: (listener) => {
      this.#onCommitted = listener
    },
  }

  /** Counts the connections of each client id where those of all workers come by. */
  connectRatesOf(scope: Scope): ConnectRates {
    return { take: (clientId) => this.#channel.ask('takeConnect', scope, clientId) }
  }

  /** Keeps refused attempts in the main process, which also lists them. */
  readonly attemptKeeper: AttemptKeeper = {
    keep: (attempt, stage) => this.#channel.tell('keepAttempt', attempt, stage),
    list: () => [],
  }

  /** Hears of each session that begins with a certificate, for the one that knows those of every worker. */
  readonly watchSessions: WatchSessions = (opened) => this.#channel.ask('opened', opened)

  /** The custom authorizers, whose functions run in the main process. */
  readonly authorizers: AuthorizerPort = {
    isThere: (scope) => this.#channel.ask('hasAuthorizers', scope),
    authorize: (scope, credentials) => this.#channel.ask('authorize', scope, credentials),
  }

  /** Ends the connection of a client, wherever it is. */
  endConnection(...args: Parameters<HubCalls['endClient']>): Promise<boolean> {
    return this.#channel.ask('endClient', ...args)
  }

  /** Keeps a retained message. */
  retain(change: RetainedChange): Promise<void> {
    return this.#channel.ask('retain', change)
  }

  busOf(scope: Scope): WorkerBus {
    return take(this.#buses, keyOf(scope), () => {
      return new WorkerBus(this.#hubOf(scope), this.#profile ?? AWS_PROFILE, this.#entropy)
    })
  }

  sessionsOf(scope: Scope): RemoteSessions {
    return take(this.#sessions, keyOf(scope), () => new RemoteSessions(this.#linkOf(scope)))
  }

  /** Numbers of connections are given where all of them are known. */
  presenceOf(scope: Scope): PresencePort {
    const channel = this.#channel
    return {
      connected: (facts) => {
        channel.tell('connected', scope, facts)
        return 0
      },
      disconnected: (facts, reason) => channel.tell('disconnected', scope, facts, reason),
      failed: (facts) => channel.tell('connectFailed', scope, facts),
      subscription: (facts) => channel.tell('subscriptionChanged', scope, facts),
      publish: (event) => event && channel.tell('tell', scope, event),
    }
  }

  /** Gives a service that runs in the main process. */
  service(name: ReservedService): TopicService {
    return {
      name,
      receive: (request) => {
        const { client, message, scope } = request
        this.#requests.set(client.connectionId, request)
        this.#channel.tell('request', name, scope, message, client)
      },
    }
  }

  /** Tells the main process what was counted since the last time, if anything. */
  count(messagesIn: number): void {
    const delivered = Array.from(this.#buses.values(), (bus) => bus.delivered).reduce((sum, each) => sum + each, 0)
    const counts = { messagesIn, messagesOut: delivered - this.#deliveredTold, dropped: this.#dropped }
    if (Object.values(counts).every((count) => count === 0)) return
    this.#channel.tell('count', counts)
    this.#deliveredTold = delivered
    this.#dropped = 0
  }

  /** What the main process tells a worker whose front is open. */
  calls(front: () => Front | undefined): Omit<WorkerCalls<never>, 'start' | 'stop' | 'ping' | 'exchangeEndpoints'> {
    const busOf = (scope: Scope): WorkerBus => this.busOf(scope)
    const sessionsOf = (scope: Scope): RemoteSessions => this.sessionsOf(scope)
    const requests = this.#requests
    return {
      committed: (scope, changes) => this.#onCommitted(scope, changes),
      acked: (ids) => {
        for (const id of ids) this.#taken(id)?.resolve()
      },
      notTaken: (id, why) => this.#taken(id)?.reject(errorOf(why)),
      deliverAll: (scope, messages) => unpackEach(messages, (message) => busOf(scope).take(message)),
      deliverTo: (scope, member, message, marks, qos) =>
        busOf(scope).takeFor(member, new Delivery(message, marks), qos),
      heed: (scope, begun, ended) => busOf(scope).heed(begun, ended),
      shares: (scope, sizes) => busOf(scope).hearShares(sizes),
      takeOver: (scope, connectionId) => sessionsOf(scope).takeOver(connectionId),
      hand: (scope, connectionId, message, marks, qos, stored) =>
        sessionsOf(scope).deliver(connectionId, new Delivery(message, marks), qos, stored),
      resumeReleased: (scope, connectionId, stored) => sessionsOf(scope).resumeReleased(connectionId, stored),
      failSession: (scope, connectionId, why) => sessionsOf(scope).fail(connectionId, new Error(why)),
      endConnection: (scope, clientId, preventWill) =>
        front()?.endConnection(scope, clientId, { preventWill }) === true,
      reply: (connectionId, topic, payload) => void requests.get(connectionId)?.reply(topic, payload),
      note: (connectionId, ...args) => requests.get(connectionId)?.note(...args),
      blame: (connectionId, ...args) => requests.get(connectionId)?.blame(...args),
      attempts: (filter) => front()?.attempts.list(filter) ?? [],
    }
  }

  #hubOf(scope: Scope): HubLink {
    const channel = this.#channel
    return {
      publish: (message) => {
        if (message.qos > 0) return this.#publishSurely(scope, message)
        if (channel.isFull) this.#dropped++
        else channel.pack('publishAll', scope, message, 0)
        return TAKEN
      },
      want: (...args) => channel.ask('want', scope, ...args),
      join: (...args) => channel.ask('join', scope, ...args),
      part: (...args) => channel.tell('part', scope, ...args),
    }
  }

  #publishSurely(scope: Scope, message: Message): Promise<void> {
    this.#lastId = this.#lastId === ID_MAX ? 1 : this.#lastId + 1
    const taken = Promise.withResolvers<void>()
    this.#untaken.set(this.#lastId, taken)
    this.#channel.pack('publishAll', scope, message, this.#lastId)
    return taken.promise
  }

  #taken(id: number): PromiseWithResolvers<void> | undefined {
    const taken = this.#untaken.get(id)
    this.#untaken.delete(id)
    return taken
  }

  #linkOf(scope: Scope): SessionsLink {
    const channel = this.#channel
    return {
      begin: (...args) => channel.ask('begin', scope, ...args),
      attach: (...args) => channel.tell('attach', ...args),
      subscribe: (...args) => channel.ask('subscribe', ...args),
      unsubscribe: (...args) => channel.ask('unsubscribe', ...args),
      settle: (...args) => channel.tell('settle', ...args),
      keep: async (connectionId, { marks, message }, qos) => channel.ask('keep', connectionId, message, marks, qos),
      releaseMessage: (...args) => channel.ask('releaseMessage', ...args),
      receive: (...args) => channel.ask('receive', ...args),
      forget: (...args) => channel.ask('forget', ...args),
      release: (connectionId, left) => {
        this.#requests.delete(connectionId)
        channel.tell('release', connectionId, left)
      },
    }
  }
}

/** Writes to a registry that another process has open. */
export interface RemoteWriter {
  commit(lists: readonly ScopedChanges[]): Promise<CommitResult>
  /** Names the one that is called after each durable commit of any process, in their order. */
  listen(listener: (scope: Scope, changes: readonly Change[]) => void): void
}

function take<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

function keyOf({ account, region }: Scope): string {
  return `${account}/${region}`
}

const TAKEN: Promise<void> = Promise.resolve()
/** As many ids as have room in a pack: long before one comes again, it was taken. */
const ID_MAX = 0xffff_ffff

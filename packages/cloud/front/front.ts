import { createServer, type Server } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { AWS_PROFILE } from '@birthmark/cloud/mqtt'
import { TemplateCache } from '@birthmark/cloud/provisioning'
import type { Change, Scope } from '@birthmark/cloud/registry'
import { type ClientSessions, Sessions } from '@birthmark/cloud/sessions'
import { KeyedRates, messageOf } from '@birthmark/foundation/kernel'
import { Arrivals } from './arrivals.ts'
import { attemptCause } from './attempt-causes.ts'
import { AttemptLog, type AttemptRecord } from './attempt-log.ts'
import { Authorities } from './authorities.ts'
import type { ConnectionPorts } from './connection-ports.ts'
import { Elsewhere } from './elsewhere.ts'
import { frontFault } from './faults.ts'
import type { Address, EndpointNames, Front, FrontOptions } from './front-options.ts'
import { followHandshakes, type Handshakes } from './handshakes.ts'
import { HttpDoor } from './http-door.ts'
import { Identities } from './identity.ts'
import { FRONT_LIMITS, type FrontLimits } from './limits.ts'
import { listen } from './listen.ts'
import { LiveConnections } from './live-connections.ts'
import { causeOfError } from './mqtt-causes.ts'
import { type ConnectionOrigin, MqttConnection } from './mqtt-connection.ts'
import { peerOf } from './peer.ts'
import { Presence } from './presence.ts'
import { SessionWatch } from './session-watch.ts'
import { readTlsFacts } from './tls-facts.ts'
import { type Endpoints, isMqtt, type TlsListener } from './tls-options.ts'

/**
 * Starts the part of the cloud that devices reach: listens, judges every connection, and serves those that are let in.
 *
 * @throws `LISTEN_FAILED`, `ENDPOINT_UNUSABLE`, `PLAIN_LISTENER_EXPOSED` (all operator)
 */
export async function startFront(options: FrontOptions): Promise<Front> {
  const front = new RunningFront(options)
  try {
    const { mqtt, https, plain } = options.listeners
    const addresses: Front['addresses'] = {
      mqtt: await front.listenTls('mqtt', mqtt),
      ...(https === undefined ? {} : { https: await front.listenTls('https', https) }),
      ...(plain === undefined ? {} : { plain: await front.listenPlain(plain) }),
    }
    return {
      addresses,
      attempts: front.attempts,
      exchangeEndpoints: (endpoints) => front.exchangeEndpoints(endpoints),
      endConnection: (scope, clientId, choice) => front.endConnection(scope, clientId, choice ?? {}),
      close: () => front.close(),
    }
  } catch (error) {
    await front.close()
    throw error
  }
}

class RunningFront {
  readonly attempts: AttemptLog
  readonly #options: FrontOptions
  readonly #limits: FrontLimits
  readonly #arrivals: Arrivals
  readonly #sessions: { in(scope: Scope): ClientSessions } | undefined
  readonly #closeSessions: () => void
  /** By account and region; made when the first client of a scope comes. */
  readonly #portsByScope = new Map<string, ConnectionPorts>()
  readonly #stopFollowing: () => void
  readonly #servers: Server[] = []
  readonly #handshakes: Handshakes[] = []
  readonly #http: HttpDoor
  readonly #connections: ConnectionPorts['connections'] = new Set()
  /** TCP connections of any kind. */
  #open = 0

  constructor(options: FrontOptions) {
    this.#options = options
    this.#limits = { ...FRONT_LIMITS, ...options.limits }
    this.#arrivals = new Arrivals(options.timers, this.#limits)
    // Before anybody can publish: what is stored has subscriptions.
    const { sessions } = options
    const own =
      sessions && 'store' in sessions
        ? new Sessions({ ...options, ...sessions, limits: sessions.limits ?? {} })
        : undefined
    this.#sessions = own ?? (sessions && 'in' in sessions ? sessions : undefined)
    this.#closeSessions = () => own?.close()
    const { attemptKeeper: keeper, names } = options
    const kept = keeper === undefined ? {} : { keeper }
    this.attempts = new AttemptLog({ ...options, ...kept, limits: this.#limits, defaultScope: names.defaultScope })
    this.#http = new HttpDoor({
      service: options.http,
      arrivals: this.#arrivals,
      timers: options.timers,
      limits: this.#limits,
      portsOf: (scope) => this.#portsOf(scope),
      onMqtt: (socket, origin, scope) => this.#serveMqtt(socket, origin, scope),
    })
    this.#stopFollowing = options.registry.onCommit((scope, changes) => {
      this.#portsByScope.get(keyOf(scope))?.live.apply(changes)
      this.#revokeKeys(scope, changes)
    })
  }

  async listenTls(listener: TlsListener, at: Address): Promise<Address> {
    const server = createServer({ noDelay: true })
    const handshakes = followHandshakes(server, {
      listener,
      endpoints: this.#options.endpoints,
      attempts: this.attempts,
      arrivals: this.#arrivals,
      clock: this.#options.clock,
      admits: () => this.#admits(),
      left: () => this.#open--,
      onSecure: (socket, attempt, remoteAddress) => this.#route(listener, socket, attempt, remoteAddress),
    })
    this.#handshakes.push(handshakes)
    this.#servers.push(server)
    return listen(server, listener, { ...at, reusePort: this.#options.sharesPorts }, this.#options.log)
  }

  async listenPlain(at: Address): Promise<Address> {
    if (!LOOPBACK.has(at.host)) throw frontFault('PLAIN_LISTENER_EXPOSED', { host: at.host })
    const server = createServer({ noDelay: true }, (socket) => {
      const peer = peerOf(socket)
      if (peer === undefined || !this.#admits()) return void socket.destroy()
      socket.on('close', () => this.#open--)
      const attempt = this.attempts.open({ listener: 'mqtt-plain', remoteAddress: peer.address })
      const origin = { attempt, remoteAddress: peer.address, presented: undefined }
      this.#serveMqtt(socket, origin, this.#options.names.defaultScope)
    })
    this.#servers.push(server)
    return listen(server, 'mqtt-plain', { ...at, reusePort: this.#options.sharesPorts }, this.#options.log)
  }

  /** Stops listening, ends what is open, and resolves when the last socket is closed. */
  async close(): Promise<void> {
    const closed = this.#servers.splice(0).map((server) => closeServer(server))
    const cause = attemptCause('SERVER_SHUTTING_DOWN')
    for (const handshakes of this.#handshakes.splice(0)) handshakes.abort(cause)
    this.#http.close(cause)
    for (const connection of this.#connections) connection.shutDown()
    await Promise.all(closed)
    this.#closeSessions()
    this.#stopFollowing()
  }

  endConnection(
    scope: Scope,
    clientId: string,
    { cleanSession = false, preventWill = false }: { readonly cleanSession?: boolean; readonly preventWill?: boolean },
  ): boolean {
    const hadConnection = this.#portsOf(scope).live.endByOrder(clientId, { withoutWill: preventWill })
    const hadSession = cleanSession && this.#sessions?.in(scope).end?.(clientId) === true
    return hadConnection || hadSession
  }

  exchangeEndpoints(endpoints: Endpoints): void {
    for (const handshakes of this.#handshakes) handshakes.exchange(endpoints)
  }

  #admits(): boolean {
    const { connectionsMax } = this.#limits
    if (this.#open >= connectionsMax) {
      this.#options.log.write('warn', 'front.limit', { limit: 'connectionsMax', value: connectionsMax })
      return false
    }
    this.#open++
    return true
  }

  #route(listener: TlsListener, socket: TLSSocket, attempt: AttemptRecord, remoteAddress: string): void {
    try {
      const presented = readTlsFacts(socket, attempt)
      const scope = scopeFor(this.#options.names, presented.sni)
      attempt.belongsTo(scope)
      const asksAuthorizer = listener === 'https' && presented.alpn === 'mqtt'
      const origin = {
        attempt,
        remoteAddress,
        presented: asksAuthorizer ? { ...presented, asksAuthorizer } : presented,
      }
      if (isMqtt(listener, presented.alpn)) this.#serveMqtt(socket, origin, scope)
      else this.#http.accept({ ...origin, socket, scope })
    } catch (error) {
      this.#options.log.write('error', 'front.connection-failed', { attempt: attempt.id, why: messageOf(error) })
      attempt.blame(causeOfError(error))
      attempt.end('refused', 'SERVER_ERROR', { bytesIn: socket.bytesRead, bytesOut: socket.bytesWritten })
      socket.destroy()
    }
  }

  #serveMqtt(socket: Duplex, origin: ConnectionOrigin, scope: Scope): void {
    origin.attempt.belongsTo(scope)
    this.#connections.add(new MqttConnection(socket, origin, this.#portsOf(scope)))
  }

  /** A key is its account's in every region. */
  #revokeKeys({ account }: Scope, changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.do !== 'revoke-access-key') continue
      for (const { live, registry } of this.#portsByScope.values()) {
        if (registry.scope.account === account) live.refreshKey(change.id)
      }
    }
  }

  #portsOf(scope: Scope): ConnectionPorts {
    const key = keyOf(scope)
    const known = this.#portsByScope.get(key)
    if (known !== undefined) return known
    const shared = {
      arrivals: this.#arrivals,
      connections: this.#connections,
      limits: this.#limits,
      sessions: this.#sessions?.in(scope),
    }
    const ports = connectionPorts(this.#options, scope, shared)
    this.#portsByScope.set(key, ports)
    return ports
  }
}

function connectionPorts(
  options: FrontOptions,
  scope: Scope,
  shared: Pick<ConnectionPorts, 'arrivals' | 'connections' | 'limits' | 'sessions'>,
): ConnectionPorts {
  const { clock, entropy, log, names, timers } = options
  const registry = options.registry.in(scope)
  const bus = options.busOf(scope)
  const live = new LiveConnections()
  const asked = options.profile ?? AWS_PROFILE
  const retained = options.retained?.in(scope)
  const isStandard = asked.name === 'standard'
  const profile = {
    ...asked,
    sessionExpiryMax: shared.sessions === undefined ? 0 : asked.sessionExpiryMax,
    retainAvailable: asked.retainAvailable && retained !== undefined,
  }
  return {
    ...shared,
    registry,
    identities: new Identities(registry),
    keys: options.registry,
    authorities: new Authorities(registry),
    authorizers: options.authorizers,
    templates: new TemplateCache(),
    names,
    elsewhere: new Elsewhere(options.registry, scope),
    profile,
    deniedConnect: options.deniedConnect ?? (isStandard ? 'connack' : 'close'),
    firstConnection: options.firstConnection ?? 'close',
    sameKey: options.sameKey ?? 'add',
    deniedSubscribe: options.deniedSubscribe ?? (isStandard ? 'suback' : 'close'),
    serviceNames: new Set((options.services ?? []).map(({ name }) => name)),
    services: new Map((options.services ?? []).map((service) => [service.name, service])),
    live,
    retained,
    connectsPerSecond: shared.limits.connectsPerClientPerSecond,
    connectRates: options.connectRatesOf?.(scope) ?? new KeyedRates(shared.limits.connectsPerClientPerSecond),
    watch: options.watchSessions && new SessionWatch(live, scope, options.watchSessions),
    bus,
    presence: options.presenceOf?.(scope) ?? new Presence({ bus, profile, clock, log }),
    clock,
    entropy,
    log,
    timers,
  }
}

/** Gives where a client belongs that sent this server name. */
function scopeFor(names: EndpointNames, serverName: string | undefined): Scope {
  return (serverName === undefined ? undefined : names.scopeOf(serverName)) ?? names.defaultScope
}

function keyOf({ account, region }: Scope): string {
  return `${account}/${region}`
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost'])

import { createServer as createPlainServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import { AWS_PROFILE } from '@birthmark/cloud/mqtt'
import { TemplateCache } from '@birthmark/cloud/provisioning'
import type { Scope } from '@birthmark/cloud/registry'
import { Sessions } from '@birthmark/cloud/sessions'
import { messageOf } from '@birthmark/foundation/kernel'
import { Arrivals } from './arrivals.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import { AttemptLog, type AttemptRecord } from './attempt-log.ts'
import { Authorities } from './authorities.ts'
import type { ConnectionPorts } from './connection-ports.ts'
import { Elsewhere } from './elsewhere.ts'
import { frontFault } from './faults.ts'
import type { Address, EndpointNames, Front, FrontOptions } from './front-options.ts'
import { followHandshakes } from './handshakes.ts'
import { Identities } from './identity.ts'
import { FRONT_LIMITS, type FrontLimits } from './limits.ts'
import { listen } from './listen.ts'
import { LiveConnections } from './live-connections.ts'
import { causeOfError } from './mqtt-causes.ts'
import { type ConnectionOrigin, MqttConnection } from './mqtt-connection.ts'
import { peerOf } from './peer.ts'
import { Presence } from './presence.ts'
import { readTlsFacts } from './tls-facts.ts'
import { type Endpoint, isMqtt, type TlsListener, tlsOptions } from './tls-options.ts'

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
      exchangeEndpoint: (endpoint) => front.exchangeEndpoint(endpoint),
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
  readonly #sessions: Sessions | undefined
  /** By account and region; made when the first client of a scope comes. */
  readonly #portsByScope = new Map<string, ConnectionPorts>()
  readonly #stopFollowing: () => void
  readonly #servers: Server[] = []
  readonly #tlsServers: { readonly listener: TlsListener; readonly server: TlsServer }[] = []
  readonly #abortHandshakes: ((cause: AttemptCause) => void)[] = []
  readonly #connections = new Set<MqttConnection>()
  /** Connections that others serve. */
  readonly #handedOver = new Set<Socket>()
  /** TCP connections of any kind. */
  #open = 0

  constructor(options: FrontOptions) {
    this.#options = options
    this.#limits = { ...FRONT_LIMITS, ...options.limits }
    this.#arrivals = new Arrivals(options.timers, this.#limits)
    // Before anybody can publish: what is stored has subscriptions.
    this.#sessions =
      options.sessions && new Sessions({ ...options, ...options.sessions, limits: options.sessions.limits ?? {} })
    this.attempts = new AttemptLog({ ...options, limits: this.#limits, defaultScope: options.names.defaultScope })
    this.#stopFollowing = options.registry.onCommit((scope, changes) =>
      this.#portsByScope.get(keyOf(scope))?.live.apply(changes),
    )
  }

  async listenTls(listener: TlsListener, at: Address): Promise<Address> {
    const server = this.#createTlsServer(listener)
    const abort = followHandshakes(server, {
      listener,
      attempts: this.attempts,
      arrivals: this.#arrivals,
      admits: (socket) => this.#admits(socket),
      onSecure: (socket, attempt, remoteAddress) => this.#route(listener, socket, attempt, remoteAddress),
    })
    this.#abortHandshakes.push(abort)
    this.#servers.push(server)
    this.#tlsServers.push({ listener, server })
    return listen(server, listener, at, this.#options.log)
  }

  async listenPlain(at: Address): Promise<Address> {
    if (!LOOPBACK.has(at.host)) throw frontFault('PLAIN_LISTENER_EXPOSED', { host: at.host })
    const server = createPlainServer({ noDelay: true }, (socket) => {
      const peer = peerOf(socket)
      if (peer === undefined || !this.#admits(socket)) return void socket.destroy()
      const attempt = this.attempts.open({ listener: 'mqtt-plain', remoteAddress: peer.address })
      this.#serveMqtt(socket, { attempt, remoteAddress: peer.address, presented: undefined })
    })
    this.#servers.push(server)
    return listen(server, 'mqtt-plain', at, this.#options.log)
  }

  /** Stops listening, ends what is open, and resolves when the last socket is closed. */
  async close(): Promise<void> {
    const closed = this.#servers.splice(0).map((server) => closeServer(server))
    for (const abort of this.#abortHandshakes.splice(0)) abort(attemptCause('SERVER_SHUTTING_DOWN'))
    for (const connection of this.#connections) connection.shutDown()
    for (const socket of this.#handedOver) socket.destroy()
    await Promise.all(closed)
    this.#sessions?.close()
    this.#stopFollowing()
  }

  endConnection(
    scope: Scope,
    clientId: string,
    { cleanSession = false, preventWill = false }: { readonly cleanSession?: boolean; readonly preventWill?: boolean },
  ): boolean {
    const hadConnection = this.#portsOf(scope).live.endByOrder(clientId, { withoutWill: preventWill })
    const hadSession = cleanSession && this.#sessions?.in(scope).end(clientId) === true
    return hadConnection || hadSession
  }

  exchangeEndpoint(endpoint: Endpoint): void {
    for (const { listener, server } of this.#tlsServers) {
      orUnusable(() => server.setSecureContext(tlsOptions(listener, endpoint)))
    }
  }

  #createTlsServer(listener: TlsListener): TlsServer {
    return orUnusable(() => createTlsServer(tlsOptions(listener, this.#options.endpoint)))
  }

  #admits(socket: Socket): boolean {
    const { connectionsMax } = this.#limits
    if (this.#open >= connectionsMax) {
      this.#options.log.write('warn', 'front.limit', { limit: 'connectionsMax', value: connectionsMax })
      return false
    }
    this.#open++
    socket.on('close', () => this.#open--)
    return true
  }

  #route(listener: TlsListener, socket: TLSSocket, attempt: AttemptRecord, remoteAddress: string): void {
    try {
      const presented = readTlsFacts(socket, attempt)
      if (isMqtt(listener, presented.alpn)) this.#serveMqtt(socket, { attempt, remoteAddress, presented })
      else this.#handOver(socket, attempt)
    } catch (error) {
      this.#options.log.write('error', 'front.connection-failed', { attempt: attempt.id, why: messageOf(error) })
      attempt.blame(causeOfError(error))
      attempt.end('refused', 'SERVER_ERROR', { bytesIn: socket.bytesRead, bytesOut: socket.bytesWritten })
      socket.destroy()
    }
  }

  #serveMqtt(socket: Socket, origin: ConnectionOrigin): void {
    const scope = scopeFor(this.#options.names, origin.presented?.sni)
    origin.attempt.belongsTo(scope)
    const connection = new MqttConnection(socket, origin, this.#portsOf(scope))
    this.#connections.add(connection)
    socket.on('close', () => this.#connections.delete(connection))
  }

  #portsOf(scope: Scope): ConnectionPorts {
    const key = keyOf(scope)
    const known = this.#portsByScope.get(key)
    if (known !== undefined) return known
    const shared = { arrivals: this.#arrivals, limits: this.#limits, sessions: this.#sessions?.in(scope) }
    const ports = connectionPorts(this.#options, scope, shared)
    this.#portsByScope.set(key, ports)
    return ports
  }

  /** What becomes of it is in the log of whoever serves it; the attempt tells that it came and went. */
  #handOver(socket: TLSSocket, attempt: AttemptRecord): void {
    this.#handedOver.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#handedOver.delete(socket)
      attempt.end('ended', 'it was served as HTTPS', { bytesIn: socket.bytesRead, bytesOut: socket.bytesWritten })
    })
    if (this.#options.onHttps !== undefined) return this.#options.onHttps(socket)
    const why = 'HTTPS, which nothing serves here'
    attempt.blame(attemptCause('MQTT_FEATURE_UNSUPPORTED', { why, remedy: 'Ask for MQTT by ALPN x-amzn-mqtt-ca.' }))
    socket.destroy()
  }
}

function connectionPorts(
  options: FrontOptions,
  scope: Scope,
  shared: Pick<ConnectionPorts, 'arrivals' | 'limits' | 'sessions'>,
): ConnectionPorts {
  const { clock, entropy, log, names, timers } = options
  const registry = options.registry.in(scope)
  const bus = options.busOf(scope)
  const asked = options.profile ?? AWS_PROFILE
  const profile = shared.sessions === undefined ? { ...asked, sessionExpiryMax: 0 } : asked
  return {
    ...shared,
    registry,
    identities: new Identities(registry),
    authorities: new Authorities(registry),
    templates: new TemplateCache(),
    names,
    elsewhere: new Elsewhere(options.registry, scope),
    profile,
    deniedConnect: options.deniedConnect ?? 'close',
    firstConnection: options.firstConnection ?? 'close',
    deniedSubscribe: options.deniedSubscribe ?? 'close',
    serviceNames: new Set((options.services ?? []).map(({ name }) => name)),
    services: new Map((options.services ?? []).map((service) => [service.name, service])),
    live: new LiveConnections(),
    bus,
    presence: new Presence({ bus, profile, clock, log }),
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

function orUnusable<Result>(use: () => Result): Result {
  try {
    return use()
  } catch (error) {
    throw frontFault('ENDPOINT_UNUSABLE', { why: messageOf(error) }, error)
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost'])

import { join } from 'node:path'
import { createControlPlane } from '@birthmark/cloud/api'
import { type Bus, LocalBus } from '@birthmark/cloud/bus'
import {
  type EndpointNames,
  type Front,
  type FrontOptions,
  startFront,
  type TopicService,
} from '@birthmark/cloud/front'
import { AWS_PROFILE } from '@birthmark/cloud/mqtt'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import type { SessionStore } from '@birthmark/cloud/sessions'
import { openSqliteSessions } from '@birthmark/cloud/sessions/sqlite'
import { type Clock, type Entropy, isFault, type Log, type Timers } from '@birthmark/foundation/kernel'
import { makeFolder, replaceFile } from '@birthmark/foundation/system'
import { type FirstAccessKey, loadAccessKey } from './access-key.ts'
import { loadScope } from './account.ts'
import { ConnectivityBook } from './connectivity.ts'
import { openControl } from './control-listeners.ts'
import { createDataPlane } from './data-plane.ts'
import { type EndpointCertificate, makeEndpointCertificate } from './endpoint-certificate.ts'
import { EndpointRenewal } from './endpoint-renewal.ts'
import { Endpoints } from './endpoints.ts'
import { listenFault } from './listen.ts'
import { startRegistryEvents } from './registry-events.ts'
import { openMetrics, ServerMetrics } from './server-metrics.ts'
import { startWays } from './ways.ts'

/** What a server is told at its start. Ports: 0 takes any free one. */
export interface ServerOptions {
  /** The data directory; nothing outside it is written. Made when absent. */
  readonly folder: string
  /** Address to listen on. The plain-HTTP control plane listens on loopback whatever this says. */
  readonly address: string
  /** The name that clients use; the endpoint's certificate carries it beside `localhost` and the loopback addresses. */
  readonly host: string
  readonly region: string
  readonly mqttPort: number
  readonly httpsPort: number
  readonly controlPort: number
  readonly controlHttpPort: number
  /** Seconds that a session outlives its connection, at most; 3600 when absent, as at AWS IoT. 0: not at all. */
  readonly sessionExpiry?: number
  /** Stored messages that a client gets in a second; as many as it can take when absent. */
  readonly replayRate?: number
  /** Port of the metrics, on loopback; there is none when absent. */
  readonly metricsPort?: number
  /** Holds each account to AWS IoT's rates of requests. */
  readonly throttle?: 'aws'
  readonly clock: Clock
  readonly entropy: Entropy
  readonly timers: Timers
  readonly log: Log
  /** Whether a device that just-in-time provisioning has activated is let in at once; `close` when absent (AWS IoT). */
  readonly firstConnection?: 'close' | 'inline'
  /** What a claim gets that asks for a thing which has another certificate; `bind` when absent, as at AWS IoT. */
  readonly existingThings?: 'bind' | 'replace' | 'refuse'
  /** Called once the data directory is known to be ours alone. */
  readonly openCertificateProvider: () => Promise<CertificateProvider>
}

/** A cloud that serves, and where. */
export interface RunningServer {
  readonly scope: Scope
  readonly accessKey: FirstAccessKey
  /** Path of the root's certificate in PEM: what clients trust. */
  readonly rootPath: string
  /** `host:port` of each listener. */
  readonly mqtt: string
  readonly https: string
  readonly control: string
  readonly controlHttp: string
  /** Address of the metrics, when a port was named for them. */
  readonly metrics: string | undefined
  /** Ends every connection, then the store. What was acknowledged is on disk already. */
  close(): Promise<void>
}

/**
 * Starts the cloud on a data directory: registry, endpoint certificate, device listeners, control plane.
 *
 * @throws faults of the registry (a data directory in use, no rights), of {@link openControl}, of the provider
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const closing: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).toReversed()) await step()
  }
  try {
    const metrics = new ServerMetrics(options.clock)
    const started = await startParts({ ...options, log: metrics.watchLog(options.log) }, metrics, closing)
    options.log.write('info', 'server.ready', { mqtt: started.mqtt, control: started.control })
    return { ...started, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startParts(
  options: ServerOptions,
  metrics: ServerMetrics,
  closing: (() => Promise<void>)[],
): Promise<Omit<RunningServer, 'close'>> {
  const { clock, entropy, log } = options
  makeFolder(options.folder)
  const registry = await openSqliteRegistry({ folder: join(options.folder, 'registry'), clock, log })
  closing.push(() => registry.close())
  metrics.watchRegistry(registry)
  const sessions = openSqliteSessions({ folder: join(options.folder, 'sessions'), clock, log })
  closing.push(async () => sessions.close())
  const scope = loadScope(options.folder, options.region, entropy)
  const provider = await options.openCertificateProvider()
  const endpoints = await Endpoints.open({ registry, defaultScope: scope, host: options.host, clock, entropy })
  const endpoint = await makeEndpointCertificate(provider, endpoints.certificateNames(), clock)
  const rootPath = join(options.folder, 'root.pem')
  replaceFile(rootPath, endpoint.root.toPem(), { mode: 0o644 })
  const connectivity = new ConnectivityBook()
  const busOf = busPerScope(entropy, metrics, connectivity)
  let controlHttp = ''
  const endpointUrl = (): string => controlHttp
  const ways = await startWays(options, { registry, busOf, certificateProvider: provider, endpointUrl })
  closing.push(() => ways.close())
  const front = await openFront(options, endpoints, { registry, sessions, busOf }, endpoint, [ways.service])
  closing.push(() => front.close())
  const stopEvents = startRegistryEvents({ registry, busOf, clock, log })
  closing.push(async () => stopEvents())
  const controlPlane = createControlPlane({
    registry,
    attempts: front.attempts,
    certificateProvider: provider,
    endpointAddress: (of) => endpoints.addressOf(of),
    connectivityOf: (of, thingName) => connectivity.of(of, thingName),
    tasks: ways.tasks,
    controlUrl: endpointUrl,
    invokeFunction: (of, arn, event) => ways.functions.invoke(of, arn, event),
    defaultAccount: scope.account,
    ...(options.throttle !== undefined && { throttle: options.throttle }),
    metrics: () => metrics.text(),
    isReady: () => closing.length > 0,
    clock,
    entropy,
    log,
  })
  const control = await openControl(options, endpoint, (request, response) => controlPlane.handle(request, response))
  closing.push(() => control.close())
  controlHttp = control.addresses.controlHttp
  const renewal = new EndpointRenewal({
    first: endpoint,
    provider,
    names: () => endpoints.certificateNames(),
    exchange: (next) => {
      front.exchangeEndpoint(next)
      control.exchangeEndpoint(next)
    },
    clock,
    timers: options.timers,
    log,
  })
  closing.push(async () => renewal.close())
  endpoints.whenNamed(() => void renewal.renew())
  const { metricsPort } = options
  const scraped = metricsPort === undefined ? undefined : await openMetrics(metricsPort, metrics, log)
  if (scraped !== undefined) closing.push(() => scraped.close())
  // Last: a start that fails must not use up the one time that the secret is shown.
  const accessKey = await loadAccessKey(registry.in(scope), clock, entropy)
  return { scope, accessKey, rootPath, ...front.addresses, ...control.addresses, metrics: scraped?.address }
}

interface OpenFront {
  readonly attempts: Front['attempts']
  readonly addresses: { readonly mqtt: string; readonly https: string }
  exchangeEndpoint(endpoint: EndpointCertificate): void
  close(): Promise<void>
}

/** What the front reads and writes. */
interface Stores {
  readonly registry: Registry
  readonly sessions: SessionStore
  readonly busOf: (scope: Scope) => Bus
}

async function openFront(
  options: ServerOptions,
  names: EndpointNames,
  { registry, sessions, busOf }: Stores,
  endpoint: EndpointCertificate,
  services: readonly TopicService[],
): Promise<OpenFront> {
  const front = await startListening(options, {
    names,
    registry,
    busOf,
    profile: {
      ...AWS_PROFILE,
      ...(options.sessionExpiry !== undefined && { sessionExpiryMax: options.sessionExpiry }),
    },
    sessions: {
      store: sessions,
      limits: options.replayRate === undefined ? {} : { replayPerSecond: options.replayRate },
    },
    listeners: {
      mqtt: { host: options.address, port: options.mqttPort },
      https: { host: options.address, port: options.httpsPort },
    },
    endpoint: { key: endpoint.keyPem, certificate: endpoint.chainPem },
    onHttps: createDataPlane(options.timers),
    services: [{ name: 'events' }, ...services],
    ...(options.firstConnection && { firstConnection: options.firstConnection }),
    clock: options.clock,
    timers: options.timers,
    entropy: options.entropy,
    log: options.log,
  })
  return {
    attempts: front.attempts,
    addresses: {
      mqtt: `${options.host}:${front.addresses.mqtt.port}`,
      https: `${options.host}:${front.addresses.https?.port ?? options.httpsPort}`,
    },
    exchangeEndpoint: ({ keyPem, chainPem }) => front.exchangeEndpoint({ key: keyPem, certificate: chainPem }),
    close: () => front.close(),
  }
}

/** Starts the front, and names the option by which a listener that failed is moved. */
async function startListening(options: ServerOptions, front: FrontOptions): Promise<Front> {
  try {
    return await startFront(front)
  } catch (error) {
    if (!isFault(error, 'LISTEN_FAILED')) throw error
    const { listener, port } = error.context
    const option = listener === 'https' ? '--https-port' : '--mqtt-port'
    throw listenFault(error.cause, { address: options.address, port: Number(port), option })
  }
}

/** Messages of one account and region never reach another. */
function busPerScope(entropy: Entropy, metrics: ServerMetrics, connectivity: ConnectivityBook): (scope: Scope) => Bus {
  const buses = new Map<string, Bus>()
  return (scope) => {
    const key = `${scope.account}/${scope.region}`
    const known = buses.get(key)
    if (known !== undefined) return known
    const bus = metrics.watchBus(new LocalBus(AWS_PROFILE, entropy))
    connectivity.follow(scope, bus)
    buses.set(key, bus)
    return bus
  }
}

import { join } from 'node:path'
import { createControlPlane, createDataPlaneService } from '@birthmark/cloud/api'
import { Authorizers } from '@birthmark/cloud/authorizers'
import { BUILT_IN_LOCAL_POLICY, LOCAL_POLICY, type SecurityPolicy } from '@birthmark/cloud/front'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import type { Scope } from '@birthmark/cloud/registry'
import type { Clock, Entropy, Log, Timers } from '@birthmark/foundation/kernel'
import { replaceFile } from '@birthmark/foundation/system'
import { AbuseDesk, type AbuseOptions } from './abuse.ts'
import { type FirstAccessKey, loadAccessKey } from './access-key.ts'
import { loadScope } from './account.ts'
import { type BrokerSettings, brokerProfile } from './broker-settings.ts'
import { openBuses } from './buses.ts'
import { openControl } from './control-listeners.ts'
import { createDataPlane } from './data-plane.ts'
import { type Devices, openDevices } from './devices.ts'
import { Endpoints } from './endpoints.ts'
import { startRegistryEvents } from './registry-events.ts'
import { openMetrics, ServerMetrics } from './server-metrics.ts'
import { ShownEndpoints } from './shown-endpoints.ts'
import { openStores } from './stores.ts'
import { startWays } from './ways.ts'

/** What a server is told at its start. Ports: 0 takes any free one. */
export interface ServerOptions extends AbuseOptions, BrokerSettings {
  /** The data directory; nothing outside it is written. Made when absent. */
  readonly folder: string
  /** Address to listen on. The plain-HTTP control plane listens on loopback whatever this says. */
  readonly address: string
  /** The name that clients use; the endpoint's certificate carries it beside `localhost` and the loopback addresses. */
  readonly host: string
  readonly region: string
  readonly mqttPort: number
  readonly httpsPort: number
  /** MQTT without TLS, on loopback whatever the address; there is none when absent. */
  readonly mqttPlainPort?: number
  readonly controlPort: number
  readonly controlHttpPort: number
  /** Stored messages that a client gets in a second; as many as it can take when absent. */
  readonly replayRate?: number
  /** Port of the metrics, on loopback; there is none when absent. */
  readonly metricsPort?: number
  /** Processes that serve the device listeners; 0, and when absent: this one does. */
  readonly workers?: number
  /** What the devices' listeners speak under names that have none of their own; the default of AWS IoT when absent. */
  readonly securityPolicy?: SecurityPolicy
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
  /** How long a claim may take to use the certificate that it got; one hour when absent, as at AWS IoT. */
  readonly ownershipTokenSeconds?: number
  /** Whether a certificate with the key of another one of its thing stands beside it (`add`), or replaces it. */
  readonly sameKey?: 'add' | 'replace'
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
  /** The listener without TLS, when a port was named for it, and the policy of its clients, a JSON document. */
  readonly mqttPlain: { readonly address: string; readonly policy: string } | undefined
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

/** Opens what holds and serves devices' state, and begins to serve devices. */
async function openInside(options: ServerOptions, metrics: ServerMetrics, closing: (() => Promise<void>)[]) {
  const { clock, entropy, log } = options
  const stores = await openStores(options, closing)
  const { registry, retained } = stores
  metrics.watchRegistry(registry)
  const scope = loadScope(options.folder, options.region, entropy)
  const provider = await options.openCertificateProvider()
  const endpoints = await Endpoints.open({ registry, defaultScope: scope, host: options.host, clock, entropy })
  const shown = await ShownEndpoints.open({ ...options, names: endpoints, provider })
  const rootPath = join(options.folder, 'root.pem')
  replaceFile(rootPath, shown.endpoint.root.toPem(), { mode: 0o644 })
  const { buses, busOf, connectivity } = openBuses(options, metrics, retained)
  metrics.watchFolder(options.folder)
  metrics.watchClients(
    () => connectivity.connections,
    () => stores.sessions.counts,
  )
  const control = { url: '' }
  const abuse = new AbuseDesk(options, {
    ...options,
    registry,
    busOf,
    invoke: (of, arn, event, limit) => ways.functions.invoke(of, arn, event, limit),
  })
  closing.push(async () => abuse.close())
  const urls = { endpointUrl: () => control.url }
  const ways = await startWays(options, { registry, busOf, abuse, certificateProvider: provider, ...urls })
  closing.push(() => ways.close())
  const authorizers = new Authorizers({ registry, invoke: (...call) => ways.functions.invoke(...call), log })
  const endConnection: Devices['endConnection'] = (...args) => front.endConnection(...args)
  const dataPlane = createDataPlane({ ...options, busOf, retained, profile: brokerProfile(options), endConnection })
  const apiParts = {
    registry,
    certificateProvider: provider,
    endpointAddress: (of: Scope) => endpoints.addressOf(of),
    dataPlane,
    authorizers,
    clock,
    entropy,
    log,
  }
  const front: Devices = await openDevices(options, {
    ...options,
    ...stores,
    buses,
    busOf,
    scope,
    http: createDataPlaneService(apiParts),
    names: endpoints,
    watchSessions: (opened) => abuse.opened(opened),
    services: [ways.service],
    authorizers,
    endpoints: shown.shown,
    count: (counts) => metrics.countWorkers(counts),
  })
  closing.push(() => front.close())
  if (front.running !== undefined) metrics.watchWorkers(front.running)
  return { registry, apiParts, scope, busOf, connectivity, abuse, ways, front, shown, control, rootPath }
}

async function startParts(
  options: ServerOptions,
  metrics: ServerMetrics,
  closing: (() => Promise<void>)[],
): Promise<Omit<RunningServer, 'close'>> {
  const { clock, entropy, log } = options
  const inside = await openInside(options, metrics, closing)
  const { registry, apiParts, scope, busOf, connectivity, abuse, ways, front, shown, rootPath } = inside
  const stopEvents = startRegistryEvents({ registry, busOf, clock, log })
  closing.push(async () => stopEvents())
  const controlPlane = createControlPlane({
    ...apiParts,
    attempts: front.attempts,
    alarms: abuse.book,
    connectivityOf: (of, thingName) => connectivity.of(of, thingName),
    tasks: ways.tasks,
    controlUrl: () => inside.control.url,
    invokeFunction: (of, arn, event) => ways.functions.invoke(of, arn, event),
    defaultAccount: scope.account,
    ...(options.throttle !== undefined && { throttle: options.throttle }),
    metrics: () => metrics.text(),
    isReady: () => closing.length > 0 && front.running?.() !== 0,
  })
  const control = await openControl(options, shown.endpoint, (...exchange) => controlPlane.handle(...exchange))
  closing.push(() => control.close())
  inside.control.url = control.addresses.controlHttp
  const stopRenewal = shown.follow((next, certificate) => {
    front.exchangeEndpoints(next)
    control.exchangeEndpoint(certificate)
  })
  closing.push(async () => stopRenewal())
  const { metricsPort } = options
  const scraped = metricsPort === undefined ? undefined : await openMetrics(metricsPort, metrics, log)
  if (scraped !== undefined) closing.push(() => scraped.close())
  // Last: a start that fails must not use up the one time that the secret is shown.
  const accessKey = await loadAccessKey(registry.in(scope), clock, entropy)
  const { mqtt, https, plain } = front.addresses
  const localPolicy = await registry.in(scope).policy(LOCAL_POLICY)
  const policy = localPolicy?.document ?? BUILT_IN_LOCAL_POLICY
  return {
    scope,
    accessKey,
    rootPath,
    mqtt: `${options.host}:${mqtt.port}`,
    https: `${options.host}:${https?.port ?? options.httpsPort}`,
    mqttPlain: plain && { address: `${plain.host}:${plain.port}`, policy },
    ...control.addresses,
    metrics: scraped?.address,
  }
}

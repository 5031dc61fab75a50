import { join } from 'node:path'
import { createControlPlane } from '@birthmark/cloud/api'
import { type Bus, LocalBus } from '@birthmark/cloud/bus'
import { type EndpointNames, type Front, type FrontOptions, startFront } from '@birthmark/cloud/front'
import { AWS_PROFILE } from '@birthmark/cloud/mqtt'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { type Clock, type Entropy, isFault, type Log, type Timers } from '@birthmark/foundation/kernel'
import { makeFolder, replaceFile } from '@birthmark/foundation/system'
import { type FirstAccessKey, loadAccessKey } from './access-key.ts'
import { loadScope } from './account.ts'
import { openControl } from './control-listeners.ts'
import { createDataPlane } from './data-plane.ts'
import { type EndpointCertificate, makeEndpointCertificate } from './endpoint-certificate.ts'
import { EndpointRenewal } from './endpoint-renewal.ts'
import { Endpoints } from './endpoints.ts'
import { listenFault } from './listen.ts'

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
  readonly clock: Clock
  readonly entropy: Entropy
  readonly timers: Timers
  readonly log: Log
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
    const started = await startParts(options, closing)
    options.log.write('info', 'server.ready', { mqtt: started.mqtt, control: started.control })
    return { ...started, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startParts(
  options: ServerOptions,
  closing: (() => Promise<void>)[],
): Promise<Omit<RunningServer, 'close'>> {
  const { clock, entropy, log } = options
  makeFolder(options.folder)
  const registry = await openSqliteRegistry({ folder: join(options.folder, 'registry'), clock, log })
  closing.push(() => registry.close())
  const scope = loadScope(options.folder, options.region, entropy)
  const provider = await options.openCertificateProvider()
  const endpoints = await Endpoints.open({ registry, defaultScope: scope, host: options.host, clock, entropy })
  const endpoint = await makeEndpointCertificate(provider, endpoints.certificateNames(), clock)
  const rootPath = join(options.folder, 'root.pem')
  replaceFile(rootPath, endpoint.root.toPem(), { mode: 0o644 })
  const front = await openFront(options, endpoints, registry, endpoint)
  closing.push(() => front.close())
  const controlPlane = createControlPlane({
    registry,
    attempts: front.attempts,
    certificateProvider: provider,
    endpointAddress: (of) => endpoints.addressOf(of),
    clock,
    entropy,
    log,
  })
  const control = await openControl(options, endpoint, (request, response) => controlPlane.handle(request, response))
  closing.push(() => control.close())
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
  // Last: a start that fails must not use up the one time that the secret is shown.
  const accessKey = await loadAccessKey(registry.in(scope), clock, entropy)
  return { scope, accessKey, rootPath, ...front.addresses, ...control.addresses }
}

interface OpenFront {
  readonly attempts: Front['attempts']
  readonly addresses: { readonly mqtt: string; readonly https: string }
  exchangeEndpoint(endpoint: EndpointCertificate): void
  close(): Promise<void>
}

async function openFront(
  options: ServerOptions,
  names: EndpointNames,
  registry: Registry,
  endpoint: EndpointCertificate,
): Promise<OpenFront> {
  const front = await startListening(options, {
    names,
    registry,
    busOf: busPerScope(),
    listeners: {
      mqtt: { host: options.address, port: options.mqttPort },
      https: { host: options.address, port: options.httpsPort },
    },
    endpoint: { key: endpoint.keyPem, certificate: endpoint.chainPem },
    onHttps: createDataPlane(options.timers),
    services: [{ name: 'events' }],
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
function busPerScope(): (scope: Scope) => Bus {
  const buses = new Map<string, Bus>()
  return ({ account, region }) => {
    const key = `${account}/${region}`
    const bus = buses.get(key) ?? new LocalBus(AWS_PROFILE)
    buses.set(key, bus)
    return bus
  }
}

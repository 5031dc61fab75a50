import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Bus } from '@birthmark/cloud/bus'
import {
  type AttemptKeeper,
  type Endpoints,
  FRONT_LIMITS,
  type Front,
  Presence,
  type PresencePort,
  type TopicService,
} from '@birthmark/cloud/front'
import type { Scope } from '@birthmark/cloud/registry'
import type { SqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import type { RetainedStore } from '@birthmark/cloud/retained'
import { Sessions, type SessionsOptions } from '@birthmark/cloud/sessions'
import { Hub, type HubBuses, type HubParts, Roster } from '@birthmark/cloud/workers'
import { type Clock, KeyedRates, type Log, type Timers } from '@birthmark/foundation/kernel'
import { brokerProfile, frontLimits } from './broker-settings.ts'
import { listen } from './listen.ts'
import { type FrontSettings, frontSettings, PLAIN_ADDRESS } from './open-front.ts'
import type { WorkerStart } from './worker-start.ts'

/** What the main process of a server with workers gives them. */
export interface WorkerFrontsParts {
  /** How many. */
  readonly workers: number
  /** The data directory. */
  readonly folder: string
  readonly scope: Scope
  readonly registry: SqliteRegistry
  readonly retainedStore: RetainedStore
  readonly sessions: Pick<SessionsOptions, 'store' | 'limits'>
  readonly buses: HubBuses
  readonly busOf: (scope: Scope) => Bus
  readonly endpoints: Endpoints
  readonly attemptKeeper?: AttemptKeeper
  readonly watchSessions: HubParts['watchSessions']
  readonly authorizers: HubParts['authorizers']
  readonly services: readonly TopicService[]
  readonly count: HubParts['count']
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** The fronts of the workers, as one. */
export interface WorkerFronts extends Pick<Front, 'addresses' | 'exchangeEndpoints' | 'close'> {
  readonly attempts: { list: Hub<WorkerStart>['attempts'] }
  endConnection(...args: Parameters<Front['endConnection']>): Promise<boolean>
  /** How many workers run. */
  readonly running: () => number
}

/**
 * Starts the front in processes of their own.
 *
 * @throws `WORKER_DID_NOT_START`, `PORT_IN_USE`, `PORT_NOT_PERMITTED`, `ADDRESS_NOT_USABLE`
 */
export async function openWorkerFronts(options: FrontSettings, parts: WorkerFrontsParts): Promise<WorkerFronts> {
  const { buses, folder, log, registry, scope, timers, workers } = parts
  const settings = { ...frontSettings(options), ...(await freePorts(options, log)) }
  const sessions = new Sessions({ ...parts, ...parts.sessions })
  const presenceOf = presencePerScope(options, parts)
  const roster = new Roster({ ...parts, sessionsOf: (of) => sessions.in(of), presenceOf })
  let { endpoints } = parts
  const endConnection: WorkerFronts['endConnection'] = async (of, clientId, choice = {}) => {
    const hadConnection = await hub.endConnection(of, clientId, choice.preventWill === true)
    const hadSession = choice.cleanSession === true && sessions.in(of).end(clientId)
    return hadConnection || hadSession
  }
  const hub: Hub<WorkerStart> = new Hub<WorkerStart>(
    {
      count: workers,
      entry: fileURLToPath(new URL('./worker.ts', import.meta.url)),
      start: () => ({ settings, workers, folder, scope, endpoints }),
      timers,
      log,
    },
    {
      ...parts,
      buses,
      roster,
      presenceOf,
      commit: (lists) => registry.commit(lists),
      retained: parts.retainedStore,
      takeConnect: connectRates(options, parts),
      services: new Map(parts.services.map((service) => [service.name, service])),
      endClient: endConnection,
    },
  )
  const close = async (): Promise<void> => {
    await hub.close()
    sessions.close()
  }
  await hub.open().catch(async (error: unknown) => {
    await close()
    throw error
  })
  return {
    addresses: {
      mqtt: { host: options.address, port: settings.mqttPort },
      https: { host: options.address, port: settings.httpsPort },
      ...(settings.mqttPlainPort !== undefined && { plain: { host: PLAIN_ADDRESS, port: settings.mqttPlainPort } }),
    },
    attempts: { list: (filter) => hub.attempts(filter) },
    endConnection,
    exchangeEndpoints: (next) => {
      endpoints = next
      hub.exchangeEndpoints(next)
    },
    running: () => hub.size,
    close,
  }
}

function presencePerScope(options: FrontSettings, parts: WorkerFrontsParts): (scope: Scope) => PresencePort {
  const profile = brokerProfile(options)
  const presences = new Map<string, PresencePort>()
  return (scope) => {
    const key = `${scope.account}/${scope.region}`
    const presence = presences.get(key) ?? new Presence({ ...parts, bus: parts.busOf(scope), profile })
    presences.set(key, presence)
    return presence
  }
}

/** Counts the connections of each client id of all workers. */
function connectRates(settings: FrontSettings, { clock }: WorkerFrontsParts): HubParts['takeConnect'] {
  const { connectsPerClientPerSecond } = { ...FRONT_LIMITS, ...frontLimits(settings) }
  const rates = new KeyedRates(connectsPerClientPerSecond)
  return ({ account, region }, clientId) => rates.take(`${account}/${region}/${clientId}`, clock.now())
}

/**
 * Looks whether the ports are free, and gives numbers to those that may be any: workers share a port with each other,
 * so they would share it with a second server too, and never know.
 */
async function freePorts(
  options: FrontSettings,
  log: Log,
): Promise<Pick<FrontSettings, 'mqttPort' | 'httpsPort' | 'mqttPlainPort'>> {
  const { address, mqttPlainPort: wished } = options
  const servers = [createServer(), createServer(), createServer()] as const
  const open = servers.slice(0, wished === undefined ? 2 : 3)
  try {
    const [mqtt, https, plain] = servers
    const plainAt = { address: PLAIN_ADDRESS, option: '--mqtt-plain-port' }
    return {
      mqttPort: await listen(mqtt, { address, port: options.mqttPort, option: '--mqtt-port' }, log),
      httpsPort: await listen(https, { address, port: options.httpsPort, option: '--https-port' }, log),
      ...(wished !== undefined && { mqttPlainPort: await listen(plain, { ...plainAt, port: wished }, log) }),
    }
  } finally {
    await Promise.all(open.map((server) => new Promise((resolve) => void server.close(resolve))))
  }
}

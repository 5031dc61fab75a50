import type { Bus } from '@birthmark/cloud/bus'
import {
  type AttemptKeeper,
  type AuthorizerPort,
  type EndpointNames,
  type Endpoints,
  FRONT_LIMITS,
  type Front,
  type FrontLimits,
  type FrontOptions,
  type HttpService,
  startFront,
  type TopicService,
  type WatchSessions,
} from '@birthmark/cloud/front'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import { type Clock, type Entropy, isFault, type Log, type Timers } from '@birthmark/foundation/kernel'
import { brokerProfile, frontLimits, type LimitChanges } from './broker-settings.ts'
import { listenFault } from './listen.ts'

/** How the front works: what of the server's options can be told to another process. */
export interface FrontSettings {
  readonly address: string
  readonly host: string
  readonly mqttPort: number
  readonly httpsPort: number
  /** MQTT without TLS; the listener is there when it is named. */
  readonly mqttPlainPort?: number
  readonly profile?: 'aws' | 'standard'
  readonly limits?: LimitChanges
  readonly sessionExpiry?: number
  readonly firstConnection?: 'close' | 'inline'
  readonly sameKey?: 'add' | 'replace'
}

/** What the front reads and writes, and whom it tells: in this process, or by way of the main process. */
export interface FrontParts {
  readonly names: EndpointNames
  readonly registry: Registry
  readonly sessions: FrontOptions['sessions']
  readonly busOf: (scope: Scope) => Bus
  readonly retained?: FrontOptions['retained']
  readonly presenceOf?: FrontOptions['presenceOf']
  readonly watchSessions: WatchSessions
  readonly authorizers: AuthorizerPort
  readonly connectRatesOf?: FrontOptions['connectRatesOf']
  readonly services: readonly TopicService[]
  readonly endpoints: Endpoints
  readonly http?: HttpService
  readonly attemptKeeper?: AttemptKeeper
  /** How many processes share the ports, and the limits on connections; absent when this one has them alone. */
  readonly sharedBy?: number
  readonly clock: Clock
  readonly timers: Timers
  readonly entropy: Entropy
  readonly log: Log
}

/** Gives what of larger options concerns the front, and nothing that cannot be serialised. */
export function frontSettings(options: FrontSettings): FrontSettings {
  const {
    address,
    host,
    mqttPort,
    httpsPort,
    sessionExpiry,
    firstConnection,
    sameKey,
    profile,
    limits,
    mqttPlainPort,
  } = options
  return {
    address,
    host,
    mqttPort,
    httpsPort,
    ...(mqttPlainPort !== undefined && { mqttPlainPort }),
    ...(profile !== undefined && { profile }),
    ...(limits !== undefined && { limits }),
    ...(sessionExpiry !== undefined && { sessionExpiry }),
    ...(firstConnection !== undefined && { firstConnection }),
    ...(sameKey !== undefined && { sameKey }),
  }
}

/**
 * Starts the front, and names the option by which a listener that failed is moved.
 *
 * @throws `PORT_IN_USE`, `PORT_NOT_PERMITTED`, `ADDRESS_NOT_USABLE`, other faults of the front
 */
export async function openFront(settings: FrontSettings, parts: FrontParts): Promise<Front> {
  const { connectRatesOf, presenceOf, retained, sessions, services, sharedBy = 1, ...others } = parts
  const { address, firstConnection, httpsPort, mqttPlainPort, mqttPort, sameKey } = settings
  const options: FrontOptions = {
    ...others,
    profile: brokerProfile(settings),
    limits: shareOf(frontLimits(settings), sharedBy),
    sharesPorts: parts.sharedBy !== undefined,
    ...(sessions !== undefined && { sessions }),
    ...(retained !== undefined && { retained }),
    ...(presenceOf !== undefined && { presenceOf }),
    ...(connectRatesOf !== undefined && { connectRatesOf }),
    listeners: {
      mqtt: { host: address, port: mqttPort },
      https: { host: address, port: httpsPort },
      ...(mqttPlainPort !== undefined && { plain: { host: PLAIN_ADDRESS, port: mqttPlainPort } }),
    },
    services: [{ name: 'events' }, { name: 'alarms' }, ...services],
    ...(firstConnection && { firstConnection }),
    ...(sameKey && { sameKey }),
  }
  try {
    return await startFront(options)
  } catch (error) {
    if (!isFault(error, 'LISTEN_FAILED')) throw error
    const { listener, port } = error.context
    const isPlain = listener === 'mqtt-plain'
    const option = OPTION_BY_LISTENER.get(String(listener)) ?? '--mqtt-port'
    throw listenFault(error.cause, { address: isPlain ? PLAIN_ADDRESS : address, port: Number(port), option })
  }
}

const OPTION_BY_LISTENER: ReadonlyMap<string, string> = new Map([
  ['https', '--https-port'],
  ['mqtt-plain', '--mqtt-plain-port'],
])

/** Where MQTT without TLS is served, whatever the address of the other listeners. */
export const PLAIN_ADDRESS = '127.0.0.1'

/** Gives each of several processes its part of what is limited for all of them together. */
function shareOf(changes: Partial<FrontLimits>, processes: number): Partial<FrontLimits> {
  const { connectionsMax, halfOpenMax } = { ...FRONT_LIMITS, ...changes }
  return {
    ...changes,
    connectionsMax: Math.ceil(connectionsMax / processes),
    halfOpenMax: Math.ceil(halfOpenMax / processes),
  }
}

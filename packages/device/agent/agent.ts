import { isFault, type Log, messageOf } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { type Backoff, backoffDelay } from './backoff.ts'
import { connectOnce, type DeviceConnection, type DevicePorts, type Endpoint } from './connection.ts'
import { agentFault } from './faults.ts'
import type { DeviceIdentity } from './identity.ts'

/** What {@link comeOnline} needs. */
export interface ComeOnline extends DevicePorts {
  readonly identity: DeviceIdentity
  readonly endpoint: Endpoint
  readonly clientId: string
  readonly backoff: Backoff
  /** Tries before giving up; a device in the field never does (`Infinity`). */
  readonly attemptsMax: number
  /** Called after each try that failed, counted from 1, before the wait. */
  readonly onFailedTry?: (attempt: number) => void
  readonly log: Log
}

/** A connection, and what it took. */
export interface Online {
  readonly connection: DeviceConnection
  /** Tries in all, 1 when the first one succeeded. */
  readonly attempts: number
  /** Why each try before the last failed, oldest first. */
  readonly failures: readonly string[]
}

/**
 * Connects until the endpoint lets the device in, waiting with jitter in between: the first connection of a device
 * that the cloud does not know yet is dropped once it is provisioned.
 *
 * @throws `TRIES_EXHAUSTED`; at once, whatever of `device/tls` no retry can cure (a wrong host name, a foreign chain)
 */
export async function comeOnline(options: ComeOnline): Promise<Online> {
  const failures: string[] = []
  for (let attempt = 1; ; attempt += 1) {
    try {
      const connection = await connectOnce(options.identity, options.endpoint, options.clientId, options)
      return { connection, attempts: attempt, failures }
    } catch (error) {
      if (!mayPass(error)) throw error
      options.onFailedTry?.(attempt)
      failures.push(isFault(error) ? error.code : messageOf(error))
      options.log.write('info', 'agent.connect', { client: options.clientId, attempt, failure: failures.at(-1) })
      if (attempt >= options.attemptsMax) {
        throw agentFault('TRIES_EXHAUSTED', { attempts: attempt, last: messageOf(error) }, error)
      }
    }
    await pause(backoffDelay(options.backoff, attempt, options.entropy), options.timers)
  }
}

/** A dropped, refused or unreachable connection may succeed later; a server that is not the right one will not. */
export function mayPass(error: unknown): boolean {
  return isFault(error) && PASSING.has(error.code)
}

const PASSING: ReadonlySet<string> = new Set([
  'ENDPOINT_UNREACHABLE',
  'CONNECTION_DROPPED',
  'CONNECTION_REFUSED',
  'TLS_TRUNCATED',
  'TLS_TRANSPORT_FAILED',
  'TLS_PEER_CLOSED',
  'TLS_HANDSHAKE_TIMEOUT',
])

import { type Bus, LocalBus } from '@birthmark/cloud/bus'
import type { Scope } from '@birthmark/cloud/registry'
import { type RetainedMessages, retainingBus } from '@birthmark/cloud/retained'
import { HubBuses } from '@birthmark/cloud/workers'
import type { Entropy, Log } from '@birthmark/foundation/kernel'
import { type BrokerSettings, brokerProfile } from './broker-settings.ts'
import { ConnectivityBook } from './connectivity.ts'
import { oncePerScope } from './once-per-scope.ts'
import type { ServerMetrics } from './server-metrics.ts'

/** The buses of a server, and what follows each of them from its beginning. */
export interface Buses {
  readonly busOf: (scope: Scope) => Bus
  /** The same as workers have their places at them; `undefined` without workers. */
  readonly buses: HubBuses | undefined
  readonly connectivity: ConnectivityBook
}

/** What buses need, of a server's options. */
interface BusesOptions extends BrokerSettings {
  readonly workers?: number
  readonly entropy: Entropy
  readonly log: Log
}

/** Makes what gives each account and region its bus. */
export function openBuses(options: BusesOptions, metrics: ServerMetrics, retained: RetainedMessages): Buses {
  const { entropy, log, workers = 0 } = options
  const profile = brokerProfile(options)
  const connectivity = new ConnectivityBook()
  const buses = workers > 0 ? new HubBuses(profile, entropy) : undefined
  const busOf = oncePerScope((scope) => {
    const bus = metrics.watchBus(buses?.of(scope) ?? new LocalBus(profile, entropy))
    connectivity.follow(scope, bus)
    return retainingBus(bus, retained.in(scope), log)
  })
  return { buses, busOf, connectivity }
}

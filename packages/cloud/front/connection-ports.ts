import type { ReservedService } from '@birthmark/cloud/mqtt'
import type { Timers } from '@birthmark/foundation/kernel'
import type { AdmissionPorts } from './admission-step.ts'
import type { Arrivals } from './arrivals.ts'
import type { FrontLimits } from './limits.ts'
import type { LiveConnections } from './live-connections.ts'

/** What every connection of a front shares. */
export interface ConnectionPorts extends AdmissionPorts {
  readonly arrivals: Arrivals
  readonly live: LiveConnections
  readonly services: ReadonlySet<ReservedService>
  readonly deniedSubscribe: 'close' | 'suback'
  readonly limits: FrontLimits
  readonly timers: Timers
}

import type { ReservedService } from '@birthmark/cloud/mqtt'
import type { ScopedSessions } from '@birthmark/cloud/sessions'
import type { Timers } from '@birthmark/foundation/kernel'
import type { AdmissionPorts } from './admission-step.ts'
import type { Arrivals } from './arrivals.ts'
import type { FrontLimits } from './limits.ts'
import type { LiveConnections } from './live-connections.ts'
import type { TopicService } from './topic-service.ts'

/** What every connection of a front shares. */
export interface ConnectionPorts extends AdmissionPorts {
  readonly arrivals: Arrivals
  readonly live: LiveConnections
  /** Absent when every session ends with its connection. */
  readonly sessions: ScopedSessions | undefined
  /** The names of {@link services}, shared by all sessions. */
  readonly serviceNames: ReadonlySet<ReservedService>
  readonly services: ReadonlyMap<ReservedService, TopicService>
  readonly deniedSubscribe: 'close' | 'suback'
  readonly limits: FrontLimits
  readonly timers: Timers
}

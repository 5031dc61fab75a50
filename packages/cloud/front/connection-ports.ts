import type { ReservedService } from '@birthmark/cloud/mqtt'
import type { ClientSessions } from '@birthmark/cloud/sessions'
import type { Timers } from '@birthmark/foundation/kernel'
import type { AdmissionPorts } from './admission-step.ts'
import type { Arrivals } from './arrivals.ts'
import type { FrontLimits } from './limits.ts'
import type { LiveConnections } from './live-connections.ts'
import type { RetainedSource } from './retained-replay.ts'
import type { SessionWatch } from './session-watch.ts'
import type { TopicService } from './topic-service.ts'

/** What every connection of a front shares. */
export interface ConnectionPorts extends AdmissionPorts {
  readonly arrivals: Arrivals
  /** Every connection of the front, until its socket is closed. */
  readonly connections: Set<{ shutDown(): void }>
  readonly live: LiveConnections
  /** Absent when nobody watches sessions begin. */
  readonly watch: SessionWatch | undefined
  /** Absent when every session ends with its connection. */
  readonly sessions: ClientSessions | undefined
  /** Absent when nothing is retained. */
  readonly retained: RetainedSource | undefined
  /** The names of {@link services}, shared by all sessions. */
  readonly serviceNames: ReadonlySet<ReservedService>
  readonly services: ReadonlyMap<ReservedService, TopicService>
  readonly deniedSubscribe: 'close' | 'suback'
  readonly limits: FrontLimits
  readonly timers: Timers
}

import type { Endpoints } from '@birthmark/cloud/front'
import type { Scope } from '@birthmark/cloud/registry'
import type { FrontSettings } from './open-front.ts'

/** What a worker is told at its start. */
export interface WorkerStart {
  readonly settings: FrontSettings
  /** How many workers share the ports and the limits on connections. */
  readonly workers: number
  /** The data directory. */
  readonly folder: string
  readonly scope: Scope
  readonly endpoints: Endpoints
}

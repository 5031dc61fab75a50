import type { ControlPlaneOptions, DataPlane } from '@birthmark/cloud/api'
import type { Front } from '@birthmark/cloud/front'
import type { SessionLimits } from '@birthmark/cloud/sessions'
import type { HubBuses } from '@birthmark/cloud/workers'
import { type FrontParts, type FrontSettings, openFront } from './open-front.ts'
import type { Stores } from './stores.ts'
import { openWorkerFronts, type WorkerFrontsParts } from './worker-fronts.ts'

/** The listeners for devices, in this process or in workers. */
export type Devices = Pick<Front, 'addresses' | 'exchangeEndpoints' | 'close'> & {
  readonly attempts: ControlPlaneOptions['attempts']
  readonly endConnection: DataPlane['endConnection']
  /** Workers that run; absent without any. */
  readonly running?: () => number
}

/** What of a server's options concerns devices. */
export interface DevicesOptions extends FrontSettings {
  readonly workers?: number
  readonly replayRate?: number
}

/** What devices are served with. */
export type DevicesParts = Omit<FrontParts & WorkerFrontsParts, 'attemptKeeper' | 'buses' | 'sessions' | 'workers'> &
  Stores & { readonly buses: HubBuses | undefined }

/**
 * Begins to serve devices.
 *
 * @throws as {@link openFront} and {@link openWorkerFronts}
 */
export function openDevices(options: DevicesOptions, parts: DevicesParts): Promise<Devices> {
  const { attemptKeeper, buses, sessions, ...others } = parts
  const common = {
    ...others,
    ...(attemptKeeper !== undefined && { attemptKeeper }),
    sessions: { store: sessions, limits: sessionLimits(options) },
  }
  if (buses === undefined) return openFront(options, common)
  return openWorkerFronts(options, { ...common, buses, workers: options.workers ?? 0 })
}

function sessionLimits({ limits, replayRate }: DevicesOptions): Partial<SessionLimits> {
  return { ...limits?.sessions, ...(replayRate !== undefined && { replayPerSecond: replayRate }) }
}

import type { IoTClient } from '@aws-sdk/client-iot'
import type { Authority } from '@birthmark/factory/authority'
import type { CommandOptions } from '../../processes.ts'
import type { DemoCloud } from '../cloud.ts'

/** One way by which devices come online, as the demo shows it. */
export interface Way {
  /** One line for the help. */
  readonly summary: string
  /** Options of `birthmark server` that it needs. */
  readonly server?: CommandOptions
  /** @throws `DEMO_WAY_WRONG` when a device that should be online is not, or one that should not be is */
  run(context: WayContext): Promise<WayResult>
}

/** What a way is shown with. */
export interface WayContext {
  readonly cloud: DemoCloud
  /** AWS's own client, with the rights of the default account. */
  readonly client: IoTClient
  /** For files; everything is written below it. */
  readonly folder: string
  /** A chip vendor with a CA of its own. */
  readonly vendor: Authority
  /** Gives the first cause that the cloud has on record for a certificate. */
  readonly why: (certificateId: string) => Promise<string>
  /** Tells the next step. */
  readonly say: (step: string) => void
}

/** What a way came to. */
export interface WayResult {
  readonly online: readonly OnlineDevice[]
  readonly refused: readonly RefusedDevice[]
}

/** A device whose message the cloud has acknowledged. */
export interface OnlineDevice {
  readonly thingName: string
  readonly certificateId: string
  /** 12 digits. */
  readonly account: string
  /** Connections until it was let in. */
  readonly connections: number
}

/** A device that must not come online this way. */
export interface RefusedDevice {
  readonly device: string
  readonly why: string
}

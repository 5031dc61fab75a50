import type { AlarmBook } from '@birthmark/cloud/abuse'
import type { Authorizers } from '@birthmark/cloud/authorizers'
import type { AttemptSource } from '@birthmark/cloud/front'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import type { Clock, Entropy, Log } from '@birthmark/foundation/kernel'
import type { DataPlane } from './data-plane/data-plane.ts'
import type { Connectivity } from './operation-types.ts'
import type { TaskRunner } from './tasks/task.ts'

/** What a control plane works on and with. */
export interface ControlPlaneOptions {
  readonly registry: Registry
  /** Connections and what became of them; of several processes they come a moment later. */
  readonly attempts: {
    list(...filter: Parameters<AttemptSource['list']>): Awaitable<ReturnType<AttemptSource['list']>>
  }
  /** What was noticed of abuse; nothing when absent. */
  readonly alarms?: Pick<AlarmBook, 'list'>
  readonly certificateProvider: CertificateProvider
  /** Gives the host name that an account's devices connect to in a region, without a port; `undefined`: not served. */
  readonly endpointAddress: (scope: Scope) => string | undefined
  /** What the operations of the data plane work on; they are not implemented when absent. */
  readonly dataPlane?: DataPlane
  /** Runs bulk registration; there is none when absent. */
  readonly tasks?: TaskRunner
  /** Gives the address at which this control plane is reached; for links in its answers. */
  readonly controlUrl?: () => string
  /** Asks a custom authorizer; there are none when absent. */
  readonly authorizers?: Pick<Authorizers, 'test'>
  /** Runs a function; there are none when absent. */
  readonly invokeFunction?: (scope: Scope, arn: string, event: unknown) => Promise<object>
  /** Gives what is known of the client that connects as a thing; nothing is known when absent. */
  readonly connectivityOf?: (scope: Scope, thingName: string) => Connectivity | undefined
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
  readonly limits?: {
    /** {@link REQUEST_BYTES_MAX} when absent. */
    readonly requestBytesMax?: number
  }
  /** The account whose administrators open others; nobody may when absent. */
  readonly defaultAccount?: string
  /** Holds each account to AWS IoT's rates; no request is throttled when absent. */
  readonly throttle?: 'aws'
  /** Tells whether devices and tools are served; the server is ready from the start when absent. */
  readonly isReady?: () => boolean
  /** Gives the metrics in Prometheus's text format; there are none when absent. */
  readonly metrics?: () => string
}

type Awaitable<Value> = Value | Promise<Value>

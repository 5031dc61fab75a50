import type { TLSSocket } from 'node:tls'
import type { Bus } from '@birthmark/cloud/bus'
import type { BrokerProfile } from '@birthmark/cloud/mqtt'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import type { Clock, Entropy, Log, Timers } from '@birthmark/foundation/kernel'
import type { AttemptSource } from './attempt.ts'
import type { FrontLimits } from './limits.ts'
import type { Endpoint } from './tls-options.ts'
import type { TopicService } from './topic-service.ts'

/** An address to listen on, or the one that is listened on. Port 0 takes any free one. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Tells which account and region a client means by the server name (SNI) that it sends. */
export interface EndpointNames {
  /** Where clients belong that send no name, or one that is nobody's. */
  readonly defaultScope: Scope
  /** Gives the scope whose name this is, `undefined` when it is nobody's. Asked for each connection. */
  scopeOf(serverName: string): Scope | undefined
}

/** What a front is told at its start. */
export interface FrontOptions {
  readonly names: EndpointNames
  readonly registry: Registry
  /** Gives the bus of an account and region, the same one each time: messages never cross. */
  readonly busOf: (scope: Scope) => Bus
  readonly listeners: {
    /** MQTT over TLS. */
    readonly mqtt: Address
    /** MQTT for clients that ask for it by ALPN; every other connection goes to {@link onHttps}. */
    readonly https?: Address
    /** MQTT without TLS for tools on this machine, loopback only: nobody is asked who they are, all is allowed. */
    readonly plain?: Address
  }
  readonly endpoint: Endpoint
  /** Takes a TLS connection of the HTTPS listener that does not speak MQTT. Without it they are closed. */
  readonly onHttps?: (socket: TLSSocket) => void
  readonly clock: Clock
  readonly timers: Timers
  readonly entropy: Entropy
  readonly log: Log
  /** {@link AWS_PROFILE} when absent. */
  readonly profile?: BrokerProfile
  /** The services behind reserved topics that run here, each at most once; none when absent. */
  readonly services?: readonly TopicService[]
  /** What a 3.1.1 client sees when its policy denies iot:Connect: its connection closes (AWS IoT), or CONNACK 5. */
  readonly deniedConnect?: 'close' | 'connack'
  /** What a 3.1.1 client sees when its policy denies iot:Subscribe: its connection closes (AWS IoT), or SUBACK 0x80. */
  readonly deniedSubscribe?: 'close' | 'suback'
  /** Limits that differ from {@link FRONT_LIMITS}. */
  readonly limits?: Partial<FrontLimits>
}

/** A front at work. */
export interface Front {
  readonly addresses: { readonly mqtt: Address; readonly https?: Address; readonly plain?: Address }
  readonly attempts: AttemptSource
  /**
   * Shows another certificate to the clients that come from now on.
   *
   * @throws `ENDPOINT_UNUSABLE` (operator)
   */
  exchangeEndpoint(endpoint: Endpoint): void
  /** Stops listening, ends every session (DISCONNECT 0x8B), and resolves when every socket is closed. */
  close(): Promise<void>
}

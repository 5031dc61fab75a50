import type { Bus } from '@birthmark/cloud/bus'
import type { BrokerProfile } from '@birthmark/cloud/mqtt'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import type { ClientSessions, SessionLimits, SessionStore } from '@birthmark/cloud/sessions'
import type { Clock, Entropy, Log, Timers } from '@birthmark/foundation/kernel'
import type { AttemptSource } from './attempt.ts'
import type { AttemptKeeper } from './attempt-keeper.ts'
import type { AuthorizerPort } from './authorizer-port.ts'
import type { ConnectRates } from './connect-rates.ts'
import type { HttpService } from './http-ports.ts'
import type { FrontLimits } from './limits.ts'
import type { PresencePort } from './presence.ts'
import type { RetainedSource } from './retained-replay.ts'
import type { WatchSessions } from './session-watch.ts'
import type { Endpoints } from './tls-options.ts'
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
    /** MQTT for clients that ask for it by ALPN; HTTP, and MQTT over WebSocket, for all others. */
    readonly https?: Address
    /** MQTT without TLS for tools on this machine, loopback only: its clients are the principal `local`. */
    readonly plain?: Address
  }
  /** Whether other processes of this server listen on the same ports, each for a part of the connections. */
  readonly sharesPorts?: boolean
  readonly endpoints: Endpoints
  /** Answers what is asked over HTTP; without it every request is refused. */
  readonly http?: HttpService
  readonly clock: Clock
  readonly timers: Timers
  readonly entropy: Entropy
  readonly log: Log
  /** {@link AWS_PROFILE} when absent. */
  readonly profile?: BrokerProfile
  /** The services behind reserved topics that run here, each at most once; none when absent. */
  readonly services?: readonly TopicService[]
  /**
   * What a 3.1.1 client sees when its policy denies iot:Connect: its connection closes (AWS IoT), or CONNACK 5; as the
   * profile has it when absent.
   */
  readonly deniedConnect?: 'close' | 'connack'
  /** Whether a device that its first connection has provisioned connects again (`close`, AWS IoT) or is let in. */
  readonly firstConnection?: 'close' | 'inline'
  /** Whether a new certificate stands beside another one of its thing with the same key (`add`), or replaces it. */
  readonly sameKey?: 'add' | 'replace'
  /** The same when its policy denies iot:Subscribe: its connection closes (AWS IoT), or SUBACK 0x80. */
  readonly deniedSubscribe?: 'close' | 'suback'
  /**
   * Keeps the sessions that outlive their connections. The front uses it until it is closed and leaves it open. Without
   * it every session ends with its connection, and clients are told so. Where another process has them, what gives
   * those of an account and region, the same object each time.
   */
  readonly sessions?:
    | { readonly store: SessionStore; readonly limits?: Partial<SessionLimits> }
    | { in(scope: Scope): ClientSessions }
  /** Gives what is retained in an account and region, the same object each time; nothing is retained when absent. */
  readonly retained?: { in(scope: Scope): RetainedSource }
  /** Tells subscribers of the clients of an account and region; the front itself does when absent. */
  readonly presenceOf?: (scope: Scope) => PresencePort
  /** Counts the connections of each client id of an account and region; the front itself does when absent. */
  readonly connectRatesOf?: (scope: Scope) => ConnectRates
  /** The custom authorizers, in this process or by way of another; none is asked when absent. */
  readonly authorizers?: AuthorizerPort
  /** Hears of each session that begins with a certificate. */
  readonly watchSessions?: WatchSessions
  /** Keeps refused attempts on disk; they are in memory only when absent. */
  readonly attemptKeeper?: AttemptKeeper
  /** Limits that differ from {@link FRONT_LIMITS}. */
  readonly limits?: Partial<FrontLimits>
}

/** A front at work. */
export interface Front {
  readonly addresses: { readonly mqtt: Address; readonly https?: Address; readonly plain?: Address }
  readonly attempts: AttemptSource
  /**
   * Shows other certificates to the clients that come from now on, by other security policies.
   *
   * @throws `ENDPOINT_UNUSABLE` (operator); some listeners may have changed then
   */
  exchangeEndpoints(endpoints: Endpoints): void
  /**
   * Ends the connection of a client, if it has one (DISCONNECT 0x98), as AWS IoT's DeleteConnection does.
   *
   * @param choice.cleanSession Whether its session ends too, connected or not, with the messages that wait for it.
   * @param choice.preventWill Whether its will is not published.
   * @returns whether there was a connection, or a session that ended
   */
  endConnection(
    scope: Scope,
    clientId: string,
    choice?: { readonly cleanSession?: boolean; readonly preventWill?: boolean },
  ): boolean
  /** Stops listening, ends every session (DISCONNECT 0x8B), and resolves when every socket is closed. */
  close(): Promise<void>
}

import type * as iot from '@aws-sdk/client-iot'
import type { Authorizers } from '@birthmark/cloud/authorizers'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import type { Scope, ScopedRegistry } from '@birthmark/cloud/registry'
import type { Entropy, Instant } from '@birthmark/foundation/kernel'
import type { GetOutputType } from '@smithy/types'
import type { DataPlane } from './data-plane/data-plane.ts'
import type { TaskRunner } from './tasks/task.ts'

/** The name of an operation of AWS IoT's control plane, for example `CreateThing`. */
export type OperationName = Exclude<
  { [Key in keyof typeof iot]: Key extends `${infer Name}Command` ? Name : never }[keyof typeof iot],
  '$'
>

type CommandOf<Name extends OperationName> = InstanceType<(typeof iot)[`${Name}Command`]>

/** A required member has no question mark in the SDK's type but may be undefined there; a parsed one never is. */
type Parsed<Given> = {
  [Key in keyof Given]: object extends Pick<Given, Key> ? Given[Key] : Exclude<Given[Key], undefined>
}

/** What an operation is asked, in the SDK's own type. */
export type Input<Name extends OperationName> = Parsed<CommandOf<Name>['input']>

/** What an operation answers, in the SDK's own type. */
type Output<Name extends OperationName> = Omit<GetOutputType<CommandOf<Name>>, '$metadata'>

/** The operations of AWS IoT's control plane as functions. */
export type Operations = { [Name in OperationName]: (input: Input<Name>, call: Call) => Promise<Output<Name>> }

/** What an operation may use: the registry of the caller's account and region, and the world. */
export interface Call {
  readonly registry: ScopedRegistry
  readonly certificateProvider: CertificateProvider
  /** Gives the host name that devices of an account connect to in a region; `undefined` when it is not served. */
  readonly endpointAddress: (scope: Scope) => string | undefined
  /** Gives what is known of the client that connects as a thing; `undefined` when it never did. */
  readonly connectivityOf?: ((scope: Scope, thingName: string) => Connectivity | undefined) | undefined
  /** What the operations of the data plane work on; they are not implemented when absent. */
  readonly dataPlane?: DataPlane
  /** Runs bulk registration; absent where none runs. */
  readonly tasks?: TaskRunner
  /** The custom authorizers at work; absent where none is asked. */
  readonly authorizers?: Pick<Authorizers, 'test'>
  /** Gives the address at which this control plane is reached. */
  readonly controlUrl?: () => string
  /** When the request came. */
  readonly now: Instant
  readonly entropy: Entropy
}

/** Whether a thing's client is connected. */
export interface Connectivity {
  readonly connected: boolean
  /** When it connected, or its connection ended. */
  readonly at: Instant
  /** In AWS's words; absent while connected. */
  readonly disconnectReason: string | undefined
}

import type { AccessKeyRecord, Registry, Scope, ScopedRegistry } from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'
import type { ControlPlaneOptions } from '../control-plane-options.ts'
import type { Fields, Given } from './fields.ts'

/** What an operation of our own API may use. */
export interface OwnCall {
  /** From the query of a GET, from the JSON body of anything else. */
  readonly given: Given
  /** What stands in the path for `{name}`. */
  readonly label: string
  readonly caller: { readonly key: AccessKeyRecord; readonly scope: Scope }
  /** The caller's account and region; what is committed here is audited. */
  readonly registry: ScopedRegistry
  readonly whole: Registry
  readonly options: OwnOptions
  readonly now: Instant
}

/** What of a control plane's options the operations use. */
export type OwnOptions = Pick<
  ControlPlaneOptions,
  'alarms' | 'invokeFunction' | 'attempts' | 'clock' | 'defaultAccount' | 'endpointAddress' | 'entropy' | 'metrics'
>

/** One operation of our own API: how it is called, who may, and what it does. The OpenAPI document is made of these. */
export interface OwnOperation {
  /** Its action is `birthmark:` and this name. */
  readonly name: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** The last part may be `{name}`. */
  readonly path: string
  readonly summary: string
  /** Whether the audit log tells of it. */
  readonly changes: boolean
  readonly fields: Fields
  /** What the answer has, by member. */
  readonly answers: Readonly<Record<string, string>>
  /** Whether the answer is the member `text` alone, as text/plain. */
  readonly plain?: boolean
  perform(call: OwnCall): Promise<object>
}

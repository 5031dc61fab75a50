import type { Millis, Timers } from '@birthmark/foundation/kernel'

/** Which token of a module. What is left out does not matter; of initialised tokens exactly one must be left. */
export interface TokenChoice {
  readonly label?: string
  /** The token's serial number, as it prints it. */
  readonly serial?: string
  readonly manufacturer?: string
  readonly model?: string
  readonly slotId?: bigint
}

/** Which token of a module, how to log in, and how the module is run; every part has a default. */
export interface ModuleOptions extends TokenChoice {
  /** The user's PIN; without one the session stays public until {@link CryptokiModule.login}. */
  readonly pin?: string
  /** How long the module may be silent while a call waits; default 30 seconds, which a smart card's key may need. */
  readonly patience?: Millis
  readonly timers?: Timers
  /** Environment variables of the module's process, beside those of this one: where its configuration is. */
  readonly environment?: Readonly<Record<string, string>>
  /**
   * Program and words that run the module and speak the p11-kit remote protocol on their standard streams. Default:
   * `p11-kit remote PATH`. For a module that runs as another user, or in a sandbox.
   */
  readonly command?: readonly [string, ...string[]]
}

import { type Instant, millis } from './brand.ts'
import type { Cancel, Clock, Timers } from './ports.ts'

/**
 * A protocol without I/O: every call says what time it is and returns what the outside world has to do, in order.
 */
export interface Machine<Input, Effect> {
  receive(input: Input, now: Instant): readonly Effect[]
  tick(now: Instant): readonly Effect[]
  /** When {@link tick} must run at the latest; `undefined` while nothing waits for time. */
  readonly nextDeadline: Instant | undefined
}

/** What a machine needs from outside. */
export interface World<Effect> {
  readonly clock: Clock
  readonly timers: Timers
  perform(effect: Effect): void
}

/** A machine at work: feed it, and stop its timer when the connection is gone. */
export interface Driven<Input> {
  receive(input: Input): void
  stop(): void
}

/** Connects a machine to a world. The only loop of its kind in the code base. */
export function drive<Input, Effect>(machine: Machine<Input, Effect>, world: World<Effect>): Driven<Input> {
  let cancel: Cancel | undefined
  let armedFor: Instant | undefined
  let stopped = false
  const settle = (effects: readonly Effect[]): void => {
    for (const effect of effects) world.perform(effect)
    const deadline = stopped ? undefined : machine.nextDeadline
    if (deadline === armedFor) return
    cancel?.()
    cancel = undefined
    armedFor = deadline
    if (deadline === undefined) return
    cancel = world.timers.after(millis(Math.max(0, deadline - world.clock.now())), () => {
      armedFor = undefined
      settle(machine.tick(world.clock.now()))
    })
  }
  settle([])
  return {
    receive: (input) => {
      if (!stopped) settle(machine.receive(input, world.clock.now()))
    },
    stop: () => {
      stopped = true
      settle([])
    },
  }
}

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
  return new Driving(machine, world)
}

/** A class, because there are as many as connections and closures take more memory. */
class Driving<Input, Effect> implements Driven<Input> {
  readonly #machine: Machine<Input, Effect>
  readonly #world: World<Effect>
  #cancel: Cancel | undefined
  #armedFor: Instant | undefined
  #hasStopped = false

  constructor(machine: Machine<Input, Effect>, world: World<Effect>) {
    this.#machine = machine
    this.#world = world
    this.#arm()
  }

  receive(input: Input): void {
    if (!this.#hasStopped) this.#settle(this.#machine.receive(input, this.#world.clock.now()))
  }

  stop(): void {
    this.#hasStopped = true
    this.#arm()
  }

  #settle(effects: readonly Effect[]): void {
    for (const effect of effects) this.#world.perform(effect)
    this.#arm()
  }

  #arm(): void {
    const deadline = this.#hasStopped ? undefined : this.#machine.nextDeadline
    if (deadline === this.#armedFor) return
    this.#cancel?.()
    this.#cancel = undefined
    this.#armedFor = deadline
    if (deadline === undefined) return
    const { clock, timers } = this.#world
    this.#cancel = timers.after(millis(Math.max(0, deadline - clock.now())), () => {
      this.#armedFor = undefined
      this.#settle(this.#machine.tick(this.#world.clock.now()))
    })
  }
}

import { type Clock, type Instant, isFault, type Millis, type Timers } from '@birthmark/foundation/kernel'
import type { I2cBus } from './bus.ts'

/** One thing that a master asks of the world. */
export type BusStep =
  | { readonly do: 'write'; readonly bytes: Uint8Array }
  | { readonly do: 'read'; readonly count: number }
  | { readonly do: 'pause'; readonly delay: Millis }

/** How a step went, and what time it is now. */
export interface StepReport {
  readonly now: Instant
  /** What was read; absent after a NACK and after steps that give nothing. */
  readonly bytes?: Uint8Array | undefined
  /** The chip did not acknowledge its address. */
  readonly nacked: boolean
}

/** A conversation of a master with a chip, without I/O: it yields steps and receives how they went. */
export type Steps<Result> = Generator<BusStep, Result, StepReport>

/**
 * Performs a conversation on a bus.
 *
 * @throws What the bus and the conversation throw; a NACK is reported to the conversation instead.
 */
export async function performSteps<Result>(
  steps: Steps<Result>,
  bus: I2cBus,
  clock: Clock,
  timers: Timers,
): Promise<Result> {
  let turn = steps.next()
  while (turn.done !== true) {
    let bytes: Uint8Array | undefined
    let nacked = false
    try {
      const step = turn.value
      if (step.do === 'write') await bus.write(step.bytes)
      else if (step.do === 'read') bytes = await bus.read(step.count)
      else await pause(step.delay, timers)
    } catch (error) {
      if (!isFault(error, 'I2C_NOT_ACKNOWLEDGED')) {
        turn = steps.throw(error)
        continue
      }
      nacked = true
    }
    turn = steps.next({ now: clock.now(), bytes, nacked })
  }
  return turn.value
}

function pause(delay: Millis, timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    timers.after(delay, resolve)
  })
}

import {
  type Clock,
  type Instant,
  isFault,
  later,
  type Millis,
  millis,
  type Timers,
} from '@birthmark/foundation/kernel'
import type { I2cMaster } from './bus.ts'
import { i2cFault } from './faults.ts'

/** One thing that a master asks of the world. */
export type BusStep =
  | { readonly do: 'write'; readonly bytes: Uint8Array }
  /** Names a register and reads from it. A chip that was reset in between has forgotten which it was. */
  | { readonly do: 'read'; readonly register: number; readonly count: number }
  | { readonly do: 'pause'; readonly delay: Millis }
  /** Sets the speed of the bus clock, where the bus lets its master decide it. */
  | { readonly do: 'clock'; readonly kHz: number }

/** How a step went, and what time it is now. */
export interface StepReport {
  readonly now: Instant
  /** What was read; absent after steps that give nothing. */
  readonly bytes?: Uint8Array | undefined
}

/** A conversation of a master with a chip, without I/O: it yields steps and receives how they went. */
export type Steps<Result> = Generator<BusStep, Result, StepReport>

/** Says that somebody does not want to wait any longer; an `AbortSignal` is one. */
export interface StopSignal {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** What a conversation needs besides a bus. */
export interface StepPorts {
  readonly clock: Clock
  readonly timers: Timers
  /** Breaks the conversation off between two steps, a pause at once; a transaction on the bus is never cut. */
  readonly signal?: StopSignal | undefined
}

/**
 * Performs a conversation on a bus. A chip that does not answer its address, because it sleeps or starts, is addressed
 * again until {@link NACK_PATIENCE} is over.
 *
 * @throws What the bus and the conversation throw, `I2C_NOT_ACKNOWLEDGED` once the patience is over among it.
 *   `I2C_BROKEN_OFF` when the signal says so.
 */
export async function performSteps<Result>(steps: Steps<Result>, bus: I2cMaster, ports: StepPorts): Promise<Result> {
  const { clock, signal } = ports
  let nackedSince: Instant | undefined
  let turn = steps.next()
  while (turn.done !== true) {
    let bytes: Uint8Array | undefined
    try {
      if (signal?.aborted === true) throw i2cFault('I2C_BROKEN_OFF')
      const step = turn.value
      // The two that make up nearly all steps go without a promise of their own, and wait only where the bus does.
      if (step.do === 'write') {
        const written = bus.write(step.bytes)
        if (written !== undefined) await written
      } else if (step.do === 'read') {
        const named = bus.write(REGISTER_NAMES[step.register] ?? NOTHING)
        if (named !== undefined) await named
        const read = bus.read(step.count)
        bytes = read instanceof Uint8Array ? read : await read
      } else await performRare(step, bus, ports)
    } catch (error) {
      if (isFault(error, 'I2C_NOT_ACKNOWLEDGED')) {
        nackedSince ??= clock.now()
        if (clock.now() < later(nackedSince, NACK_PATIENCE)) {
          await pause(NACK_PAUSE, ports.timers, signal)
          continue
        }
      }
      nackedSince = undefined
      turn = steps.throw(error)
      continue
    }
    nackedSince = undefined
    turn = steps.next({ now: clock.now(), bytes })
  }
  return turn.value
}

/** What names a register, one byte each. */
const REGISTER_NAMES: readonly Uint8Array[] = Array.from({ length: 256 }, (_, register) => Uint8Array.of(register))
const NOTHING = new Uint8Array(0)

/** A chip that does not answer its address for this long is not there: 100 ms in the data sheet, doubled. */
const NACK_PATIENCE: Millis = millis(200)

/** Between two tries to address a sleeping chip, as the vendor's library does. */
const NACK_PAUSE: Millis = millis(1)

async function performRare(
  step: Exclude<BusStep, { readonly do: 'write' | 'read' }>,
  bus: I2cMaster,
  { timers, signal }: StepPorts,
): Promise<void> {
  if (step.do === 'clock') await bus.setClock?.(step.kHz)
  else await pause(step.delay, timers, signal)
}

/** Ends early when the signal is given; whoever waits looks at it next. */
function pause(delay: Millis, timers: Timers, signal: StopSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = timers.after(delay, end)
    signal?.addEventListener('abort', end)
  })
}

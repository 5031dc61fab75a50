import { availableParallelism } from 'node:os'

/** Whoever talks to this process now. */
const present = new Set<object>()

/** Notes that somebody is connected. */
export function arrive(who: object): void {
  present.add(who)
}

/** Notes that somebody is gone; harmless when repeated. */
export function depart(who: object): void {
  present.delete(who)
}

/**
 * Keeps the process from falling asleep for a moment: a program that signs asks again as soon as it has its answer, and
 * a core that sleeps takes longer to wake up than a call takes. With several programs somebody is always awake, and one
 * core alone is left to the program.
 */
export function stayAwake(): void {
  if (present.size !== 1 || CORES < 2) return
  until = performance.now() + AWAKE_MS
  if (isAwake) return
  isAwake = true
  setImmediate(turn)
}

function turn(): void {
  isAwake = performance.now() < until
  if (isAwake) setImmediate(turn)
}

/** How long after an answer, in milliseconds: some wake-ups of a core, and nothing that a person could notice. */
const AWAKE_MS = 0.2

const CORES: number = availableParallelism()
let until = 0
let isAwake = false

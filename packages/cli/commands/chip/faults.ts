import { randomInt } from 'node:crypto'
import type { ChipFaults } from '@birthmark/chip/trust-x/adapters'
import { InvalidArgumentError } from 'commander'

/** How often each fault happens, 0 to 1, by the name that the command line has for it. */
export type FaultRates = Omit<ChipFaults, 'random'>

/**
 * Reads fault switches from the command line, `nack=0.05,crc=0.01`.
 *
 * @param before What an option given earlier said.
 */
export function parseFaults(text: string, before: FaultRates = {}): FaultRates {
  const rates: Record<string, number> = {}
  for (const part of text.split(',')) {
    const [name = '', rate = ''] = part.split('=')
    const known = SWITCHES.get(name)
    const isRate = /^(?:0|1|0?\.\d{1,6}|[01]\.\d{1,6})$/.test(rate) && Number(rate) <= 1
    if (known === undefined || !isRate || part.split('=').length !== 2) {
      throw new InvalidArgumentError(
        `Write NAME=RATE, separated by commas: one of ${[...SWITCHES.keys()].join(', ')}, and a rate from 0 to 1.`,
      )
    }
    rates[known] = Number(rate)
  }
  return { ...before, ...rates }
}

/** Reads the seed that faults follow from. */
export function parseSeed(text: string): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) > SEED_MAX) {
    throw new InvalidArgumentError(`Name a whole number from 0 to ${SEED_MAX}.`)
  }
  return Number(text)
}

/** Gives a seed for who named none. */
export function drawSeed(): number {
  return randomInt(SEED_MAX)
}

/**
 * Gives the faults of one chip: the same seed and place in the tray give the same faults, as long as the host sends the
 * same transactions.
 */
export function faultsOf(rates: FaultRates, seed: number, place: number): ChipFaults {
  return { ...rates, random: repeatable(seed + place * PLACES_APART) }
}

/** Gives numbers from 0 up to 1 that follow from `seed` (the generator mulberry32). */
function repeatable(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const SWITCHES: ReadonlyMap<string, keyof FaultRates> = new Map([
  ['nack', 'nack'],
  ['crc', 'damaged'],
  ['lost', 'lost'],
  ['late', 'late'],
  ['reset', 'reset'],
  ['brownout', 'brownOut'],
])

/** Largest seed: what the generator tells apart. */
const SEED_MAX = 0xffffffff

/** Between the seeds of two chips of a tray, so that their numbers are not the same ones a step later. */
const PLACES_APART = 0x9e3779b1

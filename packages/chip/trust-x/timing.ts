import { exchangeMicros } from '@birthmark/chip/i2c'
import { type Millis, millis } from '@birthmark/foundation/kernel'
import { COMMAND } from './apdu.ts'

/** The time that a chip takes. */
export interface ChipTiming {
  /** From reset until it answers its address. */
  readonly start: Millis
  /** From the address that wakes it until it answers; the chip of a timing without it never sleeps. */
  readonly wake?: Millis
  /** For one command, from its last byte on. */
  readonly command: (work: CommandWork) => Millis
}

/** One command that was done, as far as its duration follows from it. */
export interface CommandWork {
  /** Without bit 7. */
  readonly code: number
  readonly commandBytes: number
  readonly responseBytes: number
  /** Length of the curve's numbers when the chip multiplied a point; a command that was refused before did not. */
  readonly curveBytes: number | undefined
  readonly isRefused: boolean
  readonly frameBytesMax: number
  /** Speed of the bus clock. */
  readonly kHz: number
  /** What object E0C4 lets the chip draw. */
  readonly milliamperes: number
}

/**
 * Gives the time that silicon takes: the chip's own work, slower the less current it may draw, and the command's bytes
 * on the wires. The work is what the data sheet says of the whole sequence less the wires' part in that.
 *
 * Source: OPTIGA Trust X data sheet v2.70, performance table (400 kHz, no current limit, 25 degrees) and reset.
 *
 * @param wake How long a sleeping chip does not answer; no document tells it.
 */
export function datasheetTiming(wake: Millis): ChipTiming {
  return {
    start: millis(10),
    wake,
    command: (work) => {
      const slowness = FULL_SPEED_MILLIAMPERES / Math.min(work.milliamperes, FULL_SPEED_MILLIAMPERES)
      return millis(ownMillis(work) * slowness + exchangeMicros(work) / 1000)
    },
  }
}

/** The chip's own part at full speed. */
function ownMillis({ code, commandBytes, curveBytes, isRefused }: CommandWork): number {
  const row = ROWS.get(code)
  if (row === undefined || (isRefused && curveBytes === undefined)) return BASE_MILLIS
  if (code === COMMAND.CALC_HASH) return HASH_MILLIS + HASH_MILLIS_PER_BYTE * commandBytes
  const own = ownPart(row)
  return curveBytes === undefined ? own : own * (curveBytes / P256_BYTES) ** 3
}

/** What the data sheet measured: milliseconds of the whole sequence, and the lengths that took part in it. */
interface Measured {
  readonly total: number
  readonly commandBytes: number
  readonly responseBytes: number
}

function ownPart({ total, commandBytes, responseBytes }: Measured): number {
  return total - exchangeMicros({ commandBytes, responseBytes, frameBytesMax: 277, kHz: 400 }) / 1000
}

const READ_100: Measured = { total: 9, commandBytes: 10, responseBytes: 104 }
const SIGN_P256: Measured = { total: 60, commandBytes: 44, responseBytes: 74 }
const HASH_500: Measured = { total: 100, commandBytes: 507, responseBytes: 4 }

const ROWS: ReadonlyMap<number, Measured> = new Map([
  [COMMAND.GET_DATA_OBJECT, READ_100],
  [COMMAND.SET_DATA_OBJECT, { total: 15, commandBytes: 108, responseBytes: 4 }],
  // 16 bytes: 5 to 7 ms.
  [COMMAND.GET_RANDOM, { total: 6, commandBytes: 6, responseBytes: 20 }],
  [COMMAND.CALC_SIGN, SIGN_P256],
  [COMMAND.GET_AUTH_MSG, SIGN_P256],
  [COMMAND.VERIFY_SIGN, { total: 85, commandBytes: 187, responseBytes: 4 }],
  [COMMAND.CALC_SSEC, { total: 65, commandBytes: 87, responseBytes: 36 }],
  [COMMAND.GEN_KEY_PAIR, { total: 80, commandBytes: 13, responseBytes: 75 }],
  [COMMAND.DERIVE_KEY, { total: 140, commandBytes: 97, responseBytes: 52 }],
  [COMMAND.CALC_HASH, HASH_500],
])

/** What the table lacks takes as long as the chip's own part of reading 100 bytes. */
const BASE_MILLIS = ownPart(READ_100)

/**
 * 500-byte blocks go at 5 kB/s; a short hash at 6 mA took 64 to 68 ms on a slow host, 26 ms at full speed. The line
 * through both (Arduino library's measurements for the second).
 */
const HASH_MILLIS = 24
const HASH_MILLIS_PER_BYTE = (ownPart(HASH_500) - HASH_MILLIS) / HASH_500.commandBytes

/**
 * Largest limit of E0C4, taken as no limit: 9 mA give 60 % of full speed (Trust M solution reference manual v3.70), and
 * 6 mA 40 % (a signature in 152 ms instead of 60 on a slow host).
 */
const FULL_SPEED_MILLIAMPERES = 15

/** Lengths of the curves' numbers; the work grows with the third power, because the data sheet tells only of P-256. */
const P256_BYTES = 32

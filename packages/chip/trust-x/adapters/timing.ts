import { type Millis, millis } from '@birthmark/foundation/kernel'
import { COMMAND } from '../apdu.ts'
import type { ChipTiming } from '../device.ts'

/**
 * How long silicon takes: at 400 kHz, no current limit, 25 degrees, whole sequence. What the table lacks takes as long
 * as reading 100 bytes.
 *
 * Source: OPTIGA Trust X data sheet v2.70, performance table and reset.
 */
export const DATASHEET_TIMING: ChipTiming = {
  start: millis(10),
  command: (code) => DURATIONS.get(code) ?? millis(9),
}

const DURATIONS: ReadonlyMap<number, Millis> = new Map([
  [COMMAND.CALC_SIGN, millis(60)],
  [COMMAND.GET_AUTH_MSG, millis(60)],
  [COMMAND.VERIFY_SIGN, millis(85)],
  [COMMAND.CALC_SSEC, millis(65)],
  [COMMAND.GEN_KEY_PAIR, millis(80)],
  [COMMAND.DERIVE_KEY, millis(140)],
  [COMMAND.GET_RANDOM, millis(6)],
  [COMMAND.SET_DATA_OBJECT, millis(15)],
  [COMMAND.GET_DATA_OBJECT, millis(9)],
  // 500 bytes at about 5 kB/s.
  [COMMAND.CALC_HASH, millis(100)],
])

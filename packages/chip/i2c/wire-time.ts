import { FRAME_OVERHEAD_BYTES } from './frame.ts'

/** One command and its response, as the wires see them. */
export interface Exchange {
  /** The whole command and the whole response, without packets and frames. */
  readonly commandBytes: number
  readonly responseBytes: number
  /** Longest frame that both ends agreed on. */
  readonly frameBytesMax: number
  /** Speed of the bus clock, in kHz. */
  readonly kHz: number
}

/**
 * Gives how long an exchange keeps the wires busy, in microseconds: a look at I2C_STATE, every frame of the command
 * with its acknowledgement, every frame of the response with a look before it and an acknowledgement after it. A byte
 * takes nine clocks with its acknowledge bit, START and STOP one each; between two transactions is the guard time.
 *
 * Source: OPTIGA Trust X data sheet v2.70, I2C log (the order of accesses) and protocol constants.
 */
export function exchangeMicros({ commandBytes, responseBytes, frameBytesMax, kHz }: Exchange): number {
  const commandFrames = frameCount(commandBytes, frameBytesMax)
  const responseFrames = frameCount(responseBytes, frameBytesMax)
  const looks = 1 + commandFrames + responseFrames
  // Per frame of the command: written, its acknowledgement read. Per frame of the response: read, acknowledged.
  const writes = commandFrames + responseFrames
  const reads = commandFrames + responseFrames + looks
  const controlBytes = FRAME_OVERHEAD_BYTES * (commandFrames + responseFrames) + STATE_BYTES * looks
  const dataBytes =
    commandBytes + responseBytes + (commandFrames + responseFrames) * (FRAME_OVERHEAD_BYTES + PCTR_BYTES)
  // A read is two transactions, because the register is written first; each has the address and, if it writes, the
  // register in front of its content.
  const transactions = writes + 2 * reads
  const bytes = controlBytes + dataBytes + transactions + (writes + reads)
  const clocks = CLOCKS_PER_BYTE * bytes + CLOCKS_PER_TRANSACTION * transactions
  return (clocks * 1000) / kHz + GUARD_TIME_MICROS * transactions
}

function frameCount(messageBytes: number, frameBytesMax: number): number {
  return Math.max(1, Math.ceil(messageBytes / (frameBytesMax - FRAME_OVERHEAD_BYTES - PCTR_BYTES)))
}

/** Between two transactions the chip needs this long, in microseconds (OPTIGA Trust X data sheet v2.70). */
export const GUARD_TIME_MICROS = 50

/** Length of register I2C_STATE. */
const STATE_BYTES = 4
const PCTR_BYTES = 1
/** Eight bits and the acknowledgement; START and STOP (I2C-bus specification UM10204 §3.1). */
const CLOCKS_PER_BYTE = 9
const CLOCKS_PER_TRANSACTION = 2

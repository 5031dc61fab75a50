import { type Millis, millis } from '@birthmark/foundation/kernel'

/** The registers of the bus interface (IFX I2C protocol specification v1.65, physical layer). */
export const REGISTER = {
  DATA: 0x80,
  DATA_REG_LEN: 0x81,
  I2C_STATE: 0x82,
  BASE_ADDR: 0x83,
  MAX_SCL_FREQU: 0x84,
  GUARD_TIME: 0x85,
  TRANS_TIMEOUT: 0x86,
  PWR_SAVE_TIMEOUT: 0x87,
  SOFT_RESET: 0x88,
  I2C_MODE: 0x89,
  APP_STATE_0: 0x90,
  APP_STATE_F: 0x9f,
} as const

/** What register I2C_STATE tells. */
export interface BusState {
  /** A command is being worked on. */
  readonly busy: boolean
  /** Bytes of the frame that waits in DATA; 0 when none does. */
  readonly waiting: number
  readonly softReset: boolean
}

/** Writes I2C_STATE as the chip shows it: soft reset supported, none of the optional bus features. */
export function encodeState(busy: boolean, waiting: number): Uint8Array {
  const flags = FLAG_SOFT_RESET | (busy ? FLAG_BUSY : 0) | (waiting > 0 ? FLAG_RESPONSE : 0)
  return Uint8Array.of(flags, 0, waiting >>> 8, waiting & 0xff)
}

/** Reads I2C_STATE; `undefined` when the four bytes cannot be one (all ones: nobody drove the bus). */
export function decodeState(bytes: Uint8Array): BusState | undefined {
  if (bytes.length !== 4) return undefined
  const flags = bytes[0] ?? 0
  if (flags === 0xff) return undefined
  const length = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)
  return {
    busy: (flags & FLAG_BUSY) !== 0,
    waiting: (flags & FLAG_RESPONSE) === 0 ? 0 : length,
    softReset: (flags & FLAG_SOFT_RESET) !== 0,
  }
}

/** The chip's 7-bit bus address (data sheet v2.70, protocol constants). */
export const BASE_ADDRESS = 0x30

/** Longest frame of the product, in bytes: MAX_PACKET_SIZE 0x110 and the frame's own 5 (data sheet v2.70). */
export const FRAME_BYTES_MAX = 0x115

/** Shortest frame length that may be negotiated, in bytes (IFX I2C v1.65, DATA_REG_LEN). */
export const FRAME_BYTES_MIN = 0x10

/** Within this the other side must acknowledge a frame: TRANS_TIMEOUT (data sheet v2.70). */
export const ACKNOWLEDGE_TIMEOUT: Millis = millis(10)

/** Tries after which a frame is given up and both sides start over: TRANS_REPEAT (data sheet v2.70). */
export const TRIES_MAX = 3

const FLAG_BUSY = 0x80
const FLAG_RESPONSE = 0x40
const FLAG_SOFT_RESET = 0x08

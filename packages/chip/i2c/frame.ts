import { shortLived } from '@birthmark/foundation/kernel'
import { crc16 } from './crc.ts'

/** A frame that carries a packet, and the fate of the other side's last frame with it. */
export interface DataFrame {
  readonly kind: 'data'
  /** Counts this side's data frames, modulo 4. */
  readonly number: number
  /** The other side's frame that {@link refuses} speaks of. */
  readonly acknowledges: number
  /** Asks for frame {@link acknowledges} again instead of acknowledging it. */
  readonly refuses: boolean
  /** At least one byte. */
  readonly packet: Uint8Array
}

/** A frame without content: `ack` of a frame, `nak` (please send it again), or `resync` (both counters start over). */
export type ControlFrame = { readonly kind: 'ack' | 'nak'; readonly number: number } | { readonly kind: 'resync' }

/** Why bytes are not a frame. A receiver drops `control` silently and answers the others with a NAK. */
export interface DamagedFrame {
  readonly kind: 'damaged'
  readonly why: 'size' | 'length' | 'checksum' | 'sequence' | 'control'
}

/**
 * Writes a frame: FCTR(1) LEN(2) packet FCS(2), all big-endian, the check sequence included (high byte first, as the
 * chip does it; the specification's text says low byte first).
 *
 * Source: IFX I2C protocol specification v1.65, data link layer; data sheet v2.70, I2C log.
 *
 * @param before Bytes to leave free before the frame, for the name of a register.
 */
export function encodeFrame(frame: DataFrame | ControlFrame, before = 0): Uint8Array {
  const packet = frame.kind === 'data' ? frame.packet : EMPTY
  const bytes = shortLived(before + FRAME_OVERHEAD_BYTES + packet.length)
  bytes[before] = controlByte(frame)
  bytes[before + 1] = packet.length >>> 8
  bytes[before + 2] = packet.length & 0xff
  bytes.set(packet, before + HEADER_BYTES)
  const crc = crc16(bytes, bytes.length - 2, before)
  bytes[bytes.length - 2] = crc >>> 8
  bytes[bytes.length - 1] = crc & 0xff
  return bytes
}

/**
 * Reads one frame from exactly the bytes of one transfer; never throws. The packet is a view, not a copy.
 *
 * @param from Where the frame begins.
 */
export function decodeFrame(bytes: Uint8Array, from = 0): DataFrame | ControlFrame | DamagedFrame {
  const size = bytes.length - from
  if (size < FRAME_OVERHEAD_BYTES) return damaged('size')
  const end = bytes.length - 2
  const control = bytes[from] ?? 0
  const length = wordAt(bytes, from + 1)
  if (crc16(bytes, end, from) !== wordAt(bytes, end)) return damaged('checksum')
  if ((control & BIT_RESERVED) !== 0) return damaged('sequence')
  if ((control & BIT_CONTROL) !== 0) return decodeControl(control, length, size)
  if (length === 0 || length !== size - FRAME_OVERHEAD_BYTES) return damaged('length')
  const sequence = (control >>> 5) & 3
  if (sequence > SEQUENCE_NAK) return damaged('sequence')
  return {
    kind: 'data',
    number: (control >>> 2) & 3,
    acknowledges: control & 3,
    refuses: sequence === SEQUENCE_NAK,
    packet: bytes.subarray(from + HEADER_BYTES, end),
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

/** Gives the number after `number`: frames count modulo 4. */
export function nextNumber(number: number): number {
  return (number + 1) & 3
}

/** What a frame adds to its packet, in bytes: FCTR, LEN and FCS. */
export const FRAME_OVERHEAD_BYTES = 5

/** Where both counters stand after a reset, so that the first frame is number 0. */
export const FIRST_COUNTER = 3

function controlByte(frame: DataFrame | ControlFrame): number {
  switch (frame.kind) {
    case 'data':
      return (frame.refuses ? SEQUENCE_NAK << 5 : 0) | (frame.number << 2) | frame.acknowledges
    case 'ack':
      return BIT_CONTROL | frame.number
    case 'nak':
      return BIT_CONTROL | (SEQUENCE_NAK << 5) | frame.number
    case 'resync':
      return BIT_CONTROL | (SEQUENCE_RESYNC << 5)
  }
}

function decodeControl(control: number, length: number, size: number): ControlFrame | DamagedFrame {
  const number = control & 3
  // A control frame carries nothing and is not numbered itself.
  if (length !== 0 || size !== FRAME_OVERHEAD_BYTES || (control & 0x0c) !== 0) return damaged('control')
  switch ((control >>> 5) & 3) {
    case SEQUENCE_ACK:
      return { kind: 'ack', number }
    case SEQUENCE_NAK:
      return { kind: 'nak', number }
    case SEQUENCE_RESYNC:
      return number === 0 ? { kind: 'resync' } : damaged('control')
    default:
      return damaged('sequence')
  }
}

function damaged(why: DamagedFrame['why']): DamagedFrame {
  return { kind: 'damaged', why }
}

const EMPTY = new Uint8Array(0)
const HEADER_BYTES = 3
const BIT_CONTROL = 0x80
const BIT_RESERVED = 0x10
const SEQUENCE_ACK = 0
const SEQUENCE_NAK = 1
const SEQUENCE_RESYNC = 2

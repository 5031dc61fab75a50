import { fromHex, shortLived } from '@birthmark/foundation/kernel'
import { CHIP_ERROR, type ErrorCode } from './errors.ts'

/** The chip's commands (OPTIGA Trust X host library, command codes). */
export const COMMAND = {
  GET_DATA_OBJECT: 0x01,
  SET_DATA_OBJECT: 0x02,
  GET_RANDOM: 0x0c,
  SET_AUTH_SCHEME: 0x10,
  GET_AUTH_MSG: 0x18,
  SET_AUTH_MSG: 0x19,
  CALC_HASH: 0x30,
  CALC_SIGN: 0x31,
  VERIFY_SIGN: 0x32,
  CALC_SSEC: 0x33,
  DERIVE_KEY: 0x34,
  GEN_KEY_PAIR: 0x38,
  OPEN_APPLICATION: 0x70,
} as const

/** A command: Cmd(1) Param(1) InLen(2) InData. */
export interface Command {
  /** Without bit 7. */
  readonly code: number
  readonly param: number
  readonly data: Uint8Array
}

/** An element of InData or OutData: tag(1) length(2) value. */
export interface Field {
  readonly tag: number
  readonly value: Uint8Array
}

/** Writes a command. */
export function encodeCommand(code: number, param: number, ...data: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of data) size += part.length
  const bytes = shortLived(HEADER_BYTES + size)
  bytes[0] = code
  bytes[1] = param
  bytes[2] = size >>> 8
  bytes[3] = size & 0xff
  let at = HEADER_BYTES
  for (const part of data) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Reads a command; InLen must tell exactly the bytes that follow, at most {@link DATA_BYTES_MAX}. */
export function decodeCommand(bytes: Uint8Array): Command | ErrorCode {
  const length = wordAt(bytes, 2)
  if (length > DATA_BYTES_MAX || length !== bytes.length - HEADER_BYTES) return CHIP_ERROR.INVALID_LENGTH
  return { code: (bytes[0] ?? 0) & 0x7f, param: bytes[1] ?? 0, data: bytes.subarray(HEADER_BYTES) }
}

/** Writes a response: Sta(1) UnDef(1) OutLen(2) OutData. */
export function encodeResponse(data: Uint8Array): Uint8Array {
  const bytes = shortLived(HEADER_BYTES + data.length)
  bytes[2] = data.length >>> 8
  bytes[3] = data.length & 0xff
  bytes.set(data, HEADER_BYTES)
  return bytes
}

/** What the host learns from a response; `undefined` when it is none. */
export function decodeResponse(bytes: Uint8Array): { readonly ok: boolean; readonly data: Uint8Array } | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  if (bytes[0] === STATUS_ERROR) return { ok: false, data: bytes.subarray(bytes.length) }
  if (bytes[0] !== STATUS_OK || wordAt(bytes, 2) !== bytes.length - HEADER_BYTES) return undefined
  return { ok: true, data: bytes.subarray(HEADER_BYTES) }
}

/** Writes one field. */
export function encodeField(tag: number, value: Uint8Array): Uint8Array {
  const bytes = shortLived(FIELD_HEADER_BYTES + value.length)
  bytes[0] = tag
  bytes[1] = value.length >>> 8
  bytes[2] = value.length & 0xff
  bytes.set(value, FIELD_HEADER_BYTES)
  return bytes
}

/** Reads fields that fill `bytes` exactly; `undefined` when they do not. */
export function decodeFields(bytes: Uint8Array): readonly Field[] | undefined {
  const fields: Field[] = []
  for (let at = 0; at < bytes.length; ) {
    const start = at + FIELD_HEADER_BYTES
    const end = start + wordAt(bytes, at + 1)
    if (end > bytes.length) return undefined
    fields.push({ tag: bytes[at] ?? 0, value: bytes.subarray(start, end) })
    at = end
  }
  return fields
}

/** Gives the 16-bit number at `at`; 0 stands for bytes that are not there, so look at the length first. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

/** Answer to a command that was refused: FF, and nothing else (host library; OutData is absent). */
export const ERROR_RESPONSE: Uint8Array = Uint8Array.of(0xff, 0, 0, 0)

/** Largest command or response, in bytes: what object E0C6 says. */
export const APDU_BYTES_MAX = 0x0615

/** Cmd, Param and InLen; Sta, UnDef and OutLen. */
const HEADER_BYTES = 4

/** Largest InData or OutData, in bytes. */
export const DATA_BYTES_MAX: number = APDU_BYTES_MAX - HEADER_BYTES

/** The unique application identifier that OpenApplication names: D2760000 04 and `GenAuthAppl`. */
export const APPLICATION_ID: Uint8Array = fromHex('D276000004 47656E41757468 4170706C')

const STATUS_OK = 0x00
const STATUS_ERROR = 0xff
const FIELD_HEADER_BYTES = 3

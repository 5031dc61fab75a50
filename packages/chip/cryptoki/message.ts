import { equalBytes } from '@birthmark/foundation/kernel'
import { readAttributes, readRooms, type SizeOnly, writeAttributes, writeRooms } from './attribute.ts'
import {
  type ArgumentTypes,
  type CallName,
  callNameOf,
  callOf,
  type RequestArguments,
  type ResponseArguments,
  type Signature,
  signatureOf,
} from './calls.ts'
import { cryptokiFault } from './faults.ts'
import { type Dialect, readMechanism, writeMechanism } from './mechanism.ts'
import { invalid, NULL, WireReader, WireWriter } from './wire.ts'

/** A call that came in; `name` says which arguments it has. */
export type Request = { [Name in CallName]: { readonly name: Name; readonly values: RequestArguments<Name> } }[CallName]

/** What a call was answered with: its results, or PKCS#11's code for why there are none. */
export type Response<Name extends CallName> =
  | { readonly ok: true; readonly values: ResponseArguments<Name> }
  | { readonly ok: false; readonly code: bigint }

/**
 * Reads the body of a request. What follows after the arguments is ignored, as p11-kit does.
 *
 * @returns `undefined` for a call that the protocol does not have.
 * @throws `CRYPTOKI_MESSAGE_INVALID`
 */
export function decodeRequest(body: Uint8Array, dialect: Dialect): Request | undefined {
  const reader = new WireReader(body)
  const name = callNameOf(reader.uint32())
  if (name === undefined) return undefined
  const request: unknown = { name, values: readArguments(reader, callOf(name).request, dialect) }
  // The row of this very name told which values were read.
  return request as Request
}

/** Writes the body of a request. @throws `CRYPTOKI_VALUE_SHAPE` */
export function encodeRequest<Name extends CallName>(
  name: Name,
  values: RequestArguments<Name>,
  dialect: Dialect,
): Uint8Array {
  const { id, request } = callOf(name)
  return encodeBody(id, request, values, dialect)
}

/**
 * Reads the body of the response to a call of this name.
 *
 * @throws `CRYPTOKI_MESSAGE_INVALID`
 */
export function decodeResponse<Name extends CallName>(name: Name, body: Uint8Array, dialect: Dialect): Response<Name> {
  const reader = new WireReader(body)
  const { id, response } = callOf(name)
  const answered = reader.uint32()
  if (answered === ERROR_ID) {
    const [code] = readArguments(reader, ERROR, dialect)
    if (typeof code !== 'bigint' || code === 0n) throw invalid('it is an error without a code')
    return { ok: false, code }
  }
  if (answered !== id) throw invalid('it answers another call')
  const values: unknown = readArguments(reader, response, dialect)
  // The row of this very name told which values were read.
  return { ok: true, values: values as ResponseArguments<Name> }
}

/** Writes the body of a response. @throws `CRYPTOKI_VALUE_SHAPE` */
export function encodeResponse<Name extends CallName>(
  name: Name,
  values: ResponseArguments<Name>,
  dialect: Dialect,
): Uint8Array {
  const { id, response } = callOf(name)
  return encodeBody(id, response, values, dialect)
}

/** Writes the body of a response that says why a call failed; `code` is not CKR_OK. */
export function encodeError(code: bigint): Uint8Array {
  return encodeBody(ERROR_ID, ERROR, [code], 0)
}

type Letter = keyof ArgumentTypes

function readArguments(reader: WireReader, { letters, bytes }: Signature, dialect: Dialect): unknown[] {
  const signature = reader.byteString()
  if (signature === undefined || !equalBytes(signature, bytes)) {
    throw invalid('its signature is not the one of this call')
  }
  return letters.map((letter) => CODECS[letter].read(reader, dialect))
}

function encodeBody(
  id: number,
  { letters, bytes }: Signature,
  values: readonly unknown[],
  dialect: Dialect,
): Uint8Array {
  const writer = new WireWriter()
  writer.uint32(id)
  writer.byteString(bytes)
  for (const [index, letter] of letters.entries()) writeOne(writer, letter, values[index], dialect)
  return writer.finish()
}

function writeOne<One extends Letter>(writer: WireWriter, letter: One, value: unknown, dialect: Dialect): void {
  const codec: Codec<ArgumentTypes[One]> = CODECS[letter]
  // Callers' types name the value that belongs to each letter of a row.
  codec.write(writer, value as ArgumentTypes[One], dialect)
}

interface Codec<Value> {
  read(reader: WireReader, dialect: Dialect): Value
  write(writer: WireWriter, value: Value, dialect: Dialect): void
}

const UINT32: Codec<number> = {
  read: (reader) => reader.uint32(),
  write: (writer, value) => writer.uint32(value),
}

const TEXT: Codec<Uint8Array> = {
  read: (reader) => reader.byteString() ?? new Uint8Array(0),
  write: (writer, value) => writer.byteString(value),
}

const CODECS: { readonly [One in Letter]: Codec<ArgumentTypes[One]> } = {
  y: { read: (reader) => reader.byte(), write: (writer, value) => writer.byte(value) },
  u: { read: (reader) => reader.uint64(), write: (writer, value) => writer.uint64(value) },
  v: {
    read: (reader) => ({ major: reader.byte(), minor: reader.byte() }),
    write: (writer, { major, minor }) => {
      writer.byte(major)
      writer.byte(minor)
    },
  },
  s: TEXT,
  z: TEXT,
  ay: {
    read: (reader) => (isPresent(reader) ? (reader.byteString() ?? { size: 0 }) : sizeOf(reader)),
    write: (writer, value) => {
      if (writePresence(writer, value instanceof Uint8Array)) writer.byteString(bytesOf(value))
      else writeSize(writer, value)
    },
  },
  au: {
    read: (reader) =>
      isPresent(reader) ? Array.from({ length: reader.count(8) }, () => reader.uint64()) : sizeOf(reader),
    write: (writer, value) => {
      if (!writePresence(writer, isUlongs(value))) return writeSize(writer, value)
      const list = isUlongs(value) ? value : []
      writer.uint32(list.length)
      for (const each of list) writer.uint64(each)
    },
  },
  fy: UINT32,
  fu: UINT32,
  aA: { read: (reader) => readAttributes(reader), write: writeAttributes },
  fA: { read: readRooms, write: writeRooms },
  M: { read: readMechanism, write: writeMechanism },
  P: {
    // A mechanism without parameter has no such byte; what follows is one CK_ULONG.
    read: (reader) => (reader.left === 8 ? undefined : reader.byte()),
    write: (writer, value) => {
      if (value !== undefined) writer.byte(value)
    },
  },
}

function isPresent(reader: WireReader): boolean {
  const flag = reader.byte()
  if (flag > 1) throw invalid('an array is neither there nor absent')
  return flag === 1
}

function writePresence(writer: WireWriter, isThere: boolean): boolean {
  writer.byte(isThere ? 1 : 0)
  return isThere
}

function sizeOf(reader: WireReader): SizeOnly {
  return { size: reader.uint32() }
}

function writeSize(writer: WireWriter, value: object): void {
  if (!('size' in value) || typeof value.size !== 'number' || value.size >= NULL) {
    throw cryptokiFault('CRYPTOKI_VALUE_SHAPE', { what: 'an array' })
  }
  writer.uint32(value.size)
}

function bytesOf(value: Uint8Array | SizeOnly): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined
}

function isUlongs(value: readonly bigint[] | SizeOnly): value is readonly bigint[] {
  return Array.isArray(value)
}

/** The number under which failures come back. */
const ERROR_ID = 0
const ERROR = signatureOf(['u'])

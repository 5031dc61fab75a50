import type { NormalizedSchema } from '@smithy/core/schema'
import { AwsException } from '../exceptions.ts'
import { SHAPE_DEPTH_MAX } from '../limits.ts'
import { isRecord } from './is-record.ts'

/**
 * Reads a value out of parsed JSON by its schema, strictly: the SDK's own deserialiser lets a number pass where a
 * string is due. Members that the schema lacks are dropped, and a null member counts as absent.
 *
 * @param at Name of the member, for the message.
 * @throws `SerializationException`
 */
export function readShape(schema: NormalizedSchema, value: unknown, at: string, depth = 0): unknown {
  if (depth > SHAPE_DEPTH_MAX) throw new AwsException('SerializationException', 'The body is nested too deeply.')
  if (schema.isStructSchema()) return readStructure(schema, value, at, depth)
  if (schema.isListSchema()) return readList(schema, value, at, depth)
  if (schema.isMapSchema()) return readMap(schema, value, at, depth)
  return readScalar(schema, value, at)
}

/** Reads a value out of a header, a query parameter or a path label. @throws `SerializationException` */
export function readText(schema: NormalizedSchema, text: string, at: string): unknown {
  if (schema.isBooleanSchema()) {
    if (text === 'true' || text === 'false') return text === 'true'
    throw unexpected('STRING_VALUE', 'Boolean', at)
  }
  if (schema.isNumericSchema()) {
    if (/^-?\d{1,19}(?:\.\d{1,19})?$/.test(text)) return Number(text)
    throw unexpected('STRING_VALUE', 'Number', at)
  }
  if (schema.isTimestampSchema()) return readDateTime(text, at)
  return schema.getMergedTraits().mediaType === undefined ? text : Buffer.from(text, 'base64').toString()
}

function readStructure(schema: NormalizedSchema, value: unknown, at: string, depth: number): object {
  return Object.fromEntries(readMembers(schema.structIterator(), value, at, depth))
}

/**
 * Reads those members of a JSON object that `members` names; each is present and not null.
 *
 * @throws `SerializationException`
 */
export function readMembers(
  members: Iterable<readonly [name: string, schema: NormalizedSchema]>,
  value: unknown,
  at = '',
  depth = 0,
): [name: string, value: unknown][] {
  if (!isRecord(value)) throw unexpected(kindOf(value), 'Structure', at)
  const read: [string, unknown][] = []
  for (const [name, member] of members) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined
    if (given === undefined || given === null) continue
    read.push([name, readShape(member, given, at === '' ? name : `${at}.${name}`, depth + 1)])
  }
  return read
}

function readList(schema: NormalizedSchema, value: unknown, at: string, depth: number): unknown[] {
  if (!Array.isArray(value)) throw unexpected(kindOf(value), 'List', at)
  const item = schema.getValueSchema()
  return value.map((given: unknown) => readShape(item, given, at, depth + 1))
}

/** The entries become own properties, so that a key named `__proto__` is a key and nothing more. */
function readMap(schema: NormalizedSchema, value: unknown, at: string, depth: number): object {
  if (!isRecord(value)) throw unexpected(kindOf(value), 'Map', at)
  const item = schema.getValueSchema()
  return Object.fromEntries(Object.entries(value).map(([key, given]) => [key, readShape(item, given, at, depth + 1)]))
}

function readScalar(schema: NormalizedSchema, value: unknown, at: string): unknown {
  if (schema.isBooleanSchema()) return demand(typeof value === 'boolean', value, 'Boolean', at)
  if (schema.isNumericSchema()) return demand(typeof value === 'number', value, 'Number', at)
  if (schema.isTimestampSchema()) return readEpochSeconds(value, at)
  if (schema.isBlobSchema()) return readBlob(value, at)
  if (schema.isDocumentSchema()) return value
  return demand(typeof value === 'string', value, 'String', at)
}

function readBlob(value: unknown, at: string): Uint8Array {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw unexpected(kindOf(value), 'Blob', at)
  return Uint8Array.from(Buffer.from(value, 'base64'))
}

/** In bodies a timestamp is a number (Smithy 2.0, aws.protocols#restJson1). */
function readEpochSeconds(value: unknown, at: string): Date {
  const moment = new Date(typeof value === 'number' ? Math.round(value * 1000) : Number.NaN)
  if (Number.isNaN(moment.getTime())) throw unexpected(kindOf(value), 'Timestamp', at)
  return moment
}

/** In query parameters and labels a timestamp is an RFC 3339 date-time (Smithy 2.0, aws.protocols#restJson1). */
function readDateTime(text: string, at: string): Date {
  const moment = new Date(/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? text : Number.NaN)
  if (Number.isNaN(moment.getTime())) throw unexpected('STRING_VALUE', 'Timestamp', at)
  return moment
}

function demand(holds: boolean, value: unknown, type: string, at: string): unknown {
  if (!holds) throw unexpected(kindOf(value), type, at)
  return value
}

function unexpected(kind: string, type: string, at: string): AwsException {
  const where = at === '' ? 'the body' : at
  return new AwsException('SerializationException', `${kind} can not be converted to ${type} at ${where}`)
}

function kindOf(value: unknown): string {
  if (value === null) return 'NULL_VALUE'
  if (Array.isArray(value)) return 'LIST_VALUE'
  return KINDS.get(typeof value) ?? 'STRUCTURE_VALUE'
}

const KINDS: ReadonlyMap<string, string> = new Map([
  ['string', 'STRING_VALUE'],
  ['number', 'NUMBER_VALUE'],
  ['boolean', 'BOOLEAN_VALUE'],
])

import type { NormalizedSchema } from '@smithy/core/schema'
import { isRecord } from './is-record.ts'

/** Makes of a value what `JSON.stringify` writes as a schema binds it in a body. */
export type ShapeWriter = (value: unknown) => unknown

/**
 * Compiles the writer of a schema: the schema is walked once, when its first value is written. Members that the schema
 * lacks and those without a value are dropped; timestamps are epoch seconds (Smithy 2.0, aws.protocols#restJson1).
 */
export function shapeWriter(schema: NormalizedSchema): ShapeWriter {
  if (schema.isStructSchema()) return structureWriter(schema)
  if (schema.isListSchema()) return listWriter(schema)
  if (schema.isMapSchema()) return mapWriter(schema)
  if (schema.isTimestampSchema()) return (value) => (value instanceof Date ? value.getTime() / 1000 : value)
  if (schema.isBlobSchema())
    return (value) => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value)
  return (value) => value
}

/** A structure may contain itself, so its members are compiled when they are needed. */
function structureWriter(schema: NormalizedSchema): ShapeWriter {
  let members: readonly (readonly [name: string, writer: ShapeWriter])[] | undefined
  return (value) => {
    if (!isRecord(value)) return value
    members ??= Array.from(schema.structIterator(), ([name, member]) => [name, shapeWriter(member)] as const)
    const written: Record<string, unknown> = {}
    for (const [name, write] of members) {
      const member = value[name]
      if (member !== undefined && member !== null) written[name] = write(member)
    }
    return written
  }
}

function listWriter(schema: NormalizedSchema): ShapeWriter {
  let item: ShapeWriter | undefined
  return (value) => {
    item ??= shapeWriter(schema.getValueSchema())
    return Array.isArray(value) ? value.map(item) : value
  }
}

/** The entries become own properties, so that a key named `__proto__` is a key and nothing more. */
function mapWriter(schema: NormalizedSchema): ShapeWriter {
  let item: ShapeWriter | undefined
  return (value) => {
    const write = (item ??= shapeWriter(schema.getValueSchema()))
    if (!isRecord(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, write(member)]))
  }
}

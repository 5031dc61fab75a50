import { JsonCodec2 } from '@smithy/core/protocols'
import type { Answer } from './answer.ts'
import { isRecord } from './is-record.ts'
import type { Operation } from './model.ts'

/** Writes the output of an operation as its schema binds it; members that the schema lacks are dropped. */
export function writeOutput({ output, status }: Operation, value: unknown): Answer {
  if (output.isUnitSchema()) return { status, headers: {}, body: new Uint8Array() }
  const members = isRecord(value) ? value : {}
  let given = status
  for (const [name, schema] of output.structIterator()) {
    const { httpPayload, httpResponseCode } = schema.getMergedTraits()
    const member = members[name]
    if (httpPayload !== undefined && member instanceof Uint8Array) {
      return { status, headers: { 'content-type': 'application/octet-stream' }, body: member }
    }
    if (httpResponseCode !== undefined && typeof member === 'number') given = member
  }
  const serializer = CODEC.createSerializer()
  serializer.write(output, members)
  const { buffer, byteOffset, byteLength } = serializer.flush()
  // A plain view: what the serializer gives is a subclass whose string methods warn.
  return {
    status: given,
    headers: { 'content-type': 'application/json' },
    body: new Uint8Array(buffer, byteOffset, byteLength),
  }
}

/** Timestamps in bodies are epoch seconds (Smithy 2.0, aws.protocols#restJson1). */
const CODEC = new JsonCodec2({ timestampFormat: { default: 7, useTrait: true }, httpBindings: true, jsonName: true })

import { encodeUtf8 } from '@birthmark/foundation/kernel'
import type { Answer } from './answer.ts'
import { isRecord } from './is-record.ts'
import type { Operation } from './model.ts'
import { type ShapeWriter, shapeWriter } from './write-shape.ts'

/** Writes the output of an operation as its schema binds it; members that the schema lacks are dropped. */
export function writeOutput(operation: Operation, value: unknown): Answer {
  const { output, status } = operation
  if (output.isUnitSchema()) return { status, headers: {}, body: new Uint8Array() }
  const writer = WRITERS.get(operation) ?? compile(operation)
  const members = isRecord(value) ? value : {}
  const payload = writer.payload === undefined ? undefined : members[writer.payload]
  if (payload instanceof Uint8Array) {
    return { status, headers: { 'content-type': 'application/octet-stream' }, body: payload }
  }
  const given = writer.status === undefined ? undefined : members[writer.status]
  return {
    status: typeof given === 'number' ? given : status,
    headers: { 'content-type': 'application/json' },
    body: encodeUtf8(JSON.stringify(writer.body(members))),
  }
}

/** How the output of one operation is written. */
interface OutputWriter {
  readonly body: ShapeWriter
  /** The member that is the body, when it is bytes. */
  readonly payload: string | undefined
  /** The member that is the status. */
  readonly status: string | undefined
}

const WRITERS = new WeakMap<Operation, OutputWriter>()

function compile(operation: Operation): OutputWriter {
  const members = [...operation.output.structIterator()]
  const memberWith = (trait: 'httpPayload' | 'httpResponseCode'): string | undefined =>
    members.find(([, schema]) => schema.getMergedTraits()[trait] !== undefined)?.[0]
  const status = memberWith('httpResponseCode')
  const whole = shapeWriter(operation.output)
  const body: ShapeWriter = (value) => whole(status === undefined ? value : { ...Object(value), [status]: undefined })
  const writer = { body, payload: memberWith('httpPayload'), status }
  WRITERS.set(operation, writer)
  return writer
}

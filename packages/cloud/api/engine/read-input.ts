import { decodeUtf8 } from '@birthmark/foundation/kernel'
import type { NormalizedSchema } from '@smithy/core/schema'
import { AwsException } from '../exceptions.ts'
import { readMembers, readShape, readText } from './read-shape.ts'
import type { Route } from './router.ts'
import type { Target } from './target.ts'

/** Where the parts of an input come from. */
export interface InputSource {
  readonly query: Target['query']
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Uint8Array
}

/**
 * Reads the input of an operation from path, query, headers and body, as the operation's schema binds them. The result
 * has the type that the SDK gives to this input.
 *
 * @throws `SerializationException`
 */
export function readInput({ operation, labels }: Route, source: InputSource): Readonly<Record<string, unknown>> {
  const read: [string, unknown][] = []
  const inBody: [string, NormalizedSchema][] = []
  for (const { member, schema, from, name } of operation.bindings) {
    if (from === 'body') inBody.push([member, schema])
    else if (from === 'payload') read.push([member, readPayload(member, schema, source.body)])
    else if (from === 'label') read.push([member, readBound(member, schema, labels[name])])
    else if (from === 'query') read.push([member, readBound(member, schema, parameter(source.query, name))])
    else read.push([member, readBound(member, schema, source.headers[name])])
  }
  if (inBody.length > 0) read.push(...readMembers(inBody, parseJson(source.body) ?? {}))
  return Object.fromEntries(read.filter(([, value]) => value !== undefined))
}

/** The first of that name: no input of the models has a list in its query. */
function parameter(query: Target['query'], wanted: string): string | undefined {
  return query.find(([name]) => name === wanted)?.[1]
}

function readBound(name: string, schema: NormalizedSchema, text: string | readonly string[] | undefined): unknown {
  return typeof text === 'string' ? readText(schema, text, name) : undefined
}

function readPayload(name: string, schema: NormalizedSchema, body: Uint8Array): unknown {
  if (schema.isBlobSchema()) return body
  const value = parseJson(body)
  return value === undefined ? undefined : readShape(schema, value, name)
}

function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) return undefined
  const text = decodeUtf8(body)
  try {
    if (text !== undefined) return JSON.parse(text)
  } catch {
    // Answered below: what the parser says may repeat any part of the body.
  }
  throw new AwsException('SerializationException', 'Could not parse request body into json.')
}

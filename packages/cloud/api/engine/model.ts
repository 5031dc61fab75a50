import * as iot from '@aws-sdk/client-iot'
import * as iotData from '@aws-sdk/client-iot-data-plane'
import * as iotJobsData from '@aws-sdk/client-iot-jobs-data-plane'
import { NormalizedSchema } from '@smithy/core/schema'
import type { StaticOperationSchema } from '@smithy/types'
import { apiFault } from '../faults.ts'

/** The services that one address serves, by the name that clients sign with. */
export type Service = 'iot' | 'iotdata' | 'iot-jobs-data'

/** One operation of a service, as its SDK's schema describes it. */
export interface Operation {
  readonly name: string
  readonly service: Service
  readonly method: string
  /** For example `/things/{thingName}/principals`; a label that ends in `+` takes the rest of the path. */
  readonly path: string
  /** HTTP status of a success. */
  readonly status: number
  readonly input: NormalizedSchema
  readonly output: NormalizedSchema
  /** Names of the path's labels, in its order. */
  readonly labels: readonly string[]
  /** Where each member of the input comes from. */
  readonly bindings: readonly InputBinding[]
}

/** A member of an input and the part of a request that it comes from. */
export interface InputBinding {
  readonly member: string
  readonly schema: NormalizedSchema
  readonly from: 'label' | 'query' | 'header' | 'payload' | 'body'
  /** The query parameter, or the header in lower case; else the member's own name. */
  readonly name: string
}

/**
 * Gives every operation of the three services, from the schemas that their SDK packages export.
 *
 * @throws `API_MODEL_UNKNOWN` (bug) when a package binds a member in a way that this engine does not know
 */
export function loadOperations(): readonly Operation[] {
  return [
    ...operationsOf('iot', iot),
    ...operationsOf('iotdata', iotData),
    ...operationsOf('iot-jobs-data', iotJobsData),
  ]
}

function operationsOf(service: Service, exported: object): Operation[] {
  return Object.values(exported)
    .filter(isOperationSchema)
    .map((schema) => operationOf(service, schema))
}

/** A schema is a tuple that begins with its kind; 9 is an operation (`@smithy/types`, StaticSchemaIdOperation). */
function isOperationSchema(exported: unknown): exported is StaticOperationSchema {
  return Array.isArray(exported) && exported[0] === 9
}

function operationOf(service: Service, [, , name, traits, input, output]: StaticOperationSchema): Operation {
  const http = typeof traits === 'object' ? traits.http : undefined
  if (http === undefined) throw apiFault('API_MODEL_UNKNOWN', { operation: name, what: 'no HTTP binding' })
  const [method, path, status] = http
  const operation = {
    name,
    service,
    method,
    path,
    status,
    input: NormalizedSchema.of(input),
    output: NormalizedSchema.of(output),
    labels: [...path.matchAll(/\{(\w+)\+?\}/g)].map(([, label = '']) => label),
    bindings: bindingsOf(NormalizedSchema.of(input)),
  }
  requireKnownBindings(name, operation.input, INPUT_BINDINGS)
  requireKnownBindings(name, operation.output, OUTPUT_BINDINGS)
  return operation
}

function bindingsOf(input: NormalizedSchema): readonly InputBinding[] {
  if (input.isUnitSchema()) return []
  return Array.from(input.structIterator(), ([member, schema]) => {
    const { httpLabel, httpQuery, httpHeader, httpPayload } = schema.getMergedTraits()
    const bound = { member, schema, name: member }
    if (httpLabel !== undefined) return { ...bound, from: 'label' } as const
    if (httpQuery !== undefined) return { ...bound, from: 'query', name: httpQuery } as const
    if (httpHeader !== undefined) return { ...bound, from: 'header', name: httpHeader.toLowerCase() } as const
    return { ...bound, from: httpPayload === undefined ? 'body' : 'payload' } as const
  })
}

/** Refuses a package update that would make this engine drop a member silently. */
function requireKnownBindings(operation: string, schema: NormalizedSchema, known: ReadonlySet<string>): void {
  if (schema.isUnitSchema()) return
  for (const [member, memberSchema] of schema.structIterator()) {
    for (const trait of Object.keys(memberSchema.getMergedTraits())) {
      if (!known.has(trait)) throw apiFault('API_MODEL_UNKNOWN', { operation, what: `${trait} of ${member}` })
    }
  }
}

const INPUT_BINDINGS: ReadonlySet<string> = new Set([
  'httpLabel',
  'httpQuery',
  'httpHeader',
  'httpPayload',
  'idempotencyToken',
  'mediaType',
  'sensitive',
])
const OUTPUT_BINDINGS: ReadonlySet<string> = new Set(['httpPayload', 'httpResponseCode', 'sensitive'])

import * as iot from '@aws-sdk/client-iot'
import * as iotData from '@aws-sdk/client-iot-data-plane'
import * as iotJobsData from '@aws-sdk/client-iot-jobs-data-plane'
import { NormalizedSchema } from '@smithy/core/schema'
import type { HttpRequest, StaticOperationSchema } from '@smithy/types'
import { type Signing, signRequest } from '../testkit/sign-request.ts'
import type { Dice } from './dice.ts'
import { type Known, nearlyValid } from './fuzz-values.ts'

/** A request before it is signed. */
export interface PlainRequest {
  readonly operation: string
  readonly service: string
  readonly method: string
  /** As it goes over the wire. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** An operation of one of the three services, as its SDK's schema describes it. */
export interface FuzzOperation {
  readonly name: string
  readonly service: string
  readonly method: string
  readonly path: string
  readonly input: NormalizedSchema
}

/** Every operation that the SDK packages export. */
export const FUZZ_OPERATIONS: readonly FuzzOperation[] = [
  ...operationsOf('iot', iot),
  ...operationsOf('iotdata', iotData),
  ...operationsOf('iot-jobs-data', iotJobsData),
]

function operationsOf(service: string, exported: object): FuzzOperation[] {
  return Object.values(exported)
    .filter(isOperationSchema)
    .map(([, , name, traits, input]) => {
      const [method = '', path = ''] = typeof traits === 'object' ? (traits.http ?? []) : []
      return { name, service, method, path, input: NormalizedSchema.of(input) }
    })
}

/** A schema is a tuple that begins with its kind; 9 is an operation. */
function isOperationSchema(exported: unknown): exported is StaticOperationSchema {
  return Array.isArray(exported) && exported[0] === 9
}

/** Makes a request for an operation that is nearly as it should be. */
export function nearlyValidRequest(operation: FuzzOperation, dice: Dice, known: Known): PlainRequest {
  const { name, service, method, input } = operation
  const maker = { dice, known, isCareful: dice.oneIn(2) }
  let { path } = operation
  const query: Record<string, string> = {}
  const body: Record<string, unknown> = {}
  let payload: Buffer | undefined
  for (const [member, schema] of input.isUnitSchema() ? [] : input.structIterator()) {
    const { httpLabel, httpQuery, httpPayload } = schema.getMergedTraits()
    const value = nearlyValid(schema, member, maker)
    if (httpLabel !== undefined) path = path.replace(new RegExp(`\\{${member}\\+?\\}`), encoded(value))
    else if (dice.oneIn(maker.isCareful ? 12 : 4)) continue
    else if (httpQuery !== undefined) query[httpQuery] = String(value).toWellFormed().slice(0, 2000)
    else if (httpPayload !== undefined) payload = Buffer.from(JSON.stringify(value) ?? '')
    else body[member] = value
  }
  const hasBody = method !== 'GET' && Object.keys(body).length > 0
  return {
    operation: name,
    service,
    method,
    path,
    query,
    body: payload ?? Buffer.from(hasBody ? JSON.stringify(body) : ''),
  }
}

/** An operation of Birthmark's own API, as its OpenAPI document tells it. */
export interface OwnOperation {
  readonly method: string
  /** For example `/v1/access-keys/{id}`. */
  readonly path: string
  /** The names of its parameters and of the members of its body. */
  readonly names: readonly string[]
}

/** Makes a request for an operation of our own API out of its names and values of every kind. */
export function ownRequest({ method, path, names }: OwnOperation, dice: Dice, known: Known): PlainRequest {
  const text = NormalizedSchema.of(0)
  const value = (name: string): unknown => nearlyValid(text, name, { dice, known, isCareful: false })
  const given = Object.fromEntries(names.filter(() => dice.oneIn(2)).map((name) => [name, value(name)]))
  const target = path.replace(/\{(\w+)\}/g, (_, name: string) => encoded(value(name)))
  const isRead = method === 'GET'
  const query = isRead ? Object.fromEntries(Object.entries(given).map(([name, each]) => [name, textOf(each)])) : {}
  const body = Buffer.from(isRead ? '' : JSON.stringify(given))
  return { operation: `${method} ${path}`, service: 'iot', method, path: target, query, body }
}

function textOf(value: unknown): string {
  return (typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed().slice(0, 2000)
}

function encoded(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? 'x')
  return encodeURIComponent(text.toWellFormed()).slice(0, 2000) || 'x'
}

/** Signs a request with AWS's own signer, and gives what is to be sent. */
export async function signedRequest(plain: PlainRequest, host: string, signing: Signing): Promise<HttpRequest> {
  const message = {
    method: plain.method,
    path: plain.path,
    protocol: 'http:',
    hostname: '127.0.0.1',
    query: plain.query,
    headers: { host, 'content-type': 'application/json' },
    body: plain.body,
  }
  return signRequest(message, { ...signing, service: plain.service })
}

/** Gives the bytes of a request. */
export function wireBytes(request: HttpRequest, body: Uint8Array): Buffer {
  const pairs = Object.entries(request.query ?? {}).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  )
  const target = pairs.length === 0 ? request.path : `${request.path}?${pairs.join('&')}`
  const lines = Object.entries({ ...request.headers, 'content-length': String(body.length) })
  const head = `${request.method} ${target} HTTP/1.1\r\n${lines.map((line) => `${line.join(': ')}\r\n`).join('')}\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), body])
}

import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import * as iot from '@aws-sdk/client-iot'
import * as iotData from '@aws-sdk/client-iot-data-plane'
import * as iotJobsData from '@aws-sdk/client-iot-jobs-data-plane'
import { HttpResponse } from '@smithy/core/protocols'
import type { NormalizedSchema } from '@smithy/core/schema'
import type { HttpRequest } from '@smithy/types'
import fc from 'fast-check'
import { loadOperations, type Operation, type Service } from './model.ts'
import { readInput } from './read-input.ts'
import { createRouter } from './router.ts'
import { parseTarget } from './target.ts'
import { writeOutput } from './write-output.ts'

/**
 * The unmodified SDK clients on the other side of the wire, for every operation of the three services: what a client
 * sends is read as it was given, and what is written arrives as it was meant.
 */
const operations = loadOperations()
const router = createRouter(operations)

test('the models have the number of operations that they had when they were pinned', () => {
  const count = (service: Service): number => operations.filter((operation) => operation.service === service).length
  assert.deepEqual([count('iot'), count('iotdata'), count('iot-jobs-data')], [272, 11, 5])
})

test('every input that a client sends is read as it was given', async () => {
  for (const operation of operations) {
    for (const input of fc.sample(fc.record(inputOf(operation)), 3)) {
      const request = await sentBy(operation, input)
      const target = parseTarget(targetOf(request))
      assert.ok(target !== undefined)
      const route = router.match(request.method, target.rawPath, operation.service)
      assert.equal(route?.operation, operation)
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
      )
      const read = readInput(route, { query: target.query, headers, body: bodyOf(request) })
      assert.deepEqual(plain(read), plain(input), `${operation.service} ${operation.name}`)
    }
  }
})

test('every output that is written arrives at the client as it was meant', async () => {
  for (const operation of operations) {
    if (operation.output.isUnitSchema()) continue
    for (const output of fc.sample(fc.record(membersOf(operation.output)), 3)) {
      const { $metadata, ...received } = await receivedFrom(operation, output)
      const status = (output as { statusCode?: number }).statusCode ?? operation.status
      assert.equal($metadata.httpStatusCode, operation.name === 'DeleteCommand' ? status : operation.status)
      assert.deepEqual(plain(received), plain(output), `${operation.service} ${operation.name}`)
    }
  }
})

/** A value without prototypes and streams, to compare by content. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner) => (inner instanceof Uint8Array ? Buffer.from(inner).toString('hex') : inner)),
  )
}

/** The rest of a path does not begin or end with a slash in any ARN. */
function inputOf({ input, path }: Operation): Record<string, fc.Arbitrary<unknown>> {
  const rest = /\{(\w+)\+\}/.exec(path)?.[1]
  const members = membersOf(input)
  return rest === undefined ? members : { ...members, [rest]: fc.constantFrom('arn:aws:iot:x:1:rule/http/a b', 'x') }
}

function membersOf(schema: NormalizedSchema, depth = 0): Record<string, fc.Arbitrary<unknown>> {
  if (schema.isUnitSchema()) return {}
  const members = [...schema.structIterator()].filter(([, member]) => depth < 4 || isScalar(member))
  const chosen = schema.isUnionSchema() ? members.slice(0, 1) : members
  return Object.fromEntries(chosen.map(([name, member]) => [name, valueOf(member, depth)]))
}

function valueOf(schema: NormalizedSchema, depth: number): fc.Arbitrary<unknown> {
  const traits = schema.getMergedTraits()
  if (schema.isStructSchema()) return fc.record(membersOf(schema, depth + 1))
  if (schema.isListSchema())
    return fc.array(valueOf(schema.getValueSchema(), depth + 1), { minLength: 1, maxLength: 2 })
  if (schema.isMapSchema()) {
    const value = valueOf(schema.getValueSchema(), depth + 1)
    return fc.dictionary(fc.constantFrom('a', 'b/c', 'constructor', 'ü'), value, {
      minKeys: 1,
      maxKeys: 2,
      noNullPrototype: true,
    })
  }
  if (schema.isBooleanSchema()) return fc.boolean()
  if (schema.isNumericSchema()) return traits.httpResponseCode === undefined ? fc.nat() : fc.constantFrom(200, 202)
  if (schema.isTimestampSchema()) return fc.date({ min: new Date(0), max: new Date('2099-01-01'), noInvalidDate: true })
  if (schema.isBlobSchema()) return fc.uint8Array({ minLength: 1, maxLength: 20 })
  if (traits.mediaType !== undefined) return fc.constantFrom('[{"a":"b"}]', '{}')
  if (traits.httpHeader !== undefined) return fc.stringMatching(/^[!-~]{1,20}$/)
  return fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map((text) => text.toWellFormed())
}

function isScalar(schema: NormalizedSchema): boolean {
  return !schema.isStructSchema() && !schema.isListSchema() && !schema.isMapSchema()
}

interface Sender {
  send(command: object): Promise<{ $metadata: { httpStatusCode?: number } }>
}

/** Gives the client of an operation's service, with `answer` for a network. */
function clientOf({ service }: Operation, answer: (request: HttpRequest) => HttpResponse): Sender {
  const requestHandler = { handle: async (request: HttpRequest) => ({ response: answer(request) }) }
  const settings = {
    region: 'eu-central-1',
    endpoint: 'http://localhost:1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts: 1,
    requestHandler,
  }
  const clients = {
    iot: () => new iot.IoTClient(settings),
    iotdata: () => new iotData.IoTDataPlaneClient(settings),
    'iot-jobs-data': () => new iotJobsData.IoTJobsDataPlaneClient(settings),
  }
  return clients[service]() as Sender
}

function commandOf({ service, name }: Operation, input: unknown): object {
  const packages = { iot, iotdata: iotData, 'iot-jobs-data': iotJobsData }
  const commands: Readonly<Record<string, unknown>> = packages[service]
  const Command = commands[`${name}Command`] as new (input: unknown) => object
  return new Command(input)
}

async function sentBy(operation: Operation, input: unknown): Promise<HttpRequest> {
  let sent: HttpRequest | undefined
  const client = clientOf(operation, (request) => {
    sent = request
    throw new Error('sent')
  })
  await assert.rejects(client.send(commandOf(operation, input)), /sent/)
  assert.ok(sent !== undefined)
  return sent
}

async function receivedFrom(operation: Operation, output: unknown): ReturnType<Sender['send']> {
  const { status, headers, body } = writeOutput(operation, output)
  const response = new HttpResponse({ statusCode: status, headers: { ...headers }, body: Readable.from([body]) })
  const [input] = fc.sample(fc.record(inputOf(operation)), 1)
  return clientOf(operation, () => response).send(commandOf(operation, input))
}

/** The body's bytes; the SDK's own array warns when its string methods are used. */
function bodyOf({ body }: HttpRequest): Uint8Array {
  return body instanceof Uint8Array
    ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
    : Buffer.from(body ?? '')
}

function targetOf({ path, query = {} }: HttpRequest): string {
  const pairs = Object.entries(query).flatMap(([name, values]) =>
    [values].flat().map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(value ?? '')}`),
  )
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`
}

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { beforeEach, test } from 'node:test'
import { IoT } from '@aws-sdk/client-iot'
import { IoTDataPlane } from '@aws-sdk/client-iot-data-plane'
import { IoTJobsDataPlane } from '@aws-sdk/client-iot-jobs-data-plane'
import type { Attempt } from '@birthmark/cloud/front'
import type { Registry } from '@birthmark/cloud/registry'
import { Fault, instant } from '@birthmark/foundation/kernel'
import type { HttpRequest } from '@smithy/types'
import fc from 'fast-check'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { refuses } from '../../../testing/testkit/refuses.ts'
import { type Reply, sendRequest, unsignedRequest } from '../../../testing/testkit/send-request.ts'
import { presignRequest, type Signing, signRequest } from '../../../testing/testkit/sign-request.ts'
import { loadOperations } from './engine/model.ts'
import { REQUEST_BYTES_MAX } from './limits.ts'

const plane = await startTestControlPlane()
const { client, credentials, scope, url, log } = plane
const SIGNING: Signing = { credentials, region: scope.region }

beforeEach(() => {
  log.length = 0
})

const send = (message: HttpRequest): Promise<Reply> => sendRequest(url, message)
const unsigned = (method: string, path: string, more: Parameters<typeof unsignedRequest>[3] = {}): HttpRequest =>
  unsignedRequest(url, method, path, more)

test('health is told to strangers, and nothing else', async () => {
  const { status, headers, body } = await send(unsigned('GET', '/v1/health'))
  assert.deepEqual([status, body, headers['content-type']], [200, { status: 'ok' }, 'application/json'])
})

test('a body that is too long is refused by what it declares, and by what comes', async () => {
  const message = await signRequest(unsigned('POST', '/things/x', { body: 'x' }), SIGNING)
  for (const length of [
    ['content-length', String(REQUEST_BYTES_MAX + 1)],
    ['transfer-encoding', 'chunked'],
  ]) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    const headers = Object.entries({ ...message.headers, [length[0]!]: length[1] }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    )
    socket.write(`POST /things/x HTTP/1.1\r\n${headers.join('')}\r\n`)
    if (length[0] === 'transfer-encoding') {
      const chunk = 'x'.repeat(65_536)
      for (let sent = 0; sent <= REQUEST_BYTES_MAX; sent += chunk.length) socket.write(`10000\r\n${chunk}\r\n`)
    }
    const answer = (await buffer(socket)).toString()
    assert.match(answer, /^HTTP\/1\.1 413 /)
    assert.match(answer, /"__type":"RequestEntityTooLargeException"/)
  }
})

test('a stranger is refused before any of the body has come', async () => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write('POST /things/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n')
  assert.match((await buffer(socket)).toString(), /^HTTP\/1\.1 403 /)
})

test('what is not implemented says so by name, in every service', async () => {
  const settings = { endpoint: url, region: scope.region, credentials, maxAttempts: 1 }
  const data = new IoTDataPlane(settings)
  const jobs = new IoTJobsDataPlane(settings)
  const describe = { thingName: 't', jobId: 'j' }
  const cases: readonly (readonly [() => Promise<unknown>, string])[] = [
    [() => client.describeAuditTask({ taskId: 't' }), 'DescribeAuditTask'],
    [() => client.describeJobExecution(describe), 'DescribeJobExecution'],
    [() => data.sendDirectMessage({ clientId: 'a', topic: 'b' }), 'SendDirectMessage'],
    [() => data.getThingShadow({ thingName: 't' }), 'GetThingShadow'],
    [() => jobs.describeJobExecution(describe), 'DescribeJobExecution'],
    [() => jobs.startNextPendingJobExecution({ thingName: 't' }), 'StartNextPendingJobExecution'],
  ]
  for (const [ask, operation] of cases) {
    await assert.rejects(ask(), {
      name: 'NotImplementedException',
      message: `${operation} is not implemented by this endpoint.`,
    })
  }
  assert.deepEqual(
    log.map(({ operation, status }) => [operation, status]),
    cases.map(([, operation]) => [operation, 501]),
  )
  data.destroy()
  jobs.destroy()
})

test('a path that no operation has is unknown', async () => {
  for (const path of ['/nothing', '/v1/nothing', '/things/%ff']) {
    const { status, body } = await send(await signRequest(unsigned('GET', path), SIGNING))
    assert.deepEqual([status, body?.['__type']], [404, 'UnknownOperationException'], path)
  }
})

const ATTEMPT: Attempt = {
  id: 'b8b5b1f0-0000-4000-8000-000000000000',
  startedAt: instant(1_700_000_000_000),
  remoteAddress: '127.0.0.1',
  listener: 'mqtt',
  account: '123456789012',
  region: 'eu-central-1',
  sni: undefined,
  alpn: undefined,
  tlsVersion: 'TLSv1.3',
  certificateId: 'a'.repeat(64),
  clientId: 'press 7',
  steps: [],
  outcome: 'refused',
  cause: { code: 'ISSUER_NOT_REGISTERED', reason: 'The issuer is not registered.', remedy: 'Register it.' },
}

test('attempts are listed, signed like everything', async () => {
  plane.attempts.push(ATTEMPT)
  const query = { clientId: 'press 7', certificateId: 'a'.repeat(64), outcome: 'refused', limit: '1000' }
  const { status, body } = await send(await signRequest(unsigned('GET', '/v1/attempts', { query }), SIGNING))
  assert.deepEqual([status, body], [200, { attempts: [JSON.parse(JSON.stringify(ATTEMPT))] }])
  const presigned = await send(await presignRequest(unsigned('GET', '/v1/attempts'), 60, SIGNING))
  assert.equal(presigned.status, 200)
  const stranger = await send(unsigned('GET', '/v1/attempts'))
  assert.equal(stranger.status, 403)
})

for (const query of [{ limit: '0' }, { limit: '1001' }, { limit: 'x' }, { outcome: 'lost' }, { colour: 'red' }]) {
  test(`refuses attempts by ${JSON.stringify(query)}`, async () => {
    const { status, body } = await send(await signRequest(unsigned('GET', '/v1/attempts', { query }), SIGNING))
    assert.deepEqual([status, body?.['__type']], [400, 'InvalidRequestException'])
  })
}

test('one line of log tells each request, without what it carried', async () => {
  const { $metadata } = await client.createThing({ thingName: 'logged', attributePayload: { attributes: { a: 'b' } } })
  await refuses(client.describeThing({ thingName: 'absent' }), 'ResourceNotFoundException', 404, /absent/)
  await send(unsigned('GET', '/things'))
  const lines = log.map(({ level, operation, method, status, code, accessKeyId }) => ({
    level,
    operation,
    method,
    status,
    code,
    accessKeyId,
  }))
  const accessKeyId = credentials.accessKeyId
  assert.deepEqual(lines, [
    { level: 'info', operation: 'CreateThing', method: 'POST', status: 200, code: undefined, accessKeyId },
    {
      level: 'info',
      operation: 'DescribeThing',
      method: 'GET',
      status: 404,
      code: 'ResourceNotFoundException',
      accessKeyId,
    },
    {
      level: 'info',
      operation: undefined,
      method: 'GET',
      status: 403,
      code: 'MissingAuthenticationTokenException',
      accessKeyId: undefined,
    },
  ])
  assert.equal(log[0]?.['requestId'], $metadata.requestId)
})

/** A registry whose things cannot be read. */
function brokenRegistry(failure: Error): Registry {
  const { registry } = plane
  return {
    in: (inScope) =>
      Object.assign(Object.create(registry.in(inScope)), {
        thing: () => Promise.reject(failure),
        scope: inScope,
        commit: async () => ({ ok: true }),
      }),
    accessKey: (id) => registry.accessKey(id),
    openScopes: () => registry.openScopes(),
    audit: (account, filter) => registry.audit(account, filter),
    onCommit: (listener) => registry.onCommit(listener),
    close: async () => undefined,
  }
}

function faultOf(code: string, blame: Fault['blame']): Fault {
  return new Fault(code, { blame, message: 'the path is /var/lib/secret', remedy: 'Act.' })
}

const FAILURES: readonly (readonly [failure: Error, name: string, status: number, level: string, message: string])[] = [
  [
    new TypeError('undefined is not a function'),
    'InternalFailureException',
    500,
    'error',
    'An unexpected error has occurred.',
  ],
  [
    faultOf('REGISTRY_DAMAGED', 'operator'),
    'InternalFailureException',
    500,
    'error',
    'An unexpected error has occurred.',
  ],
  [faultOf('INVARIANT', 'bug'), 'InternalFailureException', 500, 'error', 'An unexpected error has occurred.'],
  [
    faultOf('DISK_FULL', 'operator'),
    'ServiceUnavailableException',
    503,
    'error',
    'The service is temporarily unavailable.',
  ],
  [faultOf('QUEUE_FULL', 'busy'), 'ThrottlingException', 400, 'warn', 'Rate exceeded'],
  [faultOf('NAME_INVALID', 'caller'), 'InvalidRequestException', 400, 'info', 'the path is /var/lib/secret. Act.'],
]

for (const [failure, name, status, level, message] of FAILURES) {
  test(`a failure of ours becomes ${name}: ${failure instanceof Fault ? failure.code : failure.name}`, async () => {
    const broken = await startTestControlPlane({ registry: brokenRegistry(failure) })
    const refusal = await refuses(broken.client.describeThing({ thingName: 'x' }), name, status, /./)
    assert.equal((refusal as Error).message, message)
    const [line] = broken.log
    // The sentence about what a client did may repeat what it sent, and stays out of the log.
    const isTheirs = failure instanceof Fault && failure.blame === 'caller'
    assert.deepEqual([line?.['level'], line?.['cause']], [level, isTheirs ? undefined : failure.message])
  })
}

test('a certificate provider that does not answer is told as a service that does not', async () => {
  const certificateProvider = {
    issue: () => Promise.reject(faultOf('CERTIFICATE_PROVIDER_UNAVAILABLE', 'operator')),
    root: () => Promise.reject(faultOf('CERTIFICATE_PROVIDER_UNAVAILABLE', 'operator')),
  }
  const { client: asking } = await startTestControlPlane({ certificateProvider })
  await refuses(asking.createKeysAndCertificate({}), 'ServiceUnavailableException', 503, /temporarily unavailable/)
})

test('an unmodified client with its own retries gets through', async () => {
  const patient = new IoT({ endpoint: url, region: scope.region, credentials })
  assert.equal((await patient.createThing({ thingName: 'patient' })).thingName, 'patient')
  patient.destroy()
})

const operations = loadOperations()
const somePath = fc.oneof(
  fc
    .constantFrom(...operations)
    .chain(({ path }) =>
      fc
        .array(fc.constantFrom('x', 'a%20b', '%00', '..', 'a'.repeat(200), '$next'), { minLength: 4, maxLength: 4 })
        .map((labels) => path.replaceAll(/\{[^}]+\}/g, () => labels.pop() ?? 'x')),
    ),
  fc
    .array(fc.stringMatching(/^[!-~]{0,6}$/), { maxLength: 4 })
    .map((segments) => `/${segments.join('/').replaceAll(/[?#]/g, '')}`),
)
const someRequest = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'),
  path: somePath,
  query: fc.dictionary(
    fc.constantFrom('marker', 'pageSize', 'maxResults', 'newStatus', 'setAsActive', 'x'),
    fc.string({ unit: 'grapheme-ascii', maxLength: 5 }),
    { noNullPrototype: true },
  ),
  body: fc.oneof(fc.constant(''), fc.json(), fc.string()),
  principal: fc.option(fc.stringMatching(/^[!-~]{1,20}$/)),
  isSigned: fc.boolean(),
})

test('arbitrary requests get an answer in JSON and a line of log, and nothing of ours fails', async () => {
  await fc.assert(
    fc.asyncProperty(someRequest, async ({ method, path, query, body, principal, isSigned }) => {
      log.length = 0
      const headers = principal === null ? {} : { 'x-amzn-principal': principal, 'x-amzn-iot-principal': principal }
      const message = unsigned(method, path, {
        query,
        headers,
        ...(method === 'GET' || method === 'HEAD' ? {} : { body }),
      })
      const { status = 0, headers: answered } = await send(isSigned ? await signRequest(message, SIGNING) : message)
      // 401 is AWS's answer for a topic rule that is not there.
      const expected = isSigned ? [200, 400, 401, 404, 409, 501] : [400, 403]
      assert.ok(expected.includes(status), `${status} ${String(log[0]?.['cause'])}`)
      assert.ok(status === 200 || answered['x-amzn-errortype'] !== undefined)
      assert.equal(log.length, 1)
    }),
    { numRuns: 400 },
  )
})

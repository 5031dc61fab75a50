import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@birthmark/foundation/kernel'
import type { HttpRequest } from '@smithy/types'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { type Reply, sendRequest, unsignedRequest } from '../../../testing/testkit/send-request.ts'
import { presignRequest, type Signing, signRequest } from '../../../testing/testkit/sign-request.ts'
import { roleDocument } from './access/roles.ts'

const { credentials, registry, scope, url } = await startTestControlPlane()
const SIGNING: Signing = { credentials, region: scope.region }

const send = (message: HttpRequest): Promise<Reply> => sendRequest(url, message)
const unsigned = (method: string, path: string, more: Parameters<typeof unsignedRequest>[3] = {}): HttpRequest =>
  unsignedRequest(url, method, path, more)
const listThings = unsigned('GET', '/things')

test('a signature in the header, or in the query, opens the door', async () => {
  for (const service of ['iot', 'execute-api', 'iotdata', 'iot-jobs-data']) {
    const { status, body } = await send(await signRequest(listThings, { ...SIGNING, service }))
    assert.deepEqual([status, body], [200, { things: [] }], service)
  }
  const presigned = await send(await presignRequest(listThings, 60, SIGNING))
  assert.deepEqual([presigned.status, presigned.body], [200, { things: [] }])
})

const minutes = (count: number): Date => new Date(Date.now() + count * 60_000)
const signed =
  (change: Partial<Signing>, message = listThings) =>
  (): Promise<HttpRequest> =>
    signRequest(message, { ...SIGNING, ...change })
const withHeaders = (message: HttpRequest, headers: Record<string, string>): HttpRequest => ({
  ...message,
  headers: { ...message.headers, ...headers },
})

const STRANGERS: readonly (readonly [
  why: string,
  message: () => Promise<HttpRequest>,
  exception: string,
  reason: RegExp,
])[] = [
  ['no signature', async () => listThings, 'MissingAuthenticationTokenException', /^Missing Authentication Token$/],
  [
    'an unreadable one',
    async () => withHeaders(listThings, { authorization: 'Basic YTpi' }),
    'IncompleteSignatureException',
    /AWS4-HMAC-SHA256/,
  ],
  [
    'an unknown key',
    signed({ credentials: { ...credentials, accessKeyId: 'AKIAUNKNOWN' } }),
    'UnrecognizedClientException',
    /security token included in the request is invalid/,
  ],
  [
    'a session token with a lasting key',
    signed({ credentials: { ...credentials, sessionToken: 'token' } }),
    'UnrecognizedClientException',
    /security token/,
  ],
  [
    'another secret',
    signed({ credentials: { ...credentials, secretAccessKey: 'x' } }),
    'InvalidSignatureException',
    /signature we calculated does not match/,
  ],
  [
    'another region',
    signed({ region: 'us-east-1' }),
    'InvalidSignatureException',
    /valid region, and us-east-1 is none/,
  ],
  ['another service', signed({ service: 's3' }), 'InvalidSignatureException', /correct service/],
  ['a signature of the past', signed({ at: minutes(-16) }), 'InvalidSignatureException', /Signature expired/],
  ['a signature of the future', signed({ at: minutes(16) }), 'InvalidSignatureException', /not yet current/],
  [
    'an expired URL',
    () => presignRequest(listThings, 60, { ...SIGNING, at: minutes(-2) }),
    'InvalidSignatureException',
    /Signature expired/,
  ],
  [
    'a date that is none',
    async () => {
      const message = await signed({})()
      const authorization = message.headers['authorization']!.replace(/\/\d{8}\//, '/20269999/')
      return withHeaders(message, { authorization, 'x-amz-date': '20269999T999999Z' })
    },
    'InvalidSignatureException',
    /not yet current/,
  ],
  [
    'another day in the scope',
    async () => {
      const message = await signed({})()
      return withHeaders(message, { 'x-amz-date': '20200101T000000Z' })
    },
    'InvalidSignatureException',
    /does not match X-Amz-Date/,
  ],
  [
    'a header that was added',
    async () => withHeaders(await signed({})(), { 'x-amzn-principal': 'arn' }),
    'InvalidSignatureException',
    /must be signed/,
  ],
  [
    'another path',
    async () => ({ ...(await signed({})()), path: '/policies' }),
    'InvalidSignatureException',
    /does not match/,
  ],
  [
    'another query',
    async () => ({ ...(await signed({})()), query: { maxResults: '1' } }),
    'InvalidSignatureException',
    /does not match/,
  ],
  [
    'another body',
    async () => ({ ...(await signed({}, unsigned('POST', '/things/x', { body: '{}' }))()), body: '{ }' }),
    'InvalidSignatureException',
    /does not match/,
  ],
  [
    'a body that is not signed',
    signed({}, unsigned('POST', '/things/x', { body: '{}', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } })),
    'InvalidSignatureException',
    /does not match/,
  ],
]

for (const [why, message, exception, reason] of STRANGERS) {
  test(`refuses ${why}`, async () => {
    const { status, headers, body } = await send(await message())
    assert.deepEqual([status, headers['x-amzn-errortype'], body?.['__type']], [403, exception, exception])
    assert.match(String(body?.['message']), reason)
  })
}

test('a URL that would live too long is refused', async () => {
  const { path, query, ...rest } = await presignRequest(listThings, 60, SIGNING)
  const { body } = await send({ ...rest, path, query: { ...query, 'X-Amz-Expires': '604801' } })
  assert.match(String(body?.['message']), /at most 604800 seconds/)
})

test('a key works in every region of its account that is served', async () => {
  const secret = 'secret'
  const permissions = roleDocument({ role: 'auditor', templates: [] })
  const named = { name: 'elsewhere', role: 'auditor', permissions }
  const key = { id: 'AKIAELSEWHERE', secret, ...named, createdAt: instant(0), session: undefined }
  await registry.in({ ...scope, region: 'us-east-1' }).commit([{ do: 'create-access-key', key }])
  const credentials = { accessKeyId: key.id, secretAccessKey: secret }
  assert.equal((await send(await signRequest(listThings, { ...SIGNING, credentials }))).status, 200)
  const unserved = await send(await signRequest(listThings, { ...SIGNING, region: 'us-east-1', credentials }))
  assert.equal(unserved.headers['x-amzn-errortype'], 'InvalidSignatureException')
})

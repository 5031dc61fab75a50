import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import { instant, later, seconds } from '@birthmark/foundation/kernel'
import { presignRequest, signRequest } from '../../../../testing/testkit/sign-request.ts'
import { parseTarget } from '../engine/target.ts'
import { KnownKeys } from './known-keys.ts'
import { checkWebSocketSignature, type WebSocketRequest } from './websocket.ts'

const NOW = instant(Date.parse('2026-01-02T03:04:05Z'))
const SCOPE: Scope = { account: '123456789012', region: 'eu-central-1' }
const TOKEN = 'a token/with+signs='
const KEYS = new Map([
  ['AKIAPLAIN', { secret: 'plain secret', session: undefined }],
  ['ASIATEMPORARY', { secret: 'temporary secret', session: { token: TOKEN, expiresAt: later(NOW, seconds(900)) } }],
])

/** Holds the two keys, and nothing else is asked of it. */
const registry: Pick<Registry, 'accessKey' | 'onCommit'> = {
  async accessKey(id) {
    const found = KEYS.get(id)
    if (found === undefined) return undefined
    return { key: { id, name: 'tool', createdAt: NOW, role: 'operator', permissions: '', ...found }, scope: SCOPE }
  },
  onCommit: () => () => undefined,
}
const parts = {
  keys: new KnownKeys(registry),
  isServed: ({ region }: Scope) => region === SCOPE.region,
}

const PLAIN = { accessKeyId: 'AKIAPLAIN', secretAccessKey: 'plain secret' }
const TEMPORARY = { accessKeyId: 'ASIATEMPORARY', secretAccessKey: 'temporary secret' }
const OPENING = {
  method: 'GET',
  protocol: 'https:',
  hostname: 'localhost',
  path: '/mqtt',
  headers: { host: 'localhost:8443' },
  query: {},
}
const SIGNING = { region: SCOPE.region, service: 'iotdevicegateway', at: new Date(NOW) }

function received(query: string, headers: Readonly<Record<string, string>> = {}): WebSocketRequest {
  const target = parseTarget(`/mqtt${query === '' ? '' : `?${query}`}`)
  assert.ok(target)
  const all = Object.entries({ host: 'localhost:8443', ...headers }).map(([name, value]) => [name, [value]])
  return { ...target, method: 'GET', headers: Object.fromEntries(all), body: new Uint8Array() }
}

async function presigned(
  credentials: Parameters<typeof signRequest>[1]['credentials'],
  change: Partial<typeof SIGNING> = {},
): Promise<URLSearchParams> {
  const { query = {} } = await presignRequest(OPENING, 300, { ...SIGNING, ...change, credentials })
  return new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))
}

function check(query: URLSearchParams, now = NOW): ReturnType<typeof checkWebSocketSignature> {
  return checkWebSocketSignature(received(query.toString()), parts, now)
}

test('a presigned request gives the key, its account and the region', async () => {
  assert.deepEqual(await check(await presigned(PLAIN)), { id: 'AKIAPLAIN', scope: SCOPE, expiresAt: undefined })
})

test('a session token may be signed, and may be appended after signing', async () => {
  const expiresAt = later(NOW, seconds(900))
  const key = { id: 'ASIATEMPORARY', scope: SCOPE, expiresAt }
  assert.deepEqual(await check(await presigned({ ...TEMPORARY, sessionToken: TOKEN })), key)
  const appended = await presigned(TEMPORARY)
  appended.append('X-Amz-Security-Token', TOKEN)
  assert.deepEqual(await check(appended), key)
})

test('a signature in the header counts', async () => {
  const { headers } = await signRequest(OPENING, { ...SIGNING, credentials: { ...TEMPORARY, sessionToken: TOKEN } })
  const { id } = await checkWebSocketSignature(received('', headers), parts, NOW)
  assert.equal(id, 'ASIATEMPORARY')
})

test('what is wrong is refused by name', async () => {
  const name = 'InvalidSignatureException'
  await assert.rejects(check(await presigned({ ...PLAIN, secretAccessKey: 'wrong' })), { name })
  await assert.rejects(check(await presigned(PLAIN, { service: 'iotdata' })), { name, message: /iotdevicegateway/ })
  await assert.rejects(check(await presigned(PLAIN, { region: 'eu-west-1' })), { name })
  await assert.rejects(check(await presigned(PLAIN), later(NOW, seconds(301))), { name, message: /expired/ })
  const touched = await presigned(PLAIN)
  touched.append('x', 'y')
  await assert.rejects(check(touched), { name })
  const unknown = await presigned({ ...PLAIN, accessKeyId: 'AKIANOBODY' })
  await assert.rejects(check(unknown), { name: 'UnrecognizedClientException' })
  await assert.rejects(check(await presigned(TEMPORARY)), { name: 'UnrecognizedClientException' }, 'without its token')
  const late = await presigned({ ...TEMPORARY, sessionToken: TOKEN }, { at: new Date(NOW + 800_000) })
  await assert.rejects(check(late, later(NOW, seconds(900))), { name: 'ExpiredTokenException' })
  await assert.rejects(check(new URLSearchParams()), { name: 'MissingAuthenticationTokenException' })
})

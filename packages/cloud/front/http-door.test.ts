import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { seconds } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import type { AttemptCauseCode, FrontOptions, HttpService } from './index.ts'
import { HTTP_HEADER_BYTES_MAX } from './limits.ts'
import { ManualTime } from './testing/manual-timers.ts'
import type { TestIdentity } from './testing/pki.ts'
import { ARN, commit, idOf, now, openTestCloud, type TestCloud } from './testing/test-cloud.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }
const PUBLISH = { action: 'iot:Publish', resource: `${ARN}topic/all/x` } as const

/** Lets a device do what its policies allow it to publish, and answers with what stood against it. */
const SERVICE: HttpService = {
  answer(request, response, client) {
    void client.admit(request).then((admitted) => {
      const cause = admitted.ok ? admitted.principal.denial(PUBLISH) : admitted.cause
      response.writeHead(cause === undefined ? 200 : 403).end(cause?.code ?? 'done')
      client.conclude({ detail: `${request.method} ${request.url}`, cause })
    })
  },
  checkSignature: () => assert.fail('nobody has signed'),
}

test('a registered device is judged for each request, by its status and policies of that moment', async (context) => {
  const cloud = await openCloud(context)
  const device = await cloud.registeredDevice('press-1')
  const socket = await secure(context, cloud, { device })
  assert.match(await ask(socket), /^HTTP\/1\.1 200 /)
  const id = idOf(device.certificate)
  await commit(cloud.scoped, [{ do: 'detach-policy', policyName: 'device', certificateId: id }])
  assert.match(await ask(socket), /NO_POLICY_ATTACHED$/)
  await commit(cloud.scoped, [{ do: 'attach-policy', policyName: 'device', certificateId: id }])
  assert.match(await ask(socket), /^HTTP\/1\.1 200 /)
  await commit(cloud.scoped, [{ do: 'set-certificate-status', id, from: ['ACTIVE'], to: 'REVOKED', at: now() }])
  assert.match(await ask(socket), /CERTIFICATE_REVOKED$/)
  socket.end()
  await cloud.untilLogged('front.connection')
  const [attempt] = cloud.front.attempts.list({})
  assert.equal(attempt?.outcome, 'ended', 'some of its requests were answered')
  assert.equal(attempt.cause?.code, 'NO_POLICY_ATTACHED', 'the first refusal')
  assert.match(attempt.steps.at(-1)?.detail ?? '', /^2 requests were answered/)
})

test('the first connection of a device provisions it over HTTP too', async (context) => {
  const cloud = await openCloud(context)
  const device = await cloud.device('press-1')
  assert.match(await ask(await secure(context, cloud, { device })), /PROVISIONED_FIRST_CONNECTION$/)
  assert.match(await ask(await secure(context, cloud, { device })), /^HTTP\/1\.1 200 /)
})

test('who has no certificate is told so, and leaves an attempt', async (context) => {
  const cloud = await openCloud(context)
  const socket = await secure(context, cloud)
  assert.match(await ask(socket), /^HTTP\/1\.1 403 .*NO_CLIENT_CERTIFICATE$/s)
  socket.end()
  const attempt = await cloud.attemptWith('NO_CLIENT_CERTIFICATE')
  assert.equal(attempt.outcome, 'refused')
  assert.deepEqual(
    attempt.steps.map(({ step }) => step),
    ['tls', 'client-certificate', 'http', 'end'],
  )
})

const WRONG: readonly (readonly [what: string, bytes: string, code: AttemptCauseCode])[] = [
  ['no HTTP', 'hello\r\n\r\n', 'HTTP_EXPECTED'],
  ['headers that are too long', `GET / HTTP/1.1\r\nX-Long: ${'x'.repeat(HTTP_HEADER_BYTES_MAX)}`, 'HTTP_EXPECTED'],
  ['nothing at all', '', 'CONNECTION_LOST'],
  ['MQTT where its protocol is HTTP', '\x10\x00', 'HTTP_EXPECTED'],
]

for (const [what, bytes, code] of WRONG) {
  test(`a client that sends ${what} ends in ${code}`, async (context) => {
    const cloud = await openCloud(context)
    const socket = await secure(context, cloud, { alpn: ['http/1.1'] })
    socket.end(Buffer.from(bytes, 'latin1'))
    await text(socket).catch(() => '')
    await cloud.attemptWith(code)
  })
}

test('arbitrary bytes end in a cause and harm nobody', async (context) => {
  const cloud = await openCloud(context)
  const device = await cloud.registeredDevice('press-1')
  const opening = fc.constantFrom('', 'GET / HTTP/1.1\r\n', 'GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\n')
  await fc.assert(
    fc.asyncProperty(opening, fc.uint8Array({ minLength: 1, maxLength: 64 }), async (first, garbage) => {
      const socket = await secure(context, cloud, { device, alpn: ['http/1.1'] })
      socket.end(Buffer.concat([Buffer.from(first), garbage]))
      await text(socket).catch(() => '')
    }),
    { numRuns: 40 },
  )
  assert.match(await ask(await secure(context, cloud, { device })), /^HTTP\/1\.1 200 /)
  assert.equal(cloud.logged.filter(({ event }) => event !== 'front.connection').length, 0)
})

test('a request that does not come, one that does not end, and an idle connection are ended', async (context) => {
  const time = new ManualTime()
  const cloud = await openCloud(context, { clock: time, timers: time })
  const device = await cloud.registeredDevice('press-1')
  const silent = await secure(context, cloud, { alpn: ['http/1.1'] })
  const slow = await secure(context, cloud, { device, alpn: ['http/1.1'] })
  slow.write('POST /topics/x HTTP/1.1\r\nHost: a\r\nContent-Le')
  await cloud.untilOpen(2)
  time.pass(seconds(16))
  await Promise.all([gone(silent), gone(slow)])
  await cloud.attemptWith('HTTP_REQUEST_TIMEOUT')
  const idle = await secure(context, cloud, { device })
  assert.match(await ask(idle), /^HTTP\/1\.1 200 /)
  time.pass(seconds(61))
  await gone(idle)
})

interface HttpCloud extends TestCloud {
  /** Waits until so many connections have come through TLS. */
  untilOpen(count: number): Promise<void>
}

async function openCloud(context: TestContext, options: Partial<FrontOptions> = {}): Promise<HttpCloud> {
  const cloud = await openTestCloud(context, {
    listeners: { mqtt: LOOPBACK, https: LOOPBACK },
    http: SERVICE,
    ...options,
  })
  const { attempts } = cloud.front
  return {
    ...cloud,
    async untilOpen(count) {
      while (attempts.list({ outcome: 'open' }).filter(({ tlsVersion }) => tlsVersion !== undefined).length < count) {
        await new Promise((resolve) => void setImmediate(resolve))
      }
    },
  }
}

interface Choice {
  readonly device?: TestIdentity
  readonly alpn?: readonly string[]
}

async function secure(
  context: TestContext,
  { front, root }: TestCloud,
  { device, alpn = [] }: Choice = {},
): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: front.addresses.https?.port ?? 0,
    servername: 'localhost',
    ca: root.certificate.toPem(),
    ...(device && { key: device.keyPem, cert: device.certificate.toPem() }),
    ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
  })
  socket.on('error', () => undefined)
  context.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** Asks once and gives the whole answer; the connection stays. */
async function ask(socket: TLSSocket): Promise<string> {
  socket.write('POST /topics/all/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx')
  let answer = ''
  const isWhole = (): boolean => answer.endsWith('0\r\n\r\n') || /\r\n\r\n.+$/s.test(answer)
  while (!isWhole()) {
    const [chunk] = await once(socket, 'data')
    answer += String(chunk)
  }
  return answer.replace(/\r\n0\r\n\r\n$/, '')
}

async function gone(socket: TLSSocket): Promise<void> {
  socket.resume()
  if (!socket.closed) await once(socket, 'close')
}

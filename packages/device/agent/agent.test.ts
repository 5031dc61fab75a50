import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createServer } from 'node:tls'
import { isFault, millis, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'
import { SoftwareSigner } from '@birthmark/foundation/x509'
import { freshMemory, softwareElement } from '../../../testing/testkit/software-element.ts'
import { newTlsAuthority, type TlsIdentity } from '../../../testing/testkit/tls-identities.ts'
import { comeOnline } from './agent.ts'
import { type DeviceIdentity, loadIdentity } from './identity.ts'

/** What keeps a device offline; that it comes online is shown by the main job, with the real cloud. */

const authority = await newTlsAuthority()

test('an element without certificate, or without trust anchor, is no device', async () => {
  const element = softwareElement(freshMemory('01'))
  await assert.rejects(loadIdentity(element), (error) => isFault(error, 'DEVICE_HAS_NO_CERTIFICATE'))
  await element.writeCertificate(element.defaultSlots.certificate, authority.root.der)
  await assert.rejects(loadIdentity(element), (error) => isFault(error, 'DEVICE_HAS_NO_TRUST_ANCHOR'))
})

test('an endpoint that drops the device is tried again until the tries are used up', async (context) => {
  const tries: number[] = []
  const port = await listen(context, await authority.server())
  const error = await failureOf(await device(), port, (attempt) => tries.push(attempt))
  assert.ok(isFault(error, 'TRIES_EXHAUSTED'), String(error))
  assert.deepEqual(tries, [1, 2, 3])
})

test('an endpoint that is not there is tried again as well', async (context) => {
  const tries: number[] = []
  const port = await listen(context, await authority.server(), { closed: true })
  const error = await failureOf(await device(), port, (attempt) => tries.push(attempt))
  assert.ok(isFault(error, 'TRIES_EXHAUSTED') && isFault(error.cause, 'ENDPOINT_UNREACHABLE'), String(error))
  assert.equal(tries.length, 3)
})

test('an endpoint of another root is given up at once: no retry makes it the right one', async (context) => {
  const tries: number[] = []
  const stranger = await newTlsAuthority()
  const port = await listen(context, await stranger.server())
  const error = await failureOf(await device(), port, (attempt) => tries.push(attempt))
  assert.ok(isFault(error, 'TLS_CERTIFICATE_FOREIGN'), String(error))
  assert.deepEqual(tries, [])
})

for (const algorithm of ['ecdsa-p256-sha256', 'rsa-pkcs1-sha256'] as const) {
  test(`a key in this process, ${algorithm}, goes through Node's TLS`, async (context) => {
    const signer = await SoftwareSigner.generate(algorithm)
    const [certificate] = await authority.certify(signer.publicKey)
    assert.ok(certificate !== undefined)
    const identity = { certificate, signer, trustAnchor: authority.root }
    const dropped = await failureOf(identity, await listen(context, await authority.server()), () => undefined)
    assert.ok(isFault(dropped, 'TRIES_EXHAUSTED') && isFault(dropped.cause, 'CONNECTION_DROPPED'), String(dropped))
    const stranger = await newTlsAuthority()
    const foreign = await failureOf(identity, await listen(context, await stranger.server()), () => assert.fail())
    assert.ok(isFault(foreign, 'ENDPOINT_NOT_TRUSTED'), String(foreign))
    const elsewhere = await listen(context, await authority.server(), { closed: true })
    const absent = await failureOf(identity, elsewhere, () => undefined)
    assert.ok(isFault(absent, 'TRIES_EXHAUSTED') && isFault(absent.cause, 'ENDPOINT_UNREACHABLE'), String(absent))
  })
}

async function device(): Promise<DeviceIdentity> {
  const element = softwareElement(freshMemory('02'))
  const { key, certificate, trustAnchor } = element.defaultSlots
  const [leaf] = await authority.certify(await element.generateKey(key))
  assert.ok(leaf !== undefined)
  await element.writeCertificate(certificate, leaf.der)
  await element.writeCertificate(trustAnchor, authority.root.der)
  return loadIdentity(element)
}

async function failureOf(
  identity: DeviceIdentity,
  port: number,
  onFailedTry: (attempt: number) => void,
): Promise<unknown> {
  return comeOnline({
    identity,
    endpoint: { host: 'localhost', port },
    clientId: 'meter-1',
    backoff: { firstDelayMax: millis(1), delayMax: millis(1) },
    attemptsMax: 3,
    onFailedTry,
    clock: systemClock,
    entropy: systemEntropy,
    timers: systemTimers,
    log: silentLog,
  }).then(
    () => assert.fail('the device came online'),
    (error: unknown) => error,
  )
}

/** A TLS server that hangs up on whoever has shaken hands, as a cloud does to a device that it has provisioned. */
async function listen(context: TestContext, identity: TlsIdentity, options = { closed: false }): Promise<number> {
  const { cert, key, passphrase } = identity
  const server = createServer({ cert, key, passphrase, requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on('error', () => undefined)
    socket.end()
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => {
    server.listen(0, 'localhost', resolve)
  })
  const { port } = server.address() as AddressInfo
  const closed = new Promise((resolve) => {
    server.on('close', resolve)
  })
  if (options.closed) {
    server.close()
    await closed
  } else context.after(() => void server.close())
  return port
}

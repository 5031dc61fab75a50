/** The answers of the cloud to a device that asks for a certificate; the exchange itself is in the job tests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeUtf8, isFault, type Millis, type Timers } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import type { DeviceConnection } from './connection.ts'
import { ask, askForCertificate, provisionThing } from './fleet.ts'

const never: Timers = { after: () => () => undefined }

/** A connection on which the cloud answers each request with these bytes. */
function answering(
  verdict: 'accepted' | 'rejected',
  bytes: Uint8Array | string,
  closed?: Promise<void>,
): DeviceConnection {
  let take: (topic: string, payload: Uint8Array) => void = () => undefined
  return {
    publish: async (topic) => take(`${topic}/${verdict}`, typeof bytes === 'string' ? encodeUtf8(bytes) : bytes),
    subscribe: async () => undefined,
    onMessage: (listener) => {
      take = listener
      return () => undefined
    },
    closed: closed ?? new Promise(() => undefined),
    close: async () => undefined,
  }
}

test('a rejection says what the cloud said', async () => {
  const payload = JSON.stringify({ statusCode: 403, errorCode: 'AccessDenied', errorMessage: 'Not on the list.' })
  await assert.rejects(
    provisionThing(answering('rejected', payload), { template: 't', parameters: {} }, 'token', never),
    (error) =>
      isFault(error, 'PROVISIONING_REJECTED') &&
      error.message.includes('(403 AccessDenied): Not on the list') &&
      error.context['statusCode'] === 403,
  )
})

test('a thing and its configuration are taken from an acceptance, and nothing that is no text', async () => {
  const payload = JSON.stringify({ thingName: 'meter', deviceConfiguration: { site: 'north', level: 5 } })
  const given = await provisionThing(answering('accepted', payload), { template: 't', parameters: {} }, 'x', never)
  assert.deepEqual(given, { thingName: 'meter', deviceConfiguration: { site: 'north' } })
})

test('silence ends, by time and by the end of the connection', async () => {
  const silent: DeviceConnection = { ...answering('accepted', '{}'), publish: async () => undefined }
  const atOnce: Timers = {
    after: (_: Millis, task) => {
      queueMicrotask(task)
      return () => undefined
    },
  }
  await assert.rejects(ask(silent, 't', {}, atOnce), (error) => isFault(error, 'PROVISIONING_SILENT'))
  const cut = { ...silent, closed: Promise.resolve() }
  await assert.rejects(ask(cut, 't', {}, never), (error) => isFault(error, 'PROVISIONING_SILENT'))
})

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
for (const [what, payload] of [
  ['no JSON', '{'],
  ['a list', '[]'],
  ['nothing', ''],
  ['no token', '{"certificateId":"a","certificatePem":"b"}'],
  ['no certificate', '{"certificateOwnershipToken":"t"}'],
  ['half a certificate', JSON.stringify({ certificateOwnershipToken: 't', certificateId: 'a', certificatePem: PEM })],
  ['too long', ' '.repeat(200_000)],
] as const) {
  test(`an offer with ${what} is refused`, async () => {
    await assert.rejects(askForCertificate(answering('accepted', payload), 'CSR', never), (error) =>
      isFault(error, 'PROVISIONING_ANSWER_INVALID'),
    )
  })
}

test('any bytes are an answer that makes no sense, or a rejection', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('accepted', 'rejected'), fc.uint8Array(), async (verdict, bytes) => {
      const error = await askForCertificate(answering(verdict, bytes), 'CSR', never).catch((one: unknown) => one)
      assert.ok(isFault(error, 'PROVISIONING_ANSWER_INVALID') || isFault(error, 'PROVISIONING_REJECTED'), String(error))
    }),
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seconds } from '@birthmark/foundation/kernel'
import { DEVICE } from '@birthmark/foundation/x509'
import type { IClientOptions } from 'mqtt'
import { closed } from './testing/mqtt-client.ts'
import { makeCa, makeDevice, makeRoot, type TestIdentity } from './testing/pki.ts'
import {
  caRecord,
  certificateRecord,
  commit,
  idOf,
  now,
  openTestCloud,
  type TestCloud,
  type TlsChoice,
} from './testing/test-cloud.ts'

interface Refusal {
  readonly what: string
  readonly code: string
  /** Part of the sentence that people read. */
  readonly says: RegExp
  readonly prepare: (cloud: TestCloud) => Promise<TestIdentity | undefined>
  readonly client?: IClientOptions & TlsChoice
  /** Code of the CONNACK that an MQTT 5 client gets; nothing when absent. */
  readonly connack?: number
}

const REFUSALS: readonly Refusal[] = [
  {
    what: 'no certificate',
    code: 'NO_CLIENT_CERTIFICATE',
    says: /showed no certificate/,
    prepare: async () => undefined,
  },
  {
    what: 'a certificate of a CA that is not registered',
    code: 'ISSUER_NOT_REGISTERED',
    says: /no registered CA has the name of its issuer CN=Foreign/,
    prepare: async ({ root }) => makeDevice(await makeCa(root, 'Foreign'), 'press-7'),
  },
  {
    what: 'a certificate of the root of a registered CA',
    code: 'ISSUER_NOT_REGISTERED',
    says: /issuer CN=Test Root/,
    prepare: ({ root }) => makeDevice(root, 'press-7'),
  },
  {
    what: 'a self-signed certificate',
    code: 'CERTIFICATE_NOT_REGISTERED',
    says: /self-signed/,
    prepare: () => makeRoot('press-7'),
  },
  {
    what: 'a certificate of another CA with the name of a registered one',
    code: 'CERTIFICATE_SIGNATURE_INVALID',
    says: /no registered CA of that name signed it/,
    prepare: async () => makeDevice(await makeCa(await makeRoot()), 'press-7'),
  },
  {
    what: 'a certificate of an inactive CA',
    code: 'ISSUER_INACTIVE',
    says: /is INACTIVE/,
    prepare: async (cloud) => {
      await commit(cloud.scoped, [{ do: 'update-ca', id: idOf(cloud.ca.certificate), status: 'INACTIVE', at: now() }])
      return cloud.device('press-7')
    },
  },
  {
    what: 'a certificate of a CA that ended',
    code: 'ISSUER_INACTIVE',
    says: /is valid only from .* until/,
    prepare: async (cloud) => {
      const ca = await makeCa(cloud.root, 'Old')
      await commit(cloud.scoped, [{ do: 'register-ca', ca: caRecord(ca.certificate, { notAfter: now() }) }])
      return makeDevice(ca, 'press-7')
    },
  },
  {
    what: 'a certificate of a CA without auto-registration',
    code: 'AUTO_REGISTRATION_OFF',
    says: /does not register devices by itself/,
    prepare: async (cloud) => {
      const { certificate } = cloud.ca
      await commit(cloud.scoped, [{ do: 'update-ca', id: idOf(certificate), autoRegistration: false, at: now() }])
      return cloud.device('press-7')
    },
  },
  {
    what: 'a certificate that ended, although registered and ACTIVE',
    code: 'CERTIFICATE_EXPIRED',
    says: /ended on 20/,
    prepare: async ({ ca, scoped }) => {
      const profile = { ...DEVICE, validity: { lasts: seconds(1) } }
      const device = await makeDevice(ca, 'press-7', { profile, now: Date.now() - 3_000_000 })
      await commit(scoped, [{ do: 'register-certificate', certificate: certificateRecord(device.certificate) }])
      return device
    },
  },
  {
    what: 'a certificate that has not begun',
    code: 'CERTIFICATE_NOT_YET_VALID',
    says: /begins on 20/,
    prepare: ({ ca }) =>
      makeDevice(ca, 'press-7', { profile: { ...DEVICE, backdated: seconds(0) }, now: Date.now() + 3_600_000 }),
  },
  ...(['INACTIVE', 'REVOKED', 'PENDING_TRANSFER'] as const).map(
    (status): Refusal => ({
      what: `a certificate that is ${status}`,
      code: `CERTIFICATE_${status}`,
      says: status === 'PENDING_TRANSFER' ? /transferred/ : new RegExp(`registered and ${status}`),
      prepare: (cloud) => cloud.registeredDevice('press-7', { status }),
    }),
  ),
  {
    what: 'a certificate that waits for activation, of no registered CA',
    code: 'CERTIFICATE_PENDING_ACTIVATION',
    says: /no registered CA provisions it/,
    prepare: async ({ root, scoped }) => {
      const device = await makeDevice(root, 'press-7')
      const certificate = certificateRecord(device.certificate, { status: 'PENDING_ACTIVATION' })
      await commit(scoped, [{ do: 'register-certificate', certificate }])
      return device
    },
  },
  {
    what: 'a certificate of mode SNI_ONLY without a server name',
    code: 'SNI_MISSING',
    says: /named no server/,
    prepare: (cloud) => cloud.registeredDevice('press-7', { mode: 'SNI_ONLY' }),
    client: { serverName: '' },
  },
  {
    what: 'a certificate of mode SNI_ONLY with the name of another server',
    code: 'SNI_FOREIGN',
    says: /asked for elsewhere\.example/,
    prepare: (cloud) => cloud.registeredDevice('press-7', { mode: 'SNI_ONLY' }),
    client: { serverName: 'elsewhere.example' },
  },
  {
    what: 'a certificate without a policy',
    code: 'NO_POLICY_ATTACHED',
    says: /has no policy/,
    prepare: async ({ ca, scoped }) => {
      const device = await makeDevice(ca, 'press-7')
      await commit(scoped, [{ do: 'register-certificate', certificate: certificateRecord(device.certificate) }])
      return device
    },
    connack: 0x87,
  },
  {
    what: 'a client id that the policy does not allow',
    code: 'POLICY_DENIED_CONNECT',
    says: /Statement\[0\] of policy "device" needs \$\{iot:Connection\.Thing\.ThingName\}/,
    prepare: (cloud) => cloud.registeredDevice('press-7'),
    client: { clientId: 'press-8' },
    connack: 0x87,
  },
  {
    what: 'a will that the policy does not allow',
    code: 'POLICY_DENIED_CONNECT',
    says: /^The will cannot be published: iot:Publish on .*topic\/forbidden is denied/,
    prepare: (cloud) => cloud.registeredDevice('press-7'),
    client: { will: { topic: 'forbidden', payload: Buffer.from('gone'), qos: 0, retain: false } },
    connack: 0x87,
  },
  {
    what: 'a client id that is reserved',
    code: 'CLIENT_ID_INVALID',
    says: /begins with \$/,
    prepare: (cloud) => cloud.registeredDevice('press-7'),
    client: { clientId: '$press' },
    connack: 0x85,
  },
  {
    what: 'a will that it may publish and not retain',
    code: 'POLICY_DENIED_CONNECT',
    says: /The will cannot be retained/,
    prepare: (cloud) => cloud.registeredDevice('press-7'),
    client: { will: { topic: 'all/a', payload: Buffer.from('gone'), qos: 0, retain: true } },
    connack: 0x87,
  },
]

for (const { what, code, says, prepare, client, connack } of REFUSALS) {
  test(`refuses ${what}: ${code}`, async (context) => {
    const cloud = await openTestCloud(context)
    const device = await prepare(cloud)
    const end = await closed(cloud.client(device, { clientId: 'press-7', protocolVersion: 5, ...client }))
    const attempt = await cloud.attemptWith(code)
    assert.equal(attempt.outcome, 'refused')
    assert.match(attempt.cause?.reason ?? '', says)
    assert.notEqual(attempt.cause?.remedy, '')
    assert.equal(end.code, connack)
  })
}

for (const [deniedConnect, code] of [
  ['close', undefined],
  ['connack', 5],
] as const) {
  test(`a denied 3.1.1 client sees ${code ?? 'nothing'} with deniedConnect ${deniedConnect}`, async (context) => {
    const cloud = await openTestCloud(context, { deniedConnect })
    const device = await cloud.registeredDevice('press-7')
    assert.equal((await closed(cloud.client(device, { clientId: 'press-8' }))).code, code)
  })
}

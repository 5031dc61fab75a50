import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import {
  type ConnectionOptions,
  connect,
  type DetailedPeerCertificate,
  type PeerCertificate,
  type TLSSocket,
} from 'node:tls'
import type { Endpoint, Endpoints, SecurityPolicy } from './index.ts'
import { SECURITY_POLICIES } from './index.ts'
import { makeEndpoint } from './testing/pki.ts'
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts'

const VERSIONS = { TLSv1_2: 'TLSv1.2', TLSv1_3: 'TLSv1.3' } as const

/** Which versions each policy of AWS allows (developer guide, transport security). */
const ALLOWED: Readonly<Record<SecurityPolicy, readonly string[]>> = {
  IoTSecurityPolicy_TLS13_1_3_2022_10: ['TLSv1.3'],
  IoTSecurityPolicy_TLS13_1_2_2022_10: ['TLSv1.2', 'TLSv1.3'],
  IoTSecurityPolicy_TLS12_1_2_2022_10: ['TLSv1.2'],
}

for (const securityPolicy of SECURITY_POLICIES) {
  test(`${securityPolicy} allows ${ALLOWED[securityPolicy].join(' and ')}`, async (context) => {
    const cloud = await openTestCloud(context)
    cloud.front.exchangeEndpoints({ ...cloud.endpoints, securityPolicy })
    for (const version of Object.values(VERSIONS)) {
      const offered = { minVersion: version, maxVersion: version }
      if (ALLOWED[securityPolicy].includes(version))
        assert.equal((await meet(context, cloud, offered)).version, version)
      else await assert.rejects(meet(context, cloud, offered))
    }
    if (ALLOWED[securityPolicy].length === 1) await cloud.attemptWith('TLS_VERSION_UNSUPPORTED')
  })
}

test('a domain name has a certificate and a security policy of its own, exchanged while it runs', async (context) => {
  const cloud = await openTestCloud(context)
  const own = await makeEndpoint(cloud.root, 'devices.example')
  const endpoint: Endpoint = { key: own.keyPem, certificate: own.certificate.toPem() }
  const name = { servername: 'devices.example' }
  assert.equal((await meet(context, cloud, name)).subject, 'localhost')
  const securityPolicy = 'IoTSecurityPolicy_TLS13_1_3_2022_10'
  const domains = new Map([['Devices.example', { endpoint, securityPolicy }]] as const)
  cloud.front.exchangeEndpoints({ ...cloud.endpoints, domains })
  assert.equal((await meet(context, cloud, { servername: 'DEVICES.example' })).subject, 'devices.example')
  assert.equal((await meet(context, cloud, { servername: 'localhost' })).subject, 'localhost')
  assert.equal((await meet(context, cloud, {})).subject, 'localhost')
  const old = { maxVersion: 'TLSv1.2' } as const
  await assert.rejects(meet(context, cloud, { ...name, ...old }))
  assert.equal((await meet(context, cloud, { servername: 'localhost', ...old })).version, 'TLSv1.2')
  cloud.front.exchangeEndpoints(cloud.endpoints)
  assert.equal((await meet(context, cloud, { ...name, ...old })).subject, 'localhost')
})

test('a ClientHello in pieces is waited for where names differ', async (context) => {
  const cloud = await openTestCloud(context)
  const own = await makeEndpoint(cloud.root, 'devices.example')
  const endpoint: Endpoint = { key: own.keyPem, certificate: own.certificate.toPem() }
  cloud.front.exchangeEndpoints({ ...cloud.endpoints, domains: new Map([['devices.example', { endpoint }]]) })
  // A hybrid key share and many protocols make it longer than what is read at once.
  const ALPNProtocols = ['x-amzn-mqtt-ca', ...Array.from({ length: 40 }, (_, index) => `${'p'.repeat(200)}${index}`)]
  const { subject } = await meet(context, cloud, { servername: 'devices.example', ALPNProtocols })
  assert.equal(subject, 'devices.example')
})

test('a certificate that does not go with its key is refused, and the others stay', async (context) => {
  const cloud = await openTestCloud(context)
  const own = await makeEndpoint(cloud.root, 'devices.example')
  const other = await makeEndpoint(cloud.root, 'other.example')
  const endpoint: Endpoint = { key: own.keyPem, certificate: other.certificate.toPem() }
  const domains = new Map([['devices.example', { endpoint }]])
  assert.throws(() => cloud.front.exchangeEndpoints({ ...cloud.endpoints, domains }), { code: 'ENDPOINT_UNUSABLE' })
  assert.equal((await meet(context, cloud, { servername: 'localhost' })).subject, 'localhost')
})

test('clients that verify only RSA get an RSA certificate, the others P-256', async (context) => {
  const cloud = await openTestCloud(context)
  const rsa = await makeEndpoint(cloud.root, 'localhost', 'rsa')
  const both: Endpoints = {
    endpoint: { ...cloud.endpoints.endpoint, rsa: { key: rsa.keyPem, certificate: rsa.certificate.toPem() } },
  }
  cloud.front.exchangeEndpoints(both)
  for (const maxVersion of Object.values(VERSIONS)) {
    assert.equal((await meet(context, cloud, { maxVersion })).key, 'ec')
  }
  assert.equal((await meet(context, cloud, { maxVersion: 'TLSv1.2', sigalgs: 'RSA+SHA256' })).key, 'rsa')
  assert.equal((await meet(context, cloud, { sigalgs: 'rsa_pss_rsae_sha256' })).key, 'rsa')
})

test('the hybrid X25519MLKEM768 is agreed on with clients that know it', async (context) => {
  const cloud = await openTestCloud(context)
  const { socket } = await meet(context, cloud, { ecdhCurve: 'X25519MLKEM768' })
  assert.equal(socket.getProtocol(), 'TLSv1.3')
  const { socket: classical } = await meet(context, cloud, { ecdhCurve: 'P-256' })
  assert.deepEqual({ ...classical.getEphemeralKeyInfo() }, { type: 'ECDH', name: 'prime256v1', size: 256 })
})

interface Met {
  readonly socket: TLSSocket
  readonly subject: string | string[] | undefined
  readonly version: string | null
  readonly key: 'ec' | 'rsa'
}

/** Goes through a handshake and tells what the server has shown. */
async function meet(context: TestContext, cloud: TestCloud, options: ConnectionOptions): Promise<Met> {
  const { host, port } = cloud.front.addresses.mqtt
  const trust = { ca: cloud.root.certificate.toPem(), checkServerIdentity: () => undefined }
  const socket = connect({ host, port, ...trust, ...options })
  context.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  const shown: PeerCertificate | DetailedPeerCertificate = socket.getPeerCertificate()
  const key = shown.modulus === undefined ? 'ec' : 'rsa'
  return { socket, subject: shown.subject.CN, version: socket.getProtocol(), key }
}

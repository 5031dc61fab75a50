import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startForeignServer } from '../testkit/foreign-server.ts'
import { runProgram } from '../testkit/run-program.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

/** OpenSSL's client and curl, unmodified, where `birthmark server` must turn them away, and say why. */
const cloud = await startRunningCloud()
after(() => cloud.close())
const device = await cloud.newDevice('press')

const toMqtt = ['s_client', '-connect', `localhost:${cloud.mqtt.port}`, '-CAfile', cloud.rootPath, '-quiet']
const asDevice = ['-cert', device.certificate, '-key', device.key]
/** MQTT 3.1.1, clean session, keep-alive 60 s, client id `a` (MQTT 3.1.1 §3.1). */
const CONNECT = Buffer.from('100d00044d5154540402003c000161', 'hex')

for (const version of ['-tls1_2', '-tls1_3']) {
  test(`openssl s_client ${version} without a certificate is turned away at its CONNECT`, async () => {
    await runProgram('openssl', [...toMqtt, version, '-servername', `none${version}`], CONNECT)
    const { tlsVersion, sni } = await cloud.refusal({ outcome: 'refused', limit: '1' }, 'NO_CLIENT_CERTIFICATE')
    assert.deepEqual([tlsVersion, sni], [version === '-tls1_2' ? 'TLSv1.2' : 'TLSv1.3', `none${version}`])
  })
}

test('what is no MQTT is turned away', async () => {
  await runProgram('openssl', [...toMqtt, ...asDevice], 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const { cause } = await cloud.refusal({ certificateId: device.certificateId }, 'CONNECT_EXPECTED')
  assert.match(cause?.remedy ?? '', /CONNECT first/)
})

test('TLS 1.1 is refused in the handshake', async () => {
  const old = ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0']
  const { status, output } = await runProgram('openssl', [...toMqtt, ...asDevice, ...old])
  assert.notEqual(status, 0)
  assert.match(output, /alert protocol version/)
  const { cause } = await cloud.refusal({ outcome: 'refused' }, 'TLS_VERSION_UNSUPPORTED')
  assert.match(cause?.reason ?? '', /offers TLS 1\.1/)
})

test('a client of TLS 1.2 cannot prove another certificate later on', async (context) => {
  const words = toMqtt.filter((word) => word !== '-quiet')
  const client = startForeignServer(context, 'openssl', [...words, ...asDevice, '-tls1_2'])
  await client.says(/Verify return code: 0/)
  // What makes s_client renegotiate.
  client.type('R')
  await client.says(/no renegotiation/)
})

test('a client that does not speak TLS is refused, and the record says that it spoke HTTP', async () => {
  const { status } = await runProgram('curl', ['-sS', `http://localhost:${cloud.mqtt.port}/`])
  assert.notEqual(status, 0)
  const { cause } = await cloud.refusal({ outcome: 'refused', limit: '1' }, 'TLS_EXPECTED')
  assert.match(cause?.reason ?? '', /HTTP without TLS/)
})

for (const alpn of ['--http1.1', '--no-alpn']) {
  test(`curl ${alpn}: the HTTPS port refuses a device that no policy binds, and the record says so`, async () => {
    const identity = ['--cacert', cloud.rootPath, '--cert', device.certificate, '--key', device.key]
    const url = `https://localhost:${cloud.httpsPort}/topics/dt%2Fpress?qos=1`
    const { output } = await runProgram('curl', ['-sS', '-i', alpn, ...identity, '--data-binary', '{}', url])
    assert.match(output, /^HTTP\/1.1 403 /)
    assert.match(output, /^x-amzn-errortype: ForbiddenException\r$/m)
    await cloud.refusal({ certificateId: device.certificateId, limit: '1' }, 'NO_POLICY_ATTACHED')
  })
}

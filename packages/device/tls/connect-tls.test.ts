import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { suite, test } from 'node:test'
import { elementSigner } from '@birthmark/chip'
import { isFault, millis } from '@birthmark/foundation/kernel'
import { freshMemory, softwareElement } from '../../../testing/testkit/software-element.ts'
import { closedPort, connectDevice, issue, startNodeServer, startTcpServer } from './testing/node-server.ts'
import type { TlsVersion } from './version.ts'

const issued = await issue()
const stranger = await issue()
const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3']
const only = (version: TlsVersion) => ({ minVersion: version, maxVersion: version }) as const

for (const version of VERSIONS) {
  // A server of TLS 1.2 also looks for the curve of the client's certificate among its own (RFC 8422 §5.1.1).
  for (const groups of ['P-256', version === 'TLSv1.3' ? 'X25519' : 'X25519:P-256']) {
    test(`connects to Node's server: ${version}, ${groups}`, async (context) => {
      const server = await startNodeServer(context, issued, {
        ...only(version),
        ecdhCurve: groups,
        ALPNProtocols: ['mqtt'],
      })
      const accepted = server.accept()
      const stream = await connectDevice(issued, server.port, { alpn: ['x-amzn-mqtt-ca', 'mqtt'] })
      const socket = await accepted
      assert.deepEqual([stream.version, stream.alpn], [version, 'mqtt'])
      assert.equal(stream.serverCertificate.fingerprint, issued.server.certificates[0]?.fingerprint)
      assert.deepEqual([socket.getProtocol(), socket.authorized, socket.alpnProtocol], [version, true, 'mqtt'])
      assert.equal(socket.getPeerCertificate().subject.CN, 'press-7')
      assert.equal(Reflect.get(socket, 'servername'), 'localhost')
      stream.destroy()
    })
  }
}

for (const version of VERSIONS) {
  test(`${version}: the key is in a secure element, which signs once`, async (context) => {
    const memory = freshMemory('07')
    const element = softwareElement(memory)
    const publicKey = await element.generateKey('key')
    const certificates = await issued.authority.certify(publicKey)
    const server = await startNodeServer(context, issued, only(version))
    const accepted = server.accept()
    const identity = { certificates, signer: elementSigner(element, 'key', publicKey) }
    const stream = await connectDevice(issued, server.port, { identity })
    assert.equal((await accepted).authorized, true)
    assert.deepEqual(memory.calls, ['generateKey', 'signDigest'])
    stream.destroy()
  })
}

suite('TLS 1.3 with other keys:', () => {
  for (const algorithm of ['ecdsa-p384-sha384', 'rsa-pkcs1-sha256'] as const) {
    test(`a server with ${algorithm}`, async (context) => {
      const server = await issued.authority.server({ algorithm })
      const { port } = await startNodeServer(context, { ...issued, server }, only('TLSv1.3'))
      const stream = await connectDevice(issued, port)
      assert.equal(stream.serverCertificate.keyAlgorithm, server.certificates[0]?.keyAlgorithm)
      stream.destroy()
    })
  }

  test('a device with ecdsa-p384-sha384', async (context) => {
    const device = await issued.authority.device({ algorithm: 'ecdsa-p384-sha384' })
    const server = await startNodeServer(context, issued, only('TLSv1.3'))
    const accepted = server.accept()
    const stream = await connectDevice({ ...issued, device }, server.port)
    assert.equal((await accepted).authorized, true)
    stream.destroy()
  })
})

suite('the server hears why it is refused:', () => {
  test('a foreign chain', async (context) => {
    const server = await startNodeServer(context, stranger)
    const failure = server.failure()
    await assert.rejects(connectDevice(issued, server.port), (error) => isFault(error, 'TLS_CERTIFICATE_FOREIGN'))
    assert.equal(await failure, 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')
  })

  test('another host name', async (context) => {
    const server = await startNodeServer(context, issued)
    const failure = server.failure()
    const connecting = connectDevice(issued, server.port, { host: 'elsewhere.example' })
    await assert.rejects(connecting, (error) => isFault(error, 'TLS_HOST_NAME_MISMATCH'))
    assert.equal(await failure, 'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE')
  })

  test('a downgrade by somebody in between', async (context) => {
    const server = await startNodeServer(context, issued)
    const failure = server.failure()
    const port = await startTcpServer(context, (near) => hideVersions(near, server.port))
    await assert.rejects(connectDevice(issued, port), (error) => isFault(error, 'TLS_DOWNGRADED'))
    assert.match(await failure, /ALERT_ILLEGAL_PARAMETER/)
  })

  test('a chip that does not sign', async (context) => {
    const server = await startNodeServer(context, issued)
    const failure = server.failure()
    const { algorithm, publicKey } = issued.device.signer
    const signer = { algorithm, publicKey, sign: () => Promise.reject(new Error('the chip is gone')) }
    const identity = { certificates: issued.device.certificates, signer }
    const connecting = connectDevice(issued, server.port, { identity })
    await assert.rejects(
      connecting,
      (error) => isFault(error, 'TLS_SIGNING_FAILED') && /gone/.test(String(error.cause)),
    )
    assert.match(await failure, /ALERT_INTERNAL_ERROR/)
  })
})

suite('the handshake fails:', () => {
  test('no protocol in common', async (context) => {
    const server = await startNodeServer(context, issued, { ALPNProtocols: ['http/1.1'] })
    await assert.rejects(connectDevice(issued, server.port, { alpn: ['mqtt'] }), (error) => {
      return isFault(error, 'TLS_PEER_ALERT') && error.context['alert'] === 'no_application_protocol'
    })
  })

  test('the port speaks something else', async (context) => {
    const port = await startTcpServer(context, (socket) => socket.write('220 smtp.example ESMTP\r\n'))
    await assert.rejects(connectDevice(issued, port), (error) => isFault(error, 'TLS_RECORD_NOT_TLS'))
  })

  test('the server hangs up', async (context) => {
    const port = await startTcpServer(context, (socket) => socket.end())
    await assert.rejects(connectDevice(issued, port), (error) => isFault(error, 'TLS_TRUNCATED'))
  })

  test('nobody answers', async (context) => {
    const port = await startTcpServer(context, () => undefined)
    const connecting = connectDevice(issued, port, { handshakeTimeout: millis(20) })
    await assert.rejects(connecting, (error) => isFault(error, 'TLS_HANDSHAKE_TIMEOUT'))
  })

  test('nobody listens', async () => {
    const refused = (error: unknown): boolean =>
      isFault(error, 'TLS_TRANSPORT_FAILED') && /ECONNREFUSED/.test(error.message)
    await assert.rejects(connectDevice(issued, await closedPort()), refused)
  })

  test('the options are wrong', async (context) => {
    const transport = connect(await startTcpServer(context, () => undefined), '127.0.0.1')
    const connecting = connectDevice(issued, 0, { transport, host: '' })
    await assert.rejects(connecting, (error) => isFault(error, 'TLS_OPTIONS_INVALID'))
    assert.equal(transport.destroyed, true)
  })
})

/** Passes bytes on, the name of supported_versions changed in the first ones: what an attacker would do. */
function hideVersions(near: Socket, port: number): void {
  const far = connect(port, '127.0.0.1')
  far.on('error', () => undefined)
  near.once('data', (hello: Buffer) => {
    const at = hello.indexOf(Buffer.of(0, 43, 0, 5, 4, 3, 4, 3, 3))
    hello.writeUInt16BE(0x7a7a, at)
    far.write(hello)
    near.pipe(far).pipe(near)
  })
}

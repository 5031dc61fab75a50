import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import { concat, fromHex, toHex } from '@birthmark/foundation/kernel'
import { KeySchedule12, prf } from './key-schedule-12.ts'
import { KeySchedule13, nextTrafficSecret, trafficKey, verifyData } from './key-schedule-13.ts'

/**
 * The simple 1-RTT handshake of RFC 8448 §3. The transcript hashes that the RFC does not print are those of its
 * messages up to the server's CertificateVerify and up to its Finished.
 */
const RFC_8448 = {
  shared: '8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d',
  serverHelloHash: '860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8',
  certificateVerifyHash: 'edb7725fa7a3473b031ec8ef65a2485493900138a2b91291407d7951a06110ed',
  finishedHash: '9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13',
  clientHandshake: 'b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21',
  serverHandshake: 'b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38',
  serverHandshakeKey: '3fce516009c21727d0f2e4e86ee403bc',
  serverHandshakeIv: '5d313eb2671276ee13000b30',
  serverFinished: '9b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718',
  clientFinished: 'a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61',
  clientApplication: '9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5',
  serverApplication: 'a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643',
  clientApplicationKey: '17422dda596ed5d9acd890e3c63f5051',
  clientApplicationIv: '5b78923dee08579033e523d9',
} as const

suite('the key schedule of TLS 1.3 (RFC 8448 §3)', () => {
  test('from the shared secret to the keys of the handshake', () => {
    const secrets = KeySchedule13.fromSharedSecret(fromHex(RFC_8448.shared)).handshakeSecrets(
      fromHex(RFC_8448.serverHelloHash),
    )
    assert.equal(toHex(secrets.client), RFC_8448.clientHandshake)
    assert.equal(toHex(secrets.server), RFC_8448.serverHandshake)
    const { key, iv } = trafficKey(secrets.server)
    assert.deepEqual([toHex(key), toHex(iv)], [RFC_8448.serverHandshakeKey, RFC_8448.serverHandshakeIv])
  })

  test('Finished of both sides', () => {
    const server = verifyData(fromHex(RFC_8448.serverHandshake), fromHex(RFC_8448.certificateVerifyHash))
    const client = verifyData(fromHex(RFC_8448.clientHandshake), fromHex(RFC_8448.finishedHash))
    assert.deepEqual([toHex(server), toHex(client)], [RFC_8448.serverFinished, RFC_8448.clientFinished])
  })

  test('the keys of the application', () => {
    const secrets = KeySchedule13.fromSharedSecret(fromHex(RFC_8448.shared)).applicationSecrets(
      fromHex(RFC_8448.finishedHash),
    )
    assert.equal(toHex(secrets.client), RFC_8448.clientApplication)
    assert.equal(toHex(secrets.server), RFC_8448.serverApplication)
    const { key, iv } = trafficKey(secrets.client)
    assert.deepEqual([toHex(key), toHex(iv)], [RFC_8448.clientApplicationKey, RFC_8448.clientApplicationIv])
  })

  test('secrets are overwritten once they are used', () => {
    const shared = fromHex(RFC_8448.shared)
    KeySchedule13.fromSharedSecret(shared)
    const secret = fromHex(RFC_8448.clientApplication)
    nextTrafficSecret(secret)
    assert.deepEqual([shared, secret], [new Uint8Array(32), new Uint8Array(32)])
  })
})

suite('the key schedule of TLS 1.2', () => {
  test('P_SHA256', () => {
    // "Test vectors for TLS 1.2 PRF", IETF TLS working group mailing list, message 03416, 2009-07-16.
    const output = prf(
      fromHex('9bbe436ba940f017b17652849a71db35'),
      'test label',
      fromHex('a0ba9f936cda311827a6f796ffd5198c'),
      100,
    )
    const expected =
      'e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a' +
      '6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab' +
      '4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701' +
      '87347b66'
    assert.equal(toHex(output), expected)
  })

  test('both ways to the master secret give different keys', () => {
    const randoms = { client: new Uint8Array(32).fill(1), server: new Uint8Array(32).fill(2) }
    const hash = createHash('sha256').update(concat(randoms.client, randoms.server)).digest()
    const plain = KeySchedule12.fromRandoms(new Uint8Array(32).fill(3), randoms).trafficKeys(randoms)
    const extended = KeySchedule12.fromSession(new Uint8Array(32).fill(3), hash).trafficKeys(randoms)
    const keys = [plain.client, plain.server, extended.client, extended.server].map(({ key }) => toHex(key))
    assert.equal(new Set(keys).size, 4)
    assert.deepEqual([plain.client.key.length, plain.client.iv.length], [16, 4])
  })

  test('the premaster secret is overwritten', () => {
    const premaster = new Uint8Array(32).fill(3)
    KeySchedule12.fromSession(premaster, new Uint8Array(32))
    assert.deepEqual(premaster, new Uint8Array(32))
  })
})

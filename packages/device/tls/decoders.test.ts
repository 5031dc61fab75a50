import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { concat, Fault, uint16 } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { type AlertName, decodeAlert, encodeAlert } from './alert.ts'
import { clientHelloExtensions, encodeClientHello } from './client-hello.ts'
import { encodeMessage, HANDSHAKE_MESSAGE_BYTES_MAX, HandshakeReader, type MessageName } from './handshake-message.ts'
import { groupNamed } from './key-exchange.ts'
import {
  decodeCertificate12,
  decodeCertificateRequest12,
  decodeServerKeyExchange,
  encodeCertificate12,
} from './messages-12.ts'
import {
  decodeCertificate13,
  decodeCertificateRequest13,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  decodeKeyUpdate,
  encodeCertificate13,
} from './messages-13.ts'
import { chosenProtocol, contentLimit } from './negotiated.ts'
import { parseOptions } from './options.ts'
import { decodeServerHello, serverHelloExtensions } from './server-hello.ts'
import { newCast } from './testing/conversation.ts'
import { extension, readClientHello, serverHello } from './testing/scripted-server.ts'
import { vector8, vector16 } from './wire.ts'

const cast = await newCast()
const OFFERED = new Set([
  'server_name',
  'key_share',
  'supported_versions',
  'application_layer_protocol_negotiation',
  'record_size_limit',
] as const)

/** Every decoder of what a server sends, with one good body that the property starts from. */
const DECODERS: readonly (readonly [name: string, decode: (body: Uint8Array) => unknown, good: Uint8Array])[] = [
  ['alert', decodeAlert, Uint8Array.of(2, 40)],
  [
    'ServerHello',
    (body) => serverHelloExtensions(decodeServerHello(body), OFFERED),
    serverHello(new Uint8Array(32), new Uint8Array(32), 0x1301, extension(43, uint16(0x0304))),
  ],
  [
    'EncryptedExtensions',
    (body) => {
      const extensions = decodeEncryptedExtensions(body, OFFERED)
      return [
        chosenProtocol(extensions, ['mqtt'], 'EncryptedExtensions'),
        contentLimit(extensions, 'TLSv1.3', 'EncryptedExtensions'),
      ]
    },
    vector16(extension(16, vector16(vector8(Buffer.from('mqtt')))), extension(28, uint16(512))),
  ],
  [
    'CertificateRequest 1.3',
    decodeCertificateRequest13,
    concat(vector8(), vector16(extension(13, vector16(uint16(0x0403))))),
  ],
  [
    'Certificate 1.3',
    (body) => decodeCertificate13(body, OFFERED),
    encodeCertificate13([Uint8Array.of(1), Uint8Array.of(2)]),
  ],
  ['CertificateVerify', decodeCertificateVerify, concat(uint16(0x0403), vector16(new Uint8Array(70)))],
  ['KeyUpdate', decodeKeyUpdate, Uint8Array.of(1)],
  ['Certificate 1.2', decodeCertificate12, encodeCertificate12([Uint8Array.of(1), Uint8Array.of(2)])],
  [
    'ServerKeyExchange',
    decodeServerKeyExchange,
    concat(Uint8Array.of(3, 0, 23), vector8(new Uint8Array(65)), uint16(0x0403), vector16(new Uint8Array(70))),
  ],
  [
    'CertificateRequest 1.2',
    decodeCertificateRequest12,
    concat(vector8(Uint8Array.of(64)), vector16(uint16(0x0403)), vector16()),
  ],
]

for (const [name, decode, good] of DECODERS) {
  suite(`the decoder of ${name}`, () => {
    const valueOrFault = (body: Uint8Array): void => {
      try {
        decode(body)
      } catch (error) {
        assert.ok(error instanceof Fault && error.blame === 'peer', String(error))
      }
    }

    test('takes the good one, and none of its beginnings', () => {
      assert.notEqual(decode(good), undefined)
      for (let size = 0; size < good.length; size += 1) {
        // A ServerHello without extensions is whole, and was before they were invented.
        if (name === 'ServerHello' && size === 70) continue
        let value: unknown
        assert.doesNotThrow(() => {
          try {
            value = decode(good.subarray(0, size))
          } catch (error) {
            assert.ok(error instanceof Fault && error.code === 'TLS_MESSAGE_MALFORMED', String(error))
          }
        })
        assert.equal(value, undefined, `the first ${size} bytes`)
      }
    })

    test('arbitrary bytes give a value or a declared fault; nothing else', () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), valueOrFault))
    })

    test('changed bytes give a value or a declared fault; nothing else', () => {
      const change = fc.tuple(fc.nat({ max: good.length - 1 }), fc.integer({ min: 0, max: 255 }))
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
          const body = Uint8Array.from(good)
          for (const [at, byte] of changes) body[at] = byte
          valueOrFault(body)
        }),
      )
    })
  })
}

test('handshake messages come out as they went in, however they are cut', () => {
  const names: readonly MessageName[] = ['server_hello', 'certificate', 'finished', 'key_update']
  const message = fc.tuple(fc.constantFrom(...names), fc.uint8Array({ maxLength: 30 }))
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.integer({ min: 1, max: 20 }), (messages, step) => {
      const stream = concat(...messages.map(([name, body]) => encodeMessage(name, body)))
      const reader = new HandshakeReader()
      const found: [MessageName, Uint8Array][] = []
      for (let at = 0; at < stream.length; at += step) {
        reader.feed(stream.subarray(at, at + step))
        for (let next = reader.next(); next !== undefined; next = reader.next()) {
          found.push([next.name, Uint8Array.from(next.body)])
        }
      }
      assert.deepEqual(found, messages)
      assert.equal(reader.pending, false)
    }),
  )
})

test('the largest message may come byte by byte', () => {
  const reader = new HandshakeReader()
  const message = encodeMessage('certificate', new Uint8Array(HANDSHAKE_MESSAGE_BYTES_MAX).fill(7))
  for (const byte of message.subarray(0, -1)) {
    reader.feed(Uint8Array.of(byte))
    assert.equal(reader.next(), undefined)
  }
  reader.feed(message.subarray(-1))
  assert.equal(reader.next()?.body.length, HANDSHAKE_MESSAGE_BYTES_MAX)
})

test('every alert is read back by its name', () => {
  const names: readonly AlertName[] = ['close_notify', 'bad_record_mac', 'no_renegotiation', 'no_application_protocol']
  assert.deepEqual(
    names.map((name) => decodeAlert(encodeAlert(name))?.name),
    names,
  )
  assert.deepEqual(decodeAlert(Uint8Array.of(2, 250)), { warning: false, name: 'alert 250' })
  assert.equal(decodeAlert(Uint8Array.of(3, 40)), undefined)
})

suite('ClientHello', () => {
  const settings = parseOptions({ ...cast.options, alpn: ['x-amzn-mqtt-ca', 'mqtt'] })
  const keyShare = groupNamed('x25519')?.generate(settings.entropy)
  const content = {
    random: new Uint8Array(32).fill(1),
    sessionId: new Uint8Array(32).fill(2),
    keyShare,
    cookie: undefined,
  }

  test('sends the name, the protocols and one share', () => {
    const extensions = clientHelloExtensions(settings, content)
    const view = readClientHello(encodeClientHello(content, extensions))
    assert.deepEqual(view.extensions.get(0), concat(uint16(12), Uint8Array.of(0), vector16(Buffer.from('localhost'))))
    assert.deepEqual(
      view.extensions.get(16),
      vector16(vector8(Buffer.from('x-amzn-mqtt-ca')), vector8(Buffer.from('mqtt'))),
    )
    assert.deepEqual(view.extensions.get(43), Uint8Array.of(4, 3, 4, 3, 3))
    assert.equal(view.extensions.get(51)?.length, 2 + 4 + 32)
  })

  test('sends no name for an address', () => {
    for (const host of ['127.0.0.1', '::1']) {
      assert.ok(!clientHelloExtensions(parseOptions({ ...cast.options, host }), content).has('server_name'))
    }
  })

  test('of TLS 1.2 alone has nothing of TLS 1.3, and the other way round', () => {
    const old = clientHelloExtensions(parseOptions({ ...cast.options, versions: ['TLSv1.2'] }), {
      ...content,
      keyShare: undefined,
    })
    assert.ok(!old.has('supported_versions') && !old.has('key_share') && old.has('renegotiation_info'))
    const modern = clientHelloExtensions(parseOptions({ ...cast.options, versions: ['TLSv1.3'] }), content)
    assert.ok(!modern.has('renegotiation_info') && !modern.has('extended_master_secret'))
  })
})

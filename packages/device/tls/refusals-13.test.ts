import { concat, uint16 } from '@birthmark/foundation/kernel'
import { newCast } from './testing/conversation.ts'
import {
  before,
  both,
  change,
  flip,
  hello,
  ILLEGAL,
  MALFORMED,
  mqtt,
  NOT_OFFERED,
  nothing,
  omit,
  type RefusalRow,
  retry,
  testRefusals,
  UNEXPECTED,
  VERSION_13,
  withExtension,
  withoutExtension,
} from './testing/refusals.ts'
import { extension } from './testing/scripted-server.ts'
import { vector8, vector16, vector24 } from './wire.ts'

const cast = await newCast()

const ROWS_13: readonly RefusalRow[] = [
  ['ServerHello: legacy version', hello({ version: 0x0302 }), ...ILLEGAL],
  ['ServerHello: another session id', hello({ sessionId: new Uint8Array(32) }), ...ILLEGAL],
  ['ServerHello: suite of AES-256', hello({ suite: 0x1302 }), 'TLS_CIPHER_SUITE_NOT_OFFERED', 'illegal_parameter'],
  [
    'ServerHello: suite of TLS 1.2',
    hello({ suite: 0xc02b }),
    'TLS_CIPHER_SUITE_NOT_OFFERED',
    'illegal_parameter',
    both,
  ],
  ['ServerHello: supported_versions says 1.2', withExtension(43, uint16(0x0303)), ...ILLEGAL],
  ['ServerHello: supported_versions says 1.4', withExtension(43, uint16(0x0305)), ...ILLEGAL],
  ['ServerHello: no supported_versions', withoutExtension(43), 'TLS_VERSION_NOT_OFFERED', 'protocol_version'],
  ['ServerHello: no key_share', withoutExtension(51), 'TLS_EXTENSION_MISSING', 'missing_extension'],
  ['ServerHello: a pre-shared key', withExtension(41, uint16(0)), ...NOT_OFFERED],
  ['ServerHello: ALPN in the wrong message', withExtension(16, nothing), ...ILLEGAL, mqtt],
  [
    'ServerHello: an extension twice',
    hello(({ extensions }) => ({ extensions: [...extensions, ...extensions] })),
    ...ILLEGAL,
  ],
  ['ServerHello: a byte too many', change('server_hello', (body) => concat(body, Uint8Array.of(0))), ...MALFORMED],
  ['ServerHello: cut short', change('server_hello', (body) => body.subarray(0, 60)), ...MALFORMED],
  [
    'ServerHello: a share of a group that was not shared',
    withExtension(51, concat(uint16(0x0017), vector16(new Uint8Array(65).fill(4)))),
    'TLS_GROUP_NOT_OFFERED',
    'illegal_parameter',
  ],
  [
    'ServerHello: a share of zeros',
    withExtension(51, concat(uint16(0x001d), vector16(new Uint8Array(32)))),
    'TLS_KEY_SHARE_INVALID',
    'illegal_parameter',
  ],
  [
    'ServerHello: a share that is no point',
    withExtension(51, concat(uint16(0x0017), vector16(new Uint8Array(65).fill(4)))),
    'TLS_KEY_SHARE_INVALID',
    'illegal_parameter',
    { groups: ['secp256r1'] },
  ],
  [
    'ServerHello: a compressed point',
    withExtension(51, concat(uint16(0x0017), vector16(new Uint8Array(33).fill(2)))),
    'TLS_KEY_SHARE_INVALID',
    'illegal_parameter',
    { groups: ['secp256r1'] },
  ],
  ['HelloRetryRequest: without any change', retry(VERSION_13), ...ILLEGAL],
  [
    'HelloRetryRequest: group already shared',
    retry(VERSION_13, extension(51, uint16(0x001d))),
    'TLS_GROUP_NOT_OFFERED',
    'illegal_parameter',
  ],
  [
    'HelloRetryRequest: group not offered',
    retry(VERSION_13, extension(51, uint16(0x0018))),
    'TLS_GROUP_NOT_OFFERED',
    'illegal_parameter',
  ],
  [
    'HelloRetryRequest: without version',
    retry(extension(51, uint16(0x0017))),
    'TLS_EXTENSION_MISSING',
    'missing_extension',
  ],
  ['HelloRetryRequest: an empty cookie', retry(VERSION_13, extension(44, vector16())), ...MALFORMED],
  ['HelloRetryRequest: twice', retry(VERSION_13, extension(51, uint16(0x0017))), ...UNEXPECTED],
  [
    'HelloRetryRequest: twice, with cookies',
    retry(VERSION_13, extension(44, vector16(Uint8Array.of(1)))),
    ...UNEXPECTED,
  ],
  ['no EncryptedExtensions', omit('encrypted_extensions'), ...UNEXPECTED],
  [
    'EncryptedExtensions: not asked for',
    change('encrypted_extensions', () => vector16(extension(5, nothing))),
    ...NOT_OFFERED,
  ],
  [
    'EncryptedExtensions: key_share',
    change('encrypted_extensions', () => vector16(extension(51, nothing))),
    ...ILLEGAL,
  ],
  ['EncryptedExtensions: a cookie', change('encrypted_extensions', () => vector16(extension(44, nothing))), ...ILLEGAL],
  [
    'EncryptedExtensions: a name for SNI',
    change('encrypted_extensions', () => vector16(extension(0, uint16(1)))),
    ...MALFORMED,
  ],
  [
    'EncryptedExtensions: a protocol that was not offered',
    change('encrypted_extensions', () => vector16(extension(16, vector16(vector8(Buffer.from('http/1.1')))))),
    'TLS_ALPN_NOT_OFFERED',
    'illegal_parameter',
    mqtt,
  ],
  [
    'EncryptedExtensions: two protocols',
    change('encrypted_extensions', () => {
      const name = vector8(Buffer.from('mqtt'))
      return vector16(extension(16, vector16(name, name)))
    }),
    ...MALFORMED,
    mqtt,
  ],
  [
    'EncryptedExtensions: ALPN without being asked',
    change('encrypted_extensions', () => vector16(extension(16, nothing))),
    ...NOT_OFFERED,
  ],
  [
    'EncryptedExtensions: records of 63 bytes',
    change('encrypted_extensions', () => vector16(extension(28, uint16(63)))),
    ...ILLEGAL,
  ],
  [
    'EncryptedExtensions: records above 16 KiB',
    change('encrypted_extensions', () => vector16(extension(28, uint16(16_386)))),
    ...ILLEGAL,
  ],
  [
    'CertificateRequest: with a context',
    {
      ...change('certificate_request', (body) => concat(vector8(Uint8Array.of(1)), body.subarray(1))),
      request: [0x0403],
    },
    ...ILLEGAL,
  ],
  [
    'CertificateRequest: no schemes',
    { ...change('certificate_request', () => concat(vector8(), vector16())), request: [0x0403] },
    'TLS_EXTENSION_MISSING',
    'missing_extension',
  ],
  ['CertificateRequest: only RSA', { request: [0x0804] }, 'TLS_IDENTITY_NOT_ACCEPTED', 'handshake_failure'],
  ['Certificate: empty', change('certificate', () => concat(vector8(), vector24())), ...MALFORMED],
  [
    'Certificate: with a context',
    change('certificate', (body) => concat(vector8(Uint8Array.of(1)), body.subarray(1))),
    ...ILLEGAL,
  ],
  [
    'Certificate: an entry with an extension that was not asked for',
    change('certificate', () =>
      concat(vector8(), vector24(vector24(Uint8Array.of(1)), vector16(extension(5, nothing)))),
    ),
    ...NOT_OFFERED,
  ],
  [
    'Certificate: no certificate in it',
    change('certificate', () => concat(vector8(), vector24(vector24(Uint8Array.of(1)), vector16()))),
    'TLS_CERTIFICATE_MALFORMED',
    'bad_certificate',
  ],
  [
    'Certificate: eleven of them',
    change('certificate', () => {
      const entry = concat(vector24(Uint8Array.of(1)), vector16())
      return concat(vector8(), vector24(...Array.from({ length: 11 }, () => entry)))
    }),
    'TLS_CHAIN_TOO_LONG',
    'bad_certificate',
  ],
  ['no CertificateVerify', omit('certificate_verify'), ...UNEXPECTED],
  [
    'CertificateVerify: another signature',
    change('certificate_verify', flip(-1)),
    'TLS_SIGNATURE_INVALID',
    'decrypt_error',
  ],
  [
    'CertificateVerify: no signature',
    change('certificate_verify', (body) => concat(body.subarray(0, 2), vector16())),
    'TLS_SIGNATURE_INVALID',
    'decrypt_error',
  ],
  [
    'CertificateVerify: scheme of another curve',
    change('certificate_verify', (body) => concat(uint16(0x0503), body.subarray(2))),
    'TLS_SCHEME_NOT_OFFERED',
    'illegal_parameter',
  ],
  [
    'CertificateVerify: RSA PKCS #1',
    change('certificate_verify', (body) => concat(uint16(0x0401), body.subarray(2))),
    'TLS_SCHEME_NOT_OFFERED',
    'illegal_parameter',
  ],
  [
    'CertificateVerify: SHA-1',
    change('certificate_verify', (body) => concat(uint16(0x0203), body.subarray(2))),
    'TLS_SCHEME_NOT_OFFERED',
    'illegal_parameter',
  ],
  ['a message of TLS 1.2', before('finished', { name: 'server_hello_done', body: nothing }), ...UNEXPECTED],
  ['Finished too early', before('certificate_verify', { name: 'finished', body: new Uint8Array(32) }), ...UNEXPECTED],
  ['a ticket before Finished', before('finished', { name: 'new_session_ticket', body: nothing }), ...UNEXPECTED],
  ['a ClientHello', before('finished', { name: 'client_hello', body: nothing }), ...UNEXPECTED],
]

testRefusals(cast, 'TLSv1.3', ROWS_13)

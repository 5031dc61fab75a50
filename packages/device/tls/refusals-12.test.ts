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
  sentinel,
  testRefusals,
  UNEXPECTED,
  VERSION_13,
  withExtension,
  withoutExtension,
} from './testing/refusals.ts'
import { vector8, vector16, vector24 } from './wire.ts'

const cast = await newCast()

const ROWS_12: readonly RefusalRow[] = [
  ['ServerHello: TLS 1.1', hello({ version: 0x0302 }), 'TLS_VERSION_NOT_OFFERED', 'protocol_version'],
  [
    'ServerHello: TLS 1.3 in the old field',
    hello({ version: 0x0304 }),
    'TLS_VERSION_NOT_OFFERED',
    'protocol_version',
    both,
  ],
  [
    'ServerHello: TLS 1.2 where only 1.3 was offered',
    {},
    'TLS_VERSION_NOT_OFFERED',
    'protocol_version',
    { versions: ['TLSv1.3'] },
  ],
  ['ServerHello: the mark of a downgrade from 1.3', sentinel(1), 'TLS_DOWNGRADED', 'illegal_parameter', both],
  ['ServerHello: the mark of a downgrade to 1.1', sentinel(0), 'TLS_DOWNGRADED', 'illegal_parameter', both],
  ['ServerHello: a suite of CBC', hello({ suite: 0xc023 }), 'TLS_CIPHER_SUITE_NOT_OFFERED', 'illegal_parameter'],
  [
    'ServerHello: a suite of TLS 1.3',
    hello({ suite: 0x1301 }),
    'TLS_CIPHER_SUITE_NOT_OFFERED',
    'illegal_parameter',
    both,
  ],
  ['ServerHello: an extension that was not asked for', withExtension(5, nothing), ...NOT_OFFERED],
  ['ServerHello: supported_groups', withExtension(10, nothing), ...ILLEGAL],
  ['ServerHello: no renegotiation_info', withoutExtension(0xff01), 'TLS_RENEGOTIATION_UNSAFE', 'handshake_failure'],
  [
    'ServerHello: renegotiation_info of another handshake',
    withExtension(0xff01, vector8(new Uint8Array(24))),
    'TLS_RENEGOTIATION_UNSAFE',
    'handshake_failure',
  ],
  ['ServerHello: only compressed points', withExtension(11, vector8(Uint8Array.of(1))), ...ILLEGAL],
  ['ServerHello: content in extended_master_secret', withExtension(23, Uint8Array.of(0)), ...MALFORMED],
  [
    'ServerHello: a protocol that was not offered',
    withExtension(16, vector16(vector8(Buffer.from('http/1.1')))),
    'TLS_ALPN_NOT_OFFERED',
    'illegal_parameter',
    mqtt,
  ],
  ['ServerHello: records above 16 KiB', withExtension(28, uint16(16_385)), ...ILLEGAL],
  ['a HelloRetryRequest', retry(VERSION_13), ...NOT_OFFERED],
  ['Certificate: empty', change('certificate', () => vector24()), ...MALFORMED],
  [
    'Certificate: no certificate in it',
    change('certificate', () => vector24(vector24(Uint8Array.of(1)))),
    'TLS_CERTIFICATE_MALFORMED',
    'bad_certificate',
  ],
  ['no ServerKeyExchange', omit('server_key_exchange'), ...UNEXPECTED],
  [
    'ServerKeyExchange: another key than the signed one',
    change('server_key_exchange', flip(10)),
    'TLS_SIGNATURE_INVALID',
    'decrypt_error',
  ],
  [
    'ServerKeyExchange: another signature',
    change('server_key_exchange', flip(-1)),
    'TLS_SIGNATURE_INVALID',
    'decrypt_error',
  ],
  [
    'ServerKeyExchange: an explicit curve',
    change('server_key_exchange', (body) => concat(Uint8Array.of(1), body.subarray(1))),
    ...ILLEGAL,
  ],
  ['ServerKeyExchange: cut short', change('server_key_exchange', (body) => body.subarray(0, 40)), ...MALFORMED],
  [
    'ServerKeyExchange: a group that was not offered',
    {},
    'TLS_GROUP_NOT_OFFERED',
    'illegal_parameter',
    { groups: ['x25519'] },
  ],
  [
    'ServerKeyExchange: signed with SHA-1',
    change('server_key_exchange', (body) => concat(body.subarray(0, 69), uint16(0x0203), body.subarray(71))),
    'TLS_SCHEME_NOT_OFFERED',
    'illegal_parameter',
  ],
  [
    'ServerKeyExchange: signed with RSA',
    change('server_key_exchange', (body) => concat(body.subarray(0, 69), uint16(0x0804), body.subarray(71))),
    'TLS_SCHEME_NOT_OFFERED',
    'illegal_parameter',
  ],
  [
    'CertificateRequest: only RSA keys',
    {
      ...change('certificate_request', (body) => concat(vector8(Uint8Array.of(1)), body.subarray(2))),
      request: [0x0403],
    },
    'TLS_IDENTITY_NOT_ACCEPTED',
    'handshake_failure',
  ],
  ['CertificateRequest: only SHA-384', { request: [0x0503] }, 'TLS_IDENTITY_NOT_ACCEPTED', 'handshake_failure'],
  [
    'CertificateRequest: no schemes',
    {
      ...change('certificate_request', () => concat(vector8(Uint8Array.of(64)), vector16(), vector16())),
      request: [0x0403],
    },
    ...MALFORMED,
  ],
  ['ServerHelloDone: content', change('server_hello_done', () => Uint8Array.of(0)), ...MALFORMED],
  [
    'HelloRequest in the handshake',
    before('server_hello_done', { name: 'hello_request', body: nothing }),
    ...UNEXPECTED,
  ],
  ['a ticket that was not asked for', before('finished', { name: 'new_session_ticket', body: nothing }), ...UNEXPECTED],
]

testRefusals(cast, 'TLSv1.2', ROWS_12)

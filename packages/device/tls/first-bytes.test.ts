import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { concat, uint16 } from '@birthmark/foundation/kernel'
import { decodeAlert } from './alert.ts'
import { RECORDS_WITHOUT_DATA_MAX, TlsClient } from './client.ts'
import { encodeMessage } from './handshake-message.ts'
import type { TlsEffect } from './input-effect.ts'
import { CHANGE_CIPHER_SPEC, CONTENT_BYTES_MAX, encodeHeader } from './record.ts'
import { newCast } from './testing/conversation.ts'
import { extension, helloRetryRequest, readClientHello } from './testing/scripted-server.ts'

const cast = await newCast()
const VERSION_13 = extension(43, uint16(0x0304))

/** Bytes in the place of the server's answer to the ClientHello, and what they must give. */
const FIRST_BYTES: readonly (readonly [why: string, bytes: Uint8Array, code: string, alert: string])[] = [
  ['an HTTP server', Buffer.from('HTTP/1.1 400 Bad Request\r\n'), 'TLS_RECORD_NOT_TLS', 'unexpected_message'],
  ['an SSH server', Buffer.from('SSH-2.0-OpenSSH'), 'TLS_RECORD_NOT_TLS', 'unexpected_message'],
  ['a record of no known type', Uint8Array.of(24, 3, 3, 0, 1, 1), 'TLS_RECORD_NOT_TLS', 'unexpected_message'],
  ['another major version', Uint8Array.of(22, 4, 3, 0, 1, 1), 'TLS_RECORD_NOT_TLS', 'unexpected_message'],
  ['a record of TLS 1.0', Uint8Array.of(22, 3, 1, 0, 1, 2), 'TLS_VERSION_NOT_OFFERED', 'protocol_version'],
  ['an empty handshake record', Uint8Array.of(22, 3, 3, 0, 0), 'TLS_RECORD_MALFORMED', 'unexpected_message'],
  ['an empty alert', Uint8Array.of(21, 3, 3, 0, 0), 'TLS_RECORD_MALFORMED', 'unexpected_message'],
  ['an alert of one byte', Uint8Array.of(21, 3, 3, 0, 1, 2), 'TLS_MESSAGE_MALFORMED', 'decode_error'],
  ['application data', Uint8Array.of(23, 3, 3, 0, 1, 65), 'TLS_MESSAGE_UNEXPECTED', 'unexpected_message'],
  ['a ChangeCipherSpec', Uint8Array.of(20, 3, 3, 0, 1, 1), 'TLS_MESSAGE_UNEXPECTED', 'unexpected_message'],
  [
    'a ChangeCipherSpec of another value',
    Uint8Array.of(20, 3, 3, 0, 1, 2),
    'TLS_RECORD_MALFORMED',
    'unexpected_message',
  ],
  [
    'a record above 16 KiB',
    concat(encodeHeader('handshake', CONTENT_BYTES_MAX + 1)),
    'TLS_RECORD_TOO_LARGE',
    'record_overflow',
  ],
  ['a message above 64 KiB', Uint8Array.of(22, 3, 3, 0, 4, 2, 1, 0, 0), 'TLS_MESSAGE_TOO_LARGE', 'decode_error'],
  [
    'a message of no known type',
    Uint8Array.of(22, 3, 3, 0, 4, 99, 0, 0, 0),
    'TLS_MESSAGE_UNEXPECTED',
    'unexpected_message',
  ],
  [
    'another record inside a message',
    Uint8Array.of(22, 3, 3, 0, 1, 2, 20, 3, 3, 0, 1, 1),
    'TLS_MESSAGE_UNEXPECTED',
    'unexpected_message',
  ],
]

suite('the first bytes are refused:', () => {
  for (const [why, bytes, code, alert] of FIRST_BYTES) {
    test(why, () => {
      assert.deepEqual(answerTo(bytes), [code, alert])
    })
  }
})

test('alerts before any other answer', () => {
  const refused = startedClient().client.receive({ on: 'bytes', bytes: Uint8Array.of(21, 3, 1, 0, 2, 2, 70) }, cast.now)
  assert.deepEqual(
    refused.map((effect) => effect.do === 'closed' && effect.cause?.context['alert']),
    ['protocol_version'],
  )
  const closed = startedClient().client.receive({ on: 'bytes', bytes: Uint8Array.of(21, 3, 3, 0, 2, 1, 0) }, cast.now)
  assert.deepEqual(
    closed.map((effect) => effect.do === 'closed' && effect.cause?.code),
    ['TLS_PEER_ALERT'],
  )
  const { client } = startedClient()
  assert.deepEqual(client.receive({ on: 'bytes', bytes: Uint8Array.of(21, 3, 3, 0, 2, 1, 112) }, cast.now), [])
  assert.equal(client.state, 'WAIT_SERVER_HELLO')
})

test('a flood of ChangeCipherSpec records ends the handshake', () => {
  const record = concat(encodeHeader('change_cipher_spec', 1), CHANGE_CIPHER_SPEC)
  const flood = concat(...Array.from({ length: RECORDS_WITHOUT_DATA_MAX + 1 }, () => record))
  const { client, sessionId } = startedClient()
  const body = helloRetryRequest(sessionId, concat(VERSION_13, extension(51, uint16(0x0017))))
  const message = encodeMessage('server_hello', body)
  client.receive({ on: 'bytes', bytes: concat(encodeHeader('handshake', message.length), message) }, cast.now)
  assert.equal(client.state, 'WAIT_SECOND_SERVER_HELLO')
  assert.deepEqual(ending(client.receive({ on: 'bytes', bytes: flood }, cast.now)), [
    'TLS_TOO_MANY_RECORDS_WITHOUT_DATA',
    'unexpected_message',
  ])
})

/** A client that has sent its ClientHello. */
function startedClient(): { client: TlsClient; sessionId: Uint8Array } {
  const client = new TlsClient(cast.options)
  const [hello] = client.receive({ on: 'start' }, cast.now)
  assert.ok(hello?.do === 'send')
  return { client, sessionId: readClientHello(hello.bytes.subarray(9)).sessionId }
}

/** Gives the fault and the alert with which a client answers `bytes`. */
function answerTo(bytes: Uint8Array): readonly (string | undefined)[] {
  return ending(startedClient().client.receive({ on: 'bytes', bytes }, cast.now))
}

function ending([alert, closed]: readonly TlsEffect[]): readonly (string | undefined)[] {
  assert.ok(alert?.do === 'send' && closed?.do === 'closed')
  return [closed.cause?.code, decodeAlert(alert.bytes.subarray(5))?.name]
}

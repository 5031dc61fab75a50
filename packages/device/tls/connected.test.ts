import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { concat } from '@birthmark/foundation/kernel'
import { RECORDS_WITHOUT_DATA_MAX } from './client.ts'
import { encodeMessage } from './handshake-message.ts'
import type { TlsClientOptions } from './options.ts'
import { Conversation, newCast } from './testing/conversation.ts'
import { ScriptedServer13 } from './testing/scripted-server.ts'
import type { TlsVersion } from './version.ts'

const cast = await newCast()
const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3']
const UPDATE_REQUESTED = Uint8Array.of(1)
const UPDATE_NOT_REQUESTED = Uint8Array.of(0)

function connected(version: TlsVersion, change: Partial<TlsClientOptions> = {}): Conversation {
  const talk = new Conversation(cast, version, {}, change).start()
  assert.equal(talk.story, 'connected')
  return talk
}

/** A TLS 1.3 conversation, with the server's side of it. */
function connected13(change: Partial<TlsClientOptions> = {}): [Conversation, ScriptedServer13] {
  const talk = connected('TLSv1.3', change)
  assert.ok(talk.server instanceof ScriptedServer13)
  return [talk, talk.server]
}

function data(words: string): ['application_data', Uint8Array] {
  return ['application_data', Buffer.from(words)]
}

for (const version of VERSIONS) {
  suite(`${version}, connected:`, () => {
    test('data passes both ways, in records of 16 KiB at most', () => {
      const talk = connected(version)
      const big = new Uint8Array(40_000).fill(7)
      talk.input({ on: 'data', bytes: big })
      assert.deepEqual(
        talk.server.data.map(({ length }) => length),
        [16_384, 16_384, 7232],
      )
      assert.deepEqual(concat(...talk.server.data), big)
      talk.hear(concat(talk.server.send(...data('one ')), talk.server.send(...data('two'))))
      assert.equal(talk.delivered, 'one two')
    })

    test('what was delivered before a fault stays delivered', () => {
      const talk = connected(version)
      const good = talk.server.send(...data('good'))
      const bad = talk.server.send(...data('bad')).map((byte, at) => (at === 20 ? byte ^ 1 : byte))
      talk.hear(concat(good, bad))
      assert.equal(talk.story, 'connected deliver closed')
      assert.equal(talk.cause?.code, 'TLS_RECORD_TAMPERED')
      assert.equal(talk.heard, 'alert bad_record_mac')
    })

    test('a record repeated, left out or shortened is tampering', () => {
      const repeated = connected(version)
      const record = repeated.server.send(...data('pay 10'))
      assert.equal(repeated.hear(concat(record, record)).cause?.code, 'TLS_RECORD_TAMPERED')
      const left = connected(version)
      left.server.send(...data('do not '))
      assert.equal(left.hear(left.server.send(...data('pay'))).cause?.code, 'TLS_RECORD_TAMPERED')
      assert.equal(connected(version).hear(Uint8Array.of(23, 3, 3, 0, 2, 1, 2)).cause?.code, 'TLS_RECORD_TAMPERED')
    })

    test('a record above the limit is refused at its header', () => {
      const talk = connected(version).hear(Uint8Array.of(23, 3, 3, 0x48, 0x01))
      assert.equal(talk.cause?.code, 'TLS_RECORD_TOO_LARGE')
      assert.equal(talk.heard, 'alert record_overflow')
    })

    test('records without data are counted from one with data to the next', () => {
      const talk = connected(version)
      const hearEmpty = (count: number): Conversation =>
        talk.hear(concat(...Array.from({ length: count }, () => talk.server.sendEmpty())))
      hearEmpty(RECORDS_WITHOUT_DATA_MAX).hear(talk.server.send(...data('x')))
      assert.equal(hearEmpty(RECORDS_WITHOUT_DATA_MAX).cause, undefined)
      assert.equal(hearEmpty(1).cause?.code, 'TLS_TOO_MANY_RECORDS_WITHOUT_DATA')
      assert.equal(talk.heard, 'alert unexpected_message')
    })

    test('a Finished again is unexpected', () => {
      const talk = connected(version)
      talk.hear(talk.server.tell('finished', new Uint8Array(12)))
      assert.equal(talk.cause?.code, 'TLS_MESSAGE_UNEXPECTED')
      assert.equal(talk.heard, 'alert unexpected_message')
    })
  })
}

suite('TLS 1.3, connected:', () => {
  test('tickets are ignored', () => {
    const [talk, server] = connected13()
    talk.hear(concat(server.tell('new_session_ticket', Buffer.from('whatever')), server.send(...data('after'))))
    assert.equal(talk.story, 'connected deliver')
  })

  test('the server changes its key', () => {
    const [talk, server] = connected13()
    const update = server.tell('key_update', UPDATE_NOT_REQUESTED)
    server.changeKey()
    talk.hear(concat(update, server.send(...data('new key'))))
    assert.equal(talk.delivered, 'new key')
    assert.notEqual(talk.heard, 'key_update')
  })

  test('the server asks for a new key and gets it', () => {
    const [talk, server] = connected13()
    const update = server.tell('key_update', UPDATE_REQUESTED)
    server.changeKey()
    talk.hear(update)
    assert.equal(talk.heard, 'key_update')
    server.followKey()
    talk.input({ on: 'data', bytes: Buffer.from('new key') })
    assert.deepEqual(server.data, [Buffer.from('new key')])
  })

  test('the key changes before it has sealed too many records', () => {
    const [talk, server] = connected13({ recordsPerKeyMax: 2 })
    for (const word of ['one', 'two']) talk.input({ on: 'data', bytes: Buffer.from(word) })
    assert.notEqual(talk.heard, 'key_update')
    // The server has to follow between two records, so it looks at the update alone.
    const effects = talk.client.receive({ on: 'data', bytes: Buffer.from('three') }, cast.now)
    const [sent] = effects
    assert.ok(sent?.do === 'send')
    const update = 5 + 5 + 1 + 16
    server.receive(sent.bytes.subarray(0, update))
    assert.equal(talk.heard, 'key_update')
    server.followKey()
    server.receive(sent.bytes.subarray(update))
    assert.equal(concat(...server.data).length, 'onetwothree'.length)
  })

  const REFUSED: readonly (readonly [
    why: string,
    bytes: (server: ScriptedServer13) => Uint8Array,
    code: string,
    alert: string,
  ])[] = [
    [
      'a KeyUpdate of no known kind',
      (server) => server.tell('key_update', Uint8Array.of(2)),
      'TLS_PARAMETER_ILLEGAL',
      'illegal_parameter',
    ],
    [
      'a KeyUpdate without content',
      (server) => server.tell('key_update', new Uint8Array()),
      'TLS_MESSAGE_MALFORMED',
      'decode_error',
    ],
    [
      'a message behind a KeyUpdate, under the old key',
      (server) => {
        const update = encodeMessage('key_update', UPDATE_NOT_REQUESTED)
        return server.send('handshake', concat(update, update))
      },
      'TLS_MESSAGE_UNEXPECTED',
      'unexpected_message',
    ],
    [
      'authentication after the handshake',
      (server) => server.tell('certificate_request', new Uint8Array(3)),
      'TLS_MESSAGE_UNEXPECTED',
      'unexpected_message',
    ],
    [
      'renegotiation',
      (server) => server.tell('hello_request', new Uint8Array()),
      'TLS_MESSAGE_UNEXPECTED',
      'unexpected_message',
    ],
    [
      'data inside a message',
      (server) => concat(server.send('handshake', Uint8Array.of(4)), server.send(...data('x'))),
      'TLS_MESSAGE_UNEXPECTED',
      'unexpected_message',
    ],
    [
      'a ChangeCipherSpec after Finished',
      () => Uint8Array.of(20, 3, 3, 0, 1, 1),
      'TLS_MESSAGE_UNEXPECTED',
      'unexpected_message',
    ],
    [
      'an alert without protection',
      () => Uint8Array.of(21, 3, 3, 0, 2, 1, 0),
      'TLS_RECORD_MALFORMED',
      'unexpected_message',
    ],
    [
      'a message without protection',
      () => Uint8Array.of(22, 3, 3, 0, 1, 4),
      'TLS_RECORD_MALFORMED',
      'unexpected_message',
    ],
  ]
  for (const [why, bytes, code, alert] of REFUSED) {
    test(`refused: ${why}`, () => {
      const [talk, server] = connected13()
      talk.hear(bytes(server))
      assert.equal(talk.cause?.code, code)
      assert.equal(talk.heard, `alert ${alert}`)
    })
  }
})

suite('TLS 1.2, connected:', () => {
  test('renegotiation is declined and the connection goes on', () => {
    const talk = connected('TLSv1.2')
    talk.hear(talk.server.tell('hello_request', new Uint8Array())).hear(talk.server.send(...data('still here')))
    assert.equal(talk.heard, 'alert no_renegotiation')
    assert.equal(talk.delivered, 'still here')
  })

  test('the connection ends when its key has sealed enough records', () => {
    // Finished was the first.
    const talk = connected('TLSv1.2', { recordsPerKeyMax: 3 })
    talk.input({ on: 'data', bytes: Buffer.from('one') }).input({ on: 'data', bytes: Buffer.from('two') })
    assert.equal(talk.story, 'connected')
    talk.input({ on: 'data', bytes: Buffer.from('three') })
    assert.equal(talk.cause?.code, 'TLS_KEY_EXHAUSTED')
    assert.equal(talk.heard, 'alert close_notify')
    assert.equal(talk.server.data.length, 2)
  })

  test('a warning is passed over', () => {
    const talk = connected('TLSv1.2')
    talk.hear(talk.server.send('alert', Uint8Array.of(1, 112))).hear(talk.server.send(...data('still here')))
    assert.equal(talk.delivered, 'still here')
  })
})

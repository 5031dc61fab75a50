import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CLOSE_TIMEOUT } from './client.ts'
import type { TlsInput } from './input-effect.ts'
import { Conversation, newCast } from './testing/conversation.ts'
import type { TlsVersion } from './version.ts'

const cast = await newCast()
const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3']
const CLOSE_NOTIFY = Uint8Array.of(1, 0)
const CLOSE: TlsInput = { on: 'close' }
const GONE: TlsInput = { on: 'transport-closed' }

function connected(version: TlsVersion): Conversation {
  return new Conversation(cast, version).start()
}

/** Lets the server say close_notify. */
function serverCloses(talk: Conversation): Conversation {
  return talk.hear(talk.server.send('alert', CLOSE_NOTIFY))
}

for (const version of VERSIONS) {
  suite(`${version}, closing:`, () => {
    test('this side first', () => {
      const talk = connected(version).input(CLOSE)
      assert.equal(talk.heard, 'alert close_notify')
      assert.equal(talk.story, 'connected')
      talk.hear(talk.server.send('application_data', Buffer.from('last words')))
      serverCloses(talk)
      assert.equal(talk.story, 'connected deliver end closed')
      assert.equal(talk.cause, undefined)
    })

    test('this side twice is this side once', () => {
      const talk = connected(version).input(CLOSE).input(CLOSE)
      assert.deepEqual(talk.server.heard.filter((what) => what === 'alert close_notify').length, 1)
    })

    test('the server without close_notify is truncation, whoever began', () => {
      const talk = connected(version).input(GONE)
      assert.equal(talk.story, 'connected closed')
      assert.equal(talk.cause?.code, 'TLS_TRUNCATED')
      assert.equal(connected(version).input(CLOSE).input(GONE).cause?.code, 'TLS_TRUNCATED')
    })

    test('a server that stays silent after this side closed is given up', () => {
      const talk = connected(version)
        .input(CLOSE)
        .wait(CLOSE_TIMEOUT - 1)
      assert.equal(talk.cause, undefined)
      assert.equal(talk.wait(1).cause?.code, 'TLS_CLOSE_TIMEOUT')
      assert.equal(talk.heard, 'alert close_notify')
    })

    test('a server that still talks has more time', () => {
      const talk = connected(version)
        .input(CLOSE)
        .wait(CLOSE_TIMEOUT - 1)
      talk.hear(talk.server.send('application_data', Buffer.from('x'))).wait(CLOSE_TIMEOUT - 1)
      assert.equal(talk.cause, undefined)
      assert.equal(talk.wait(1).cause?.code, 'TLS_CLOSE_TIMEOUT')
    })

    test('no alert follows close_notify', () => {
      const talk = connected(version).input(CLOSE).hear(Buffer.from('rubbish'))
      assert.equal(talk.cause?.code, 'TLS_RECORD_NOT_TLS')
      assert.equal(talk.heard, 'alert close_notify')
    })

    test('nothing has an effect once it is closed', () => {
      const talk = serverCloses(connected(version).input(CLOSE))
      const { story } = talk
      for (const input of [CLOSE, GONE, { on: 'data', bytes: Buffer.from('x') }] as const) talk.input(input)
      talk.hear(Buffer.from('rubbish')).wait(CLOSE_TIMEOUT)
      assert.equal(talk.story, story)
    })

    const ALERTS: readonly (readonly [code: number, name: string, fault: string])[] = [
      [40, 'handshake_failure', 'TLS_PEER_ALERT'],
      [42, 'bad_certificate', 'TLS_CLIENT_CERTIFICATE_REFUSED'],
      [44, 'certificate_revoked', 'TLS_CLIENT_CERTIFICATE_REFUSED'],
      [45, 'certificate_expired', 'TLS_CLIENT_CERTIFICATE_REFUSED'],
      [46, 'certificate_unknown', 'TLS_CLIENT_CERTIFICATE_REFUSED'],
      [48, 'unknown_ca', 'TLS_CLIENT_CERTIFICATE_REFUSED'],
      [49, 'access_denied', 'TLS_CLIENT_CERTIFICATE_REFUSED'],
      [80, 'internal_error', 'TLS_PEER_ALERT'],
      [116, 'certificate_required', 'TLS_CLIENT_CERTIFICATE_REFUSED'],
      [250, 'alert 250', 'TLS_PEER_ALERT'],
    ]
    for (const [code, name, fault] of ALERTS) {
      test(`the server ends with ${name}`, () => {
        const talk = connected(version)
        talk.hear(talk.server.send('alert', Uint8Array.of(2, code)))
        assert.equal(talk.cause?.code, fault)
        assert.equal(talk.cause.context['alert'], name)
        assert.ok(!talk.heard?.startsWith('alert'), 'no alert answers an alert')
      })
    }
  })
}

suite('TLS 1.2, the server closes first:', () => {
  test('both directions are over at once', () => {
    const talk = serverCloses(connected('TLSv1.2'))
    assert.equal(talk.story, 'connected end closed')
    assert.equal(talk.heard, 'alert close_notify')
  })
})

suite('TLS 1.3, the server closes first:', () => {
  test('this side may go on, then closes', () => {
    const talk = serverCloses(connected('TLSv1.3'))
    assert.equal(talk.story, 'connected end')
    talk.input({ on: 'data', bytes: Buffer.from('one more thing') })
    assert.equal(talk.server.data.length, 1)
    talk.input(CLOSE)
    assert.equal(talk.story, 'connected end closed')
    assert.equal(talk.heard, 'alert close_notify')
  })

  test('what comes after its close_notify is ignored', () => {
    const talk = serverCloses(connected('TLSv1.3')).hear(Buffer.from('rubbish'))
    assert.equal(talk.story, 'connected end')
  })

  test('its transport may close as well', () => {
    const talk = serverCloses(connected('TLSv1.3')).input(GONE)
    assert.equal(talk.story, 'connected end closed')
    assert.equal(talk.cause, undefined)
  })

  test('a warning other than user_canceled is as bad as any alert', () => {
    const talk = connected('TLSv1.3')
    talk.hear(talk.server.send('alert', Uint8Array.of(1, 90)))
    assert.equal(talk.story, 'connected')
    talk.hear(talk.server.send('alert', Uint8Array.of(1, 112)))
    assert.equal(talk.cause?.code, 'TLS_PEER_ALERT')
  })
})

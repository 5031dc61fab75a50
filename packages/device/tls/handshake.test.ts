import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { HANDSHAKE_TIMEOUT } from './options.ts'
import { type Cast, Conversation, newCast } from './testing/conversation.ts'
import type { Script } from './testing/scripted-server.ts'
import type { TlsVersion } from './version.ts'

const cast = await newCast()
const { identity: _, ...withoutIdentity } = cast.options
const anonymous: Cast = { ...cast, options: withoutIdentity }
const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3']
const REQUEST: Script = { request: [0x0403] }

/** A conversation that stands still where the chip has to sign. */
function atTheChip(version: TlsVersion): Conversation {
  const talk = new Conversation(cast, version, REQUEST)
  talk.signsAtOnce = false
  talk.start()
  assert.equal(talk.story, 'sign')
  return talk
}

for (const version of VERSIONS) {
  suite(`${version}, the handshake`, () => {
    test('without a client certificate says whom it reached', () => {
      const talk = new Conversation(cast, version).start()
      const [effect] = talk.effects
      assert.ok(effect?.do === 'connected' && talk.effects.length === 1)
      assert.deepEqual([effect.version, effect.alpn], [version, undefined])
      assert.equal(effect.serverCertificate.fingerprint, cast.server.certificates[0]?.fingerprint)
    })

    test('with a client certificate asks for one signature', () => {
      const talk = new Conversation(cast, version, REQUEST).start()
      assert.equal(talk.story, 'sign connected')
      const [effect] = talk.effects
      assert.ok(effect?.do === 'sign' && effect.scheme === 'ecdsa_secp256r1_sha256')
      assert.ok(talk.server.heard.includes('certificate_verify'))
    })

    test('with nothing to show answers the request with an empty certificate', () => {
      const talk = new Conversation(anonymous, version, REQUEST).start()
      assert.equal(talk.story, 'connected')
      assert.ok(talk.server.heard.includes('certificate'))
      assert.ok(!talk.server.heard.includes('certificate_verify'))
    })

    test('works byte by byte', () => {
      const talk = new Conversation(cast, version, REQUEST)
      talk.hear = (bytes) => {
        for (const byte of bytes) talk.input({ on: 'bytes', bytes: Uint8Array.of(byte) })
        return talk
      }
      assert.equal(talk.start().story, 'sign connected')
    })

    test('waits for the chip as long as the limit allows', () => {
      const talk = atTheChip(version)
        .wait(HANDSHAKE_TIMEOUT - 1)
        .sign()
      assert.equal(talk.story, 'sign connected')
      assert.equal(talk.client.nextDeadline, undefined)
      assert.equal(talk.wait(HANDSHAKE_TIMEOUT).cause, undefined)
    })

    test('ends at the limit, and a late signature changes nothing', () => {
      const talk = atTheChip(version).wait(HANDSHAKE_TIMEOUT)
      assert.equal(talk.cause?.code, 'TLS_HANDSHAKE_TIMEOUT')
      assert.equal(talk.sign().story, 'sign closed')
    })

    test('fails with the chip and keeps its reason', () => {
      const cause = new Error('the chip is gone')
      const talk = atTheChip(version).input({ on: 'signing-failed', cause })
      assert.equal(talk.cause?.code, 'TLS_SIGNING_FAILED')
      assert.equal(talk.cause.cause, cause)
      assert.equal(talk.heard, 'alert internal_error')
    })

    test('keeps a faulty signature to itself', () => {
      const talk = atTheChip(version).input({ on: 'signature', signature: new Uint8Array(70) })
      assert.equal(talk.cause?.code, 'TLS_SIGNING_FAILED')
      assert.ok(!talk.server.heard.includes('certificate_verify'))
    })

    test('looks at nothing while the chip signs, and at everything afterwards', () => {
      const talk = atTheChip(version).hear(Uint8Array.of(99, 99, 99))
      assert.equal(talk.story, 'sign')
      talk.signsAtOnce = true
      talk.sign()
      assert.equal(talk.cause?.code, 'TLS_RECORD_NOT_TLS')
    })

    test('cut off is truncation, also while the chip signs', () => {
      assert.equal(atTheChip(version).input({ on: 'transport-closed' }).cause?.code, 'TLS_TRUNCATED')
    })

    test('given up by the application says close_notify', () => {
      const talk = atTheChip(version).input({ on: 'close' })
      assert.equal(talk.story, 'sign closed')
      assert.equal(talk.cause, undefined)
      assert.equal(talk.heard, 'alert close_notify')
    })

    test('takes no input out of place', () => {
      const talk = new Conversation(cast, version)
      const bytes = Uint8Array.of(1)
      assert.throws(() => talk.input({ on: 'data', bytes }), isNotConnected)
      assert.throws(() => talk.input({ on: 'bytes', bytes }), isNotConnected)
      talk.start()
      assert.throws(() => talk.start(), isNotConnected)
      assert.throws(() => talk.input({ on: 'signature', signature: bytes }), isNotConnected)
      assert.equal(talk.input({ on: 'data', bytes }).server.data.length, 1)
    })
  })
}

function isNotConnected(error: unknown): boolean {
  return isFault(error, 'TLS_NOT_CONNECTED')
}

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { days, instant, later, seconds } from '@birthmark/foundation/kernel'
import { newTlsAuthority, type TlsIdentity } from '../../../testing/testkit/tls-identities.ts'
import type { TlsClientOptions } from './options.ts'
import { type Cast, Conversation, newCast, privateKey } from './testing/conversation.ts'
import type { TlsVersion } from './version.ts'

const authority = await newTlsAuthority()
const stranger = await newTlsAuthority()
const good = await newCast()
const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3']
const LOCALHOST = { names: [{ type: 'dns', value: 'localhost' }] } as const

interface Case {
  readonly server?: TlsIdentity
  readonly options?: Partial<TlsClientOptions>
  readonly at?: Cast['now']
}

function talkTo(version: TlsVersion, { server, options, at = good.now }: Case): Conversation {
  const identity = server ?? ordinary
  const cast = { ...good, now: at, server: identity, serverKey: privateKey(identity) }
  return new Conversation(cast, version, {}, { anchors: [authority.root], ...options }).start()
}

const ordinary = await authority.server()
const leafOnly = { ...ordinary, certificates: ordinary.certificates.slice(0, 1) }
const elsewhere = await authority.server({ names: [{ type: 'dns', value: 'elsewhere.example' }] })
const wildcard = await authority.server({ names: [{ type: 'dns', value: '*.iot.example' }] })
const address = await authority.server({ names: [{ type: 'ip', value: '127.0.0.1' }] })
const expired = await authority.server({
  ...LOCALHOST,
  profile: { validity: { until: later(good.now, seconds(-60)) } },
})
const device = await authority.device(LOCALHOST)
const agreement = await authority.server({
  ...LOCALHOST,
  profile: { keyUsage: ['keyAgreement'], extendedKeyUsage: [] },
})
const rsa = await authority.server({ algorithm: 'rsa-pkcs1-sha256' })

const REFUSED: readonly (readonly [why: string, test: Case, code: string, alert: string])[] = [
  ['another host name', { server: elsewhere }, 'TLS_HOST_NAME_MISMATCH', 'bad_certificate'],
  [
    'a name two labels below a wildcard',
    { server: wildcard, options: { host: 'a.b.iot.example' } },
    'TLS_HOST_NAME_MISMATCH',
    'bad_certificate',
  ],
  [
    'the name of a wildcard itself',
    { server: wildcard, options: { host: 'iot.example' } },
    'TLS_HOST_NAME_MISMATCH',
    'bad_certificate',
  ],
  ['an address where a name is', { options: { host: '127.0.0.1' } }, 'TLS_HOST_NAME_MISMATCH', 'bad_certificate'],
  ['a name where an address is', { server: address }, 'TLS_HOST_NAME_MISMATCH', 'bad_certificate'],
  ['an expired certificate', { server: expired }, 'TLS_CERTIFICATE_EXPIRED', 'certificate_expired'],
  [
    'an expired certificate, by this clock',
    { at: later(good.now, days(400)) },
    'TLS_CERTIFICATE_EXPIRED',
    'certificate_expired',
  ],
  [
    'a certificate of the future, by this clock',
    { at: instant(0) },
    'TLS_CERTIFICATE_NOT_YET_VALID',
    'certificate_expired',
  ],
  ['another root of the same name', { options: { anchors: [stranger.root] } }, 'TLS_CERTIFICATE_FOREIGN', 'unknown_ca'],
  ['a chain without its intermediate', { server: leafOnly }, 'TLS_CERTIFICATE_FOREIGN', 'unknown_ca'],
  ["a device's certificate", { server: device }, 'TLS_CERTIFICATE_UNSUITABLE', 'bad_certificate'],
  ['a key that may not sign', { server: agreement }, 'TLS_CERTIFICATE_UNSUITABLE', 'bad_certificate'],
]

for (const version of VERSIONS) {
  suite(`${version}, the server's certificate is refused:`, () => {
    for (const [why, what, code, alert] of REFUSED) {
      test(why, () => {
        const talk = talkTo(version, what)
        assert.equal(talk.cause?.code, code)
        assert.equal(talk.heard, `alert ${alert}`)
        assert.equal(talk.story, 'closed')
      })
    }
  })

  suite(`${version}, the server's certificate is accepted:`, () => {
    const ACCEPTED: readonly (readonly [why: string, what: Case])[] = [
      ['the host name, in whatever case', { options: { host: 'LOCALHOST' } }],
      ['the host name with its final dot', { options: { host: 'localhost.' } }],
      ['a wildcard', { server: wildcard, options: { host: 'press-7.iot.example' } }],
      ['an address', { server: address, options: { host: '127.0.0.1' } }],
      ['the right root among others', { options: { anchors: [stranger.root, authority.root] } }],
    ]
    for (const [why, what] of ACCEPTED) {
      test(why, () => {
        assert.equal(talkTo(version, what).story, 'connected')
      })
    }
  })
}

test('an RSA key is of no use to the cipher suite of TLS 1.2', () => {
  const talk = talkTo('TLSv1.2', { server: rsa })
  assert.equal(talk.cause?.code, 'TLS_CERTIFICATE_KEY_UNSUPPORTED')
  assert.equal(talk.heard, 'alert unsupported_certificate')
})

test('the fault keeps what X.509 said as its cause', () => {
  const { cause } = talkTo('TLSv1.3', { server: expired })
  assert.match(String(cause?.cause), /expired at/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { SoftwareSigner } from '@birthmark/foundation/x509'
import { parseOptions, RECORDS_PER_KEY_MAX, type TlsClientOptions } from './options.ts'
import { newCast } from './testing/conversation.ts'

const cast = await newCast()
const rsa = await SoftwareSigner.generate('rsa-pkcs1-sha256')
const stranger = await SoftwareSigner.generate('ecdsa-p256-sha256')
const certificates = cast.options.identity?.certificates ?? []

const REFUSED: readonly (readonly [why: string, change: Partial<TlsClientOptions>])[] = [
  ['no host', { host: '' }],
  ['a host with a space', { host: 'local host' }],
  ['a host that is not in punycode', { host: 'münchen.example' }],
  ['a host that no DNS name can be', { host: 'a'.repeat(254) }],
  ['no trust anchor', { anchors: [] }],
  ['no version', { versions: [] }],
  ['no group', { groups: [] }],
  ['a group twice', { groups: ['x25519', 'x25519'] }],
  ['an empty protocol name', { alpn: [''] }],
  ['a protocol name above 255 bytes', { alpn: ['é'.repeat(128)] }],
  ['protocol names above 64 KiB', { alpn: Array.from({ length: 300 }, () => 'a'.repeat(255)) }],
  ['an identity without certificate', { identity: { certificates: [], signer: stranger } }],
  ['a certificate for another key', { identity: { certificates, signer: stranger } }],
  ['an RSA key', { identity: { certificates, signer: rsa } }],
]

for (const [why, change] of REFUSED) {
  test(`refused: ${why}`, () => {
    assert.throws(
      () => parseOptions({ ...cast.options, ...change }),
      (error) => isFault(error, 'TLS_OPTIONS_INVALID'),
    )
  })
}

test('a host is taken without its final dot and in lower case', () => {
  const { host, serverName } = parseOptions({ ...cast.options, host: 'LocalHost.' })
  assert.deepEqual([host, serverName], ['localhost', 'localhost'])
})

test('an address is no name', () => {
  assert.equal(parseOptions({ ...cast.options, host: '127.0.0.1' }).serverName, undefined)
})

test('nobody seals more records than the limit allows', () => {
  assert.equal(parseOptions({ ...cast.options, recordsPerKeyMax: 2 ** 30 }).recordsPerKeyMax, RECORDS_PER_KEY_MAX)
})

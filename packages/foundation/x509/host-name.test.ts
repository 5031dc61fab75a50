import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault } from '../kernel/index.ts'
import { checkHostName, ENDPOINT } from './index.ts'
import { makeIdentity, makeRoot } from './testing/pki.ts'

const root = await makeRoot()
const { certificate } = await makeIdentity(root, {
  profile: ENDPOINT,
  subject: [{ type: 'CN', value: 'common.example' }],
  subjectAlternativeNames: [
    { type: 'dns', value: 'IoT.Example' },
    { type: 'dns', value: '*.devices.example' },
    { type: 'dns', value: '*.example' },
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '2001:DB8:0::1' },
    { type: 'email', value: 'a@mail.example' },
    { type: 'uri', value: 'https://uri.example/' },
  ],
})

for (const host of [
  'iot.example',
  'IOT.EXAMPLE',
  'iot.example.',
  'press-7.devices.example',
  'xn--prss-1ra.devices.example',
  'localhost',
  '127.0.0.1',
  '2001:db8::1',
  '2001:0db8:0:0:0:0:0:1',
]) {
  test(`accepts ${host}`, () => checkHostName(certificate, host))
}

const REFUSED: readonly { host: string; why: string }[] = [
  { host: 'common.example', why: 'only the common name, and a wildcard for a top-level domain' },
  { host: 'devices.example', why: 'a wildcard stands for one label, not for none' },
  { host: 'a.b.devices.example', why: 'a wildcard stands for one label, not for two' },
  { host: '.devices.example', why: 'a wildcard stands for a label that has characters' },
  { host: '*.devices.example', why: 'a host has no wildcard' },
  { host: 'iot.example.com', why: 'more labels' },
  { host: 'xiot.example', why: 'a longer label' },
  { host: 'mail.example', why: 'only in a mail address' },
  { host: 'uri.example', why: 'only in a URI' },
  { host: '127.0.0.2', why: 'another address' },
  { host: '::ffff:127.0.0.1', why: 'the IPv6 form of an IPv4 address' },
  { host: '2001:db8::1%1', why: 'an address with a zone' },
  { host: '', why: 'nothing' },
  { host: 'iot.example..', why: 'two dots at the end' },
]
for (const { host, why } of REFUSED) {
  test(`refuses ${host}: ${why}`, () => {
    assert.throws(
      () => checkHostName(certificate, host),
      (error) => isFault(error, 'HOST_NAME_MISMATCH'),
    )
  })
}

test('a certificate without alternative names is for no host', () => {
  assert.throws(
    () => checkHostName(root.certificate, 'Root'),
    (error) => isFault(error, 'HOST_NAME_MISMATCH'),
  )
})

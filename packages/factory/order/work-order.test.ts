import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Fault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { deviceSubject } from './subject.ts'
import { parseWorkOrder } from './work-order.ts'

const ORDER = { format: 'birthmark-work-order/1', id: 'PO-2026-1', product: 'press', count: 1000 }

test('an order needs a number, a product and a count; the rest has defaults', () => {
  assert.deepEqual(parseWorkOrder(JSON.stringify(ORDER)), {
    id: 'PO-2026-1',
    product: 'press',
    count: 1000,
    profile: 'device',
    subject: { commonName: '{product}-{uidHash}', serialNumber: '{uid}' },
    locks: [],
  })
})

test('an order may say everything', () => {
  const slots = { key: '0xE0F1', certificate: '0xE0E1', trustAnchor: '0xE0E8' }
  const order = parseWorkOrder(change({ profile: 'vendor-device', subject: {}, slots, locks: ['certificate', 'key'] }))
  assert.deepEqual(order.subject, {})
  assert.deepEqual(order.slots, slots)
  assert.deepEqual(order.locks, ['key', 'certificate'])
})

test('the example in docs/reference/work-order.md is an order', async () => {
  const page = await readFile(new URL('../../../docs/reference/work-order.md', import.meta.url), 'utf8')
  const [, example = ''] = /```json\n(.*?)```/s.exec(page) ?? []
  assert.equal(parseWorkOrder(example).id, 'PO-2026-1')
})

const REFUSED: readonly (readonly [why: string, text: string, says: RegExp, code?: string])[] = [
  ['not JSON', 'PO-2026-1', /not JSON/],
  ['another format', change({ format: 'birthmark-work-order/3' }), /format must be/],
  ['no number', change({ id: undefined }), /id is missing/],
  ['a number that is a path', change({ id: '../ledger' }), /id must be/],
  ['a product with a blank', change({ product: 'big press' }), /product must be/],
  ['nothing to make', change({ count: 0 }), /count must be/],
  ['a station by its name', change({ format: 'birthmark-work-order/2', stations: ['line-1'] }), /stations must be/],
  ['an issuing CA by its name', change({ issuer: 'Press Issuing CA' }), /issuer must be/],
  ['evidence of another kind', change({ evidence: { kind: 'trust' } }), /evidence.kind must be/],
  ['a vendor without a root', change({ evidence: { kind: 'vendor', roots: [] } }), /evidence.roots must be/],
  ['a vendor whose root is none', change({ evidence: { kind: 'vendor', roots: [pem('AQID')] } }), /not a certificate/],
  ['too many', change({ count: 10_000_001 }), /count must be/],
  ['a misspelt member', change({ locked: ['key'] }), /"locked" is not known/],
  ['an unknown lock', change({ locks: ['certificates'] }), /locks must be/],
  ['a lock twice', change({ locks: ['key', 'key'] }), /locks must be/],
  ['a lock on an anchor that is not given', change({ locks: ['trustAnchor'] }), /cannot lock a trust anchor/],
  ['a profile that is no name', change({ profile: 'Issuing CA' }), /profile must be/],
  ['one slot for two things', change({ slots: { key: 'a', certificate: 'b', trustAnchor: 'b' } }), /another slot/],
  ['a slot missing', change({ slots: { key: 'a', certificate: 'b' } }), /slots.trustAnchor is missing/],
  ['an anchor that is no PEM', change({ trustAnchor: 'MIIB' }), /trustAnchor must be one certificate in PEM/],
  ['an anchor that is no certificate', change({ trustAnchor: pem('AQID') }), /trustAnchor is not a certificate/],
  [
    'a name that all devices would share',
    change({ subject: { commonName: '{product}' } }),
    /subject.commonName must be/,
  ],
  ['an unknown placeholder', change({ subject: { commonName: '{uid}-{mac}' } }), /subject.commonName must be/],
  ['an empty subject where one is needed', change({ subject: {} }), /subject must name the device/],
  ['a name with a comma', change({ subject: { commonName: '{uid},O=x' } }), /subject.commonName must be/],
  ['an unknown attribute', change({ subject: { organization: '{uid}' } }), /subject."organization" is not known/],
  ['a signature', change({ signature: 'MEUCIQ==' }), /signature/, 'ORDER_MAKER_NOT_PINNED'],
  ['a signature, whatever else is new', change({ signature: {}, lines: 4 }), /signature/, 'ORDER_MAKER_NOT_PINNED'],
]
for (const [why, text, says, code = 'ORDER_INVALID'] of REFUSED) {
  test(`refuses an order: ${why}`, () => {
    assert.throws(() => parseWorkOrder(text), { code, blame: 'operator', message: says })
  })
}

test('arbitrary JSON gives an order or a declared fault', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.dictionary(fc.string(), fc.jsonValue()).map(change)), (text) => {
      try {
        parseWorkOrder(text)
      } catch (error) {
        assert.ok(error instanceof Fault && error.code.startsWith('ORDER_'), String(error))
      }
    }),
  )
})

test('a subject names the device by product, element number and the hash of that number', () => {
  const uid = '0a1b2c3d4e5f60718293'
  assert.deepEqual(deviceSubject({ commonName: '{product}-{uidHash}', serialNumber: '{uid}' }, 'press', uid), [
    // printf 0a1b2c3d4e5f60718293 | sha256sum
    { type: 'CN', value: 'press-d63a692e07115656' },
    { type: 'serialNumber', value: uid },
  ])
  assert.deepEqual(deviceSubject({}, 'press', uid), [])
})

test('a subject longer than its attribute may be is refused', () => {
  const uid = 'ab'.repeat(27)
  assert.throws(() => deviceSubject({ commonName: '{product}-{uid}' }, 'hydraulic-press', uid), {
    code: 'ORDER_SUBJECT_TOO_LONG',
    context: { attribute: 'CN', uid, characters: 70, most: 64 },
  })
})

function change(members: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...ORDER, ...members })
}

function pem(base64: string): string {
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
}

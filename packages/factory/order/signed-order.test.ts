import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant, isFault } from '@birthmark/foundation/kernel'
import { SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import fc from 'fast-check'
import { openWorkOrder, parseMakerKey, signWorkOrder } from './signed-order.ts'
import { parseWorkOrder } from './work-order.ts'

const maker = await SoftwareSigner.generate('ecdsa-p256-sha256')
const other = await SoftwareSigner.generate('ecdsa-p256-sha256')
const NOW = instant(Date.UTC(2026, 5, 1))
const RULES = { makerKey: maker.publicKey, station: 'line-1', now: NOW }
const TEXT = JSON.stringify(
  {
    format: 'birthmark-work-order/1',
    id: 'PO-1',
    product: 'press',
    count: 10,
    until: '2026-06-30T00:00:00.000Z',
    stations: ['line-1', 'line-2'],
  },
  undefined,
  2,
)
const SIGNED = await signWorkOrder(TEXT, maker)

test('a signed order is opened with the maker’s key, and says what the unsigned one says', () => {
  assert.deepEqual(openWorkOrder(SIGNED, RULES), parseWorkOrder(TEXT))
  assert.deepEqual(openWorkOrder(SIGNED.trimEnd(), { ...RULES, station: 'line-2' }), parseWorkOrder(TEXT))
})

test('where no maker is pinned an unsigned order is opened, and a signed one is not', () => {
  const { makerKey: _, ...rules } = RULES
  assert.deepEqual(openWorkOrder(TEXT, rules), parseWorkOrder(TEXT))
  refused(() => openWorkOrder(SIGNED, rules), 'ORDER_MAKER_NOT_PINNED')
})

const plain = (change: object): string => JSON.stringify({ ...JSON.parse(TEXT), ...change })
const REFUSED: readonly (readonly [why: string, text: string, rules: object, code: string])[] = [
  ['no signature', TEXT, {}, 'ORDER_UNSIGNED'],
  ['a signature of another form', plain({ signature: 'MEUCIQ==' }), {}, 'ORDER_SIGNATURE_INVALID'],
  ['more than the maker signed', SIGNED.replace('"count":10', '"count":11'), {}, 'ORDER_SIGNATURE_INVALID'],
  ['a member after the signature', `${SIGNED.trimEnd().slice(0, -1)},"count":11}`, {}, 'ORDER_SIGNATURE_INVALID'],
  ['the signature of another key', await signWorkOrder(TEXT, other), {}, 'ORDER_SIGNER_UNKNOWN'],
  ['another signature under the maker’s name', SIGNED, { makerKey: other.publicKey }, 'ORDER_SIGNER_UNKNOWN'],
  ['its end passed', SIGNED, { now: instant(Date.UTC(2026, 6, 1)) }, 'ORDER_EXPIRED'],
  ['another station', SIGNED, { station: 'line-3' }, 'ORDER_FOR_OTHER_STATION'],
  ['no station', SIGNED, { station: undefined }, 'ORDER_FOR_OTHER_STATION'],
  ['no JSON', '{', {}, 'ORDER_INVALID'],
]
for (const [why, text, rules, code] of REFUSED) {
  test(`refuses an order with ${why}`, () => refused(() => openWorkOrder(text, { ...RULES, ...rules }), code))
}

test('an order with any one byte changed is not opened', () => {
  fc.assert(
    fc.property(fc.nat(SIGNED.length - 2), fc.integer({ min: 0x20, max: 0x7e }), (at, code) => {
      const changed = SIGNED.slice(0, at) + String.fromCharCode(code) + SIGNED.slice(at + 1)
      if (changed === SIGNED) return
      assert.throws(
        () => openWorkOrder(changed, RULES),
        (error) => isFault(error) && ALTERED.has(error.code),
      )
    }),
  )
})

test('an order is signed once, with a P-256 key, and only when it can be used', async () => {
  const p384 = await SoftwareSigner.generate('ecdsa-p384-sha384')
  await assert.rejects(signWorkOrder(SIGNED, maker), { code: 'ORDER_MAKER_NOT_PINNED' })
  await assert.rejects(signWorkOrder(TEXT, p384), { code: 'ORDER_MAKER_KEY_UNFIT' })
  await assert.rejects(signWorkOrder('{}', maker), { code: 'ORDER_INVALID' })
  const key = (publicKey: Uint8Array): string => toPem('PUBLIC KEY', publicKey)
  assert.deepEqual(parseMakerKey(key(maker.publicKey)), maker.publicKey)
  for (const pem of ['', 'x', key(p384.publicKey), key(maker.publicKey) + key(other.publicKey)]) {
    refused(() => parseMakerKey(pem), 'ORDER_MAKER_KEY_UNFIT')
  }
})

const ALTERED = new Set(['ORDER_SIGNATURE_INVALID', 'ORDER_SIGNER_UNKNOWN', 'ORDER_INVALID', 'ORDER_UNSIGNED'])

function refused(open: () => unknown, code: string): void {
  assert.throws(open, (error) => isFault(error, code))
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { isAccessCondition, isGranted, isLifecycle, type Lifecycles } from './access.ts'

const ACCEPTED: readonly (readonly [
  condition: string,
  granted: readonly Lifecycles[],
  denied: readonly Lifecycles[],
])[] = [
  ['00', [states(1, 1, 1), states(15, 7, 15)], []],
  ['FF', [], [states(1, 1, 1), states(7, 7, 7)]],
  ['E1 FC 07', [states(7, 1, 1), states(7, 1, 3)], [states(7, 1, 7), states(7, 1, 15)]],
  ['E1 FA 03', [states(7, 1, 3)], [states(7, 1, 1), states(7, 1, 7)]],
  ['E0 FB 01', [states(7, 3, 1)], [states(7, 1, 1)]],
  ['70 FA 07', [states(7, 1, 1)], [states(3, 1, 1)]],
  // LcsO > 3 || LcsG < 4
  ['E1 FB 03 FE 70 FC 04', [states(7, 1, 7), states(3, 1, 1)], [states(7, 1, 3)]],
  ['E1 FB 03 FD 70 FC 04', [states(3, 1, 7)], [states(7, 1, 7), states(3, 1, 3)]],
  // LcsO == 1 && LcsA == 1 || LcsG == 3: AND binds stronger
  ['E1 FA 01 FD E0 FA 01 FE 70 FA 03', [states(7, 1, 1), states(3, 7, 7)], [states(7, 3, 1), states(7, 1, 3)]],
  ['70 FA 03 FE E1 FA 01 FD E0 FA 01', [states(3, 7, 7), states(7, 1, 1)], [states(7, 1, 7)]],
]

for (const [condition, granted, denied] of ACCEPTED) {
  test(`condition ${condition} grants and denies what it says`, () => {
    const bytes = fromHex(condition)
    assert.ok(isAccessCondition(bytes))
    for (const lifecycles of granted) assert.equal(isGranted(bytes, lifecycles), true, JSON.stringify(lifecycles))
    for (const lifecycles of denied) assert.equal(isGranted(bytes, lifecycles), false, JSON.stringify(lifecycles))
  })
}

test('an object without a condition denies', () => {
  assert.equal(isGranted(undefined, states(1, 1, 1)), false)
})

const REFUSED: readonly (readonly [condition: string, why: string])[] = [
  ['', 'nothing'],
  ['01', 'neither always nor never'],
  ['00 00', 'always, twice'],
  ['E1 FC', 'no value'],
  ['E1 F9 07', 'no such operator'],
  ['E2 FC 07', 'no such subject'],
  ['23 FC 07', 'a subject of Trust M'],
  ['E1 FC 07 FE', 'nothing after OR'],
  ['E1 FC 07 FC E1 FC 07', 'no such join'],
  ['E1 FC 07 FE 00', 'always inside an expression'],
  ['E1 FC 07 E1 FC 07', 'no join'],
]

for (const [condition, why] of REFUSED) {
  test(`condition '${condition}' is refused: ${why}`, () => {
    assert.equal(isAccessCondition(fromHex(condition)), false)
  })
}

test('a condition grants when in one of its OR parts every comparison holds', () => {
  const lifecycle = fc.constantFrom(0x01, 0x03, 0x07, 0x0f)
  const simple = fc.tuple(fc.constantFrom(0x70, 0xe0, 0xe1), fc.constantFrom(0xfa, 0xfb, 0xfc), lifecycle)
  const parts = fc.array(fc.array(simple, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(parts, lifecycle, lifecycle, lifecycle, (alternatives, global, application, object) => {
      const lifecycles = { global, application, object }
      const bytes = alternatives.flatMap((all) =>
        all.flatMap((one, index) => [...one, index + 1 < all.length ? 0xfd : 0xfe]),
      )
      const condition = Uint8Array.from(bytes.slice(0, -1))
      assert.ok(isAccessCondition(condition))
      const expected = alternatives.some((all) => all.every((one) => holds(one, lifecycles)))
      assert.equal(isGranted(condition, lifecycles), expected)
    }),
  )
})

test('arbitrary bytes are accepted or not, and what is accepted can be decided', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      if (isAccessCondition(bytes)) assert.equal(typeof isGranted(bytes, states(7, 1, 1)), 'boolean')
    }),
  )
})

test('of all bytes only four are lifecycle states', () => {
  assert.deepEqual(Array.from({ length: 256 }, (_, value) => value).filter(isLifecycle), [0x01, 0x03, 0x07, 0x0f])
})

function holds([subject, operator, value]: [number, number, number], lifecycles: Lifecycles): boolean {
  const { global, application, object } = lifecycles
  const actual = subject === 0x70 ? global : subject === 0xe0 ? application : object
  return operator === 0xfa ? actual === value : operator === 0xfb ? actual > value : actual < value
}

function states(global: number, application: number, object: number): Lifecycles {
  return { global, application, object }
}

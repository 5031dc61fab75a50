import assert from 'node:assert/strict'
import { test } from 'node:test'
import { millis } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import type { AttemptStep } from './attempt.ts'
import { packSteps, unpackSteps } from './packed-steps.ts'

const STEPS: fc.Arbitrary<AttemptStep[]> = fc.array(
  fc
    .tuple(
      fc.nat().map(millis),
      fc.constantFrom('tls', 'client-certificate', 'policy', 'end'),
      fc.string({ unit: 'binary' }),
    )
    .map(([after, step, detail]): AttemptStep => ({ after, step, detail })),
)

test('steps come out as they went in, whatever their texts hold and in however many pieces they are packed', () => {
  fc.assert(
    fc.property(STEPS, STEPS, (first, second) => {
      assert.deepEqual(unpackSteps(packSteps(first) + packSteps(second)), [...first, ...second])
    }),
  )
})

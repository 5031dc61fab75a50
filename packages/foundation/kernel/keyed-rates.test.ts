import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant, later, millis } from './brand.ts'
import { KeyedRates } from './keyed-rates.ts'

const START = instant(1_700_000_000_000)

test('each key has a rate of its own', () => {
  const rates = new KeyedRates(1)
  assert.equal(rates.take('a', START), true)
  assert.equal(rates.take('b', START), true)
  assert.equal(rates.take('a', later(START, millis(500))), false)
  assert.equal(rates.take('a', later(START, millis(1000))), true)
})

test('no moment lets a key have more: what is remembered is put away only when it is full again', () => {
  const rates = new KeyedRates(2)
  let taken = 0
  for (let ms = 0; ms <= 10_000; ms += 250) if (rates.take('a', later(START, millis(ms)))) taken++
  assert.equal(taken, 2 + 20)
})

test('without a rate everything passes', () => {
  const rates = new KeyedRates(Number.POSITIVE_INFINITY)
  for (let count = 0; count < 1000; count++) assert.equal(rates.take('a', START), true)
})

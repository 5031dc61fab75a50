import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@birthmark/foundation/kernel'
import { Throttle } from './throttle.ts'

const SCOPE = { account: '123456789012', region: 'eu-central-1' }

test('a second’s worth of requests passes, then the rate', () => {
  const throttle = new Throttle()
  const ask = (at: number, scope = SCOPE) => throttle.require(scope, 'CreateDynamicThingGroup', instant(at))
  for (let n = 0; n < 5; n += 1) ask(1000)
  const refusal = { name: 'ThrottlingException', message: 'Rate exceeded', status: 400 }
  assert.throws(() => ask(1000), refusal)
  ask(1000, { ...SCOPE, account: '210987654321' })
  assert.throws(() => ask(1199), refusal)
  ask(1201)
  assert.throws(() => ask(1202), refusal)
  for (let n = 0; n < 5; n += 1) ask(9000)
  assert.throws(() => ask(9000), refusal)
  assert.throws(() => ask(8000), refusal, 'a clock that was set back gives nothing')
})

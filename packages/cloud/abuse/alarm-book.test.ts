import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@birthmark/foundation/kernel'
import { type Alarm, AlarmBook } from './index.ts'

const HERE = { account: '111122223333', region: 'eu-central-1' }
const ELSEWHERE = { account: '444455556666', region: 'eu-central-1' }

function alarm(certificateId: string, rule: Alarm['rule'] = 'KEY_SHARED'): Alarm {
  return { rule, at: instant(0), certificateId, reason: 'r', remedy: 'm', facts: {} }
}

test('the newest alarms are kept and listed newest first, or from a number on', () => {
  const book = new AlarmBook()
  assert.deepEqual(book.list({ scope: HERE, limit: 10 }), [])
  for (let n = 1; n <= 2500; n += 1) book.add(alarm(`c${n % 3}`), n % 2 === 0 ? HERE : ELSEWHERE, 'none')
  const numbers = (filter: Partial<Parameters<AlarmBook['list']>[0]>) =>
    book.list({ scope: HERE, limit: 1000, ...filter }).map(({ sequence }) => sequence)
  assert.deepEqual(numbers({ limit: 3 }), [2500, 2498, 2496])
  assert.deepEqual(numbers({ after: 2494, limit: 2 }), [2496, 2498])
  assert.deepEqual(numbers({ certificateId: 'c0', limit: 2 }), [2496, 2490])
  assert.deepEqual(numbers({ rule: 'CLAIM_FAST' }), [])
  assert.equal(numbers({}).length, 500)
  assert.equal(numbers({}).at(-1), 1502)
})

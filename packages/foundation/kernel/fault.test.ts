import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault, faults, inFile } from './fault.ts'

const TABLE = {
  ORDER_WRONG: { blame: 'operator', message: 'order {order} is wrong', remedy: 'Mend {order}.', spec: 'RFC 0' },
} as const
const fault = faults(TABLE)

test('a fault of a text is told with the file that the text is from, once', () => {
  const told = inFile('./a.json', fault('ORDER_WRONG', { order: '7' }))
  assert.ok(told instanceof Fault)
  const { code, blame, message, remedy, spec, context, cause } = told
  assert.deepEqual(
    { code, blame, message, remedy, spec },
    { ...TABLE.ORDER_WRONG, code: 'ORDER_WRONG', message: './a.json: order 7 is wrong', remedy: 'Mend 7.' },
  )
  assert.equal(context['order'], '7')
  assert.ok(cause instanceof Fault)
  assert.equal(inFile('./a.json', told), told)
})

test('what is no fault is left as it is', () => {
  const error = new Error('x')
  assert.equal(inFile('./a.json', error), error)
})

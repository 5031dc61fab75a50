import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asDate, tableLines } from './table.ts'

test('columns are as wide as their widest cell', () => {
  const rows = [
    { a: 'long one', b: asDate(0), c: ['x', 'y'] },
    { a: 1, b: undefined, c: { k: true }, d: 'not shown' },
  ]
  assert.deepEqual(tableLines({ a: 'A', b: 'When', c: 'C' }, rows), [
    'A         When                      C',
    'long one  1970-01-01T00:00:00.000Z  x, y',
    '1         -                         k=true',
  ])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { areLimitsUpToDate } from './limits-docs.ts'

test('docs/reference/limits.md is what the code says', () => {
  assert.ok(areLimitsUpToDate(), 'run node tools/limits-docs.ts --write')
})

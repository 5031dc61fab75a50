import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUpToDate } from './operations-docs.ts'

test('docs/reference/operations.md and api.md are what the code says', () => {
  assert.ok(isUpToDate(), 'run node tools/operations-docs.ts --write')
})

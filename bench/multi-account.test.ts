import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureImports } from './multi-account.ts'

test('the import benchmark registers one manifest in two accounts', async () => {
  const imports = await measureImports(250, 2)
  assert.equal(imports.length, 2)
  for (const { perSecond, commandMb, serverMb } of imports) assert.ok(perSecond > 0 && commandMb > 0 && serverMb > 0)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureRegistry } from './registry.ts'

test('the registry benchmark provisions and finds every device on both sides', async () => {
  const { provision, lookUp, certificates } = await measureRegistry({ devices: 70, together: 16, rounds: 1 })
  assert.deepEqual(certificates, { port: 70, bare: 70 })
  for (const { port, bare } of [provision, lookUp]) assert.ok(port > 0 && bare > 0)
})

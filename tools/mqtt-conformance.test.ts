import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformanceProblems } from './mqtt-conformance.ts'

test('each requirement of the MQTT standards has a test or a reason, and the document says so', () => {
  assert.deepEqual(conformanceProblems(), [])
})

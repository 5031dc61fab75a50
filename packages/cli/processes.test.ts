import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { startCompanion } from './processes.ts'

test('a command that says something else than that it is ready is refused by what it said', async () => {
  await assert.rejects(startCompanion(['server', '--help'], {}), (error) => isFault(error, 'PROCESS_DID_NOT_START'))
})

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { scratchFolder } from '../../../../testing/testkit/scratch-folder.ts'
import { openTpm } from './connect.ts'

test('a device file carries a command in one write and its answer in one read, one at a time', async (t) => {
  // What is written into a FIFO is what is read from it: the answer to a command is the command, and its code is there
  // where an answer has its own.
  const path = join(await scratchFolder(t), 'tpmrm0')
  execFileSync('mkfifo', [path])
  const tpm = await openTpm(path)
  const codes = await Promise.all(
    [tpm.readPublic(1), tpm.flush(1)].map((call) => call.catch((error: unknown) => error)),
  )
  assert.ok(codes.every((error) => isFault(error, 'TPM_COMMAND_REFUSED')))
  assert.deepEqual(
    codes.map((error) => (isFault(error) ? error.context['code'] : undefined)),
    ['0x173', '0x165'],
  )
  await tpm.close()
  await assert.rejects(tpm.flush(1), (error) => isFault(error, 'TPM_GONE'))
})

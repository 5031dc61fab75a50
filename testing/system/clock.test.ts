import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ANY_PORTS, failsPlainly, startServerCommand, stopsInOrder } from '../testkit/run-birthmark.ts'
import { untilNoProcessNames } from '../testkit/running.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** A machine whose clock is wrong, as `faketime` makes it. */

test('a clock before or after the life of the root keeps the server from starting', async (context) => {
  const folder = await scratchFolder(context)
  const cloud = join(folder, 'cloud')
  await stopsInOrder(await startServerCommand(cloud))
  const words = ['server', '--data', cloud, ...ANY_PORTS]
  await failsPlainly(
    words,
    {
      code: 'CLOCK_BEFORE_CERTIFICATE',
      says: /^birthmark: The clock says 2001-\S+, before this cloud's own root certificate starts \(20\S+\)\. Set/,
    },
    { under: ['faketime', '2001-01-01 00:00:00'] },
  )
  await failsPlainly(
    words,
    {
      code: 'ROOT_EXPIRED',
      says: /^birthmark: This cloud's own root certificate ended on 20\S+ and the clock says 2090-/,
    },
    { under: ['faketime', '2090-01-01 00:00:00'] },
  )
  await untilNoProcessNames(folder)

  const after = await startServerCommand(cloud)
  assert.equal(after.ready['secretAccessKey'], undefined)
  await stopsInOrder(after)
})

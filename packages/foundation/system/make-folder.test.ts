import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { makeFolder } from './files.ts'

test('folders are made with those above them, for this user only, and once more without harm', async (context) => {
  const path = join(await scratchFolder(context), 'a', 'b', 'c')
  for (let round = 0; round < 2; round++) assert.equal(makeFolder(path), path)
  assert.equal(statSync(path).mode & 0o777, 0o700)
})

test('a place where no folder can be is refused', async (context) => {
  const file = join(await scratchFolder(context), 'file')
  writeFileSync(file, '')
  const places = [file, join(file, 'below'), ...(process.platform === 'linux' ? ['/proc/no-such-folder/below'] : [])]
  for (const place of places)
    assert.throws(
      () => makeFolder(place),
      (error) => isFault(error),
      place,
    )
})

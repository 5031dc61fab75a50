import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { replaceFile } from './files.ts'

test('a draft that a crash left behind does not lend its mode to a secret', (context) => {
  const path = join(newFolder(context), 'device.key')
  writeFileSync(`${path}.new`, 'half', { mode: 0o644 })
  replaceFile(path, 'secret')
  assert.deepEqual([readFileSync(path, 'utf8'), statSync(path).mode & 0o777], ['secret', 0o600])
})

test('a link in the place of the draft is not followed', (context) => {
  const folder = newFolder(context)
  const path = join(folder, 'device.key')
  const elsewhere = join(folder, 'elsewhere')
  writeFileSync(elsewhere, 'untouched')
  symlinkSync(elsewhere, `${path}.new`)
  replaceFile(path, 'secret')
  assert.deepEqual([readFileSync(path, 'utf8'), readFileSync(elsewhere, 'utf8')], ['secret', 'untouched'])
})

function newFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-files-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

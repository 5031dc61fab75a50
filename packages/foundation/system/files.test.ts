import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileFault, replaceFile, replaceFileInParts } from './files.ts'

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

test('content in parts, empty and long ones too, is there in its order; a fault leaves the old', async (context) => {
  const path = join(newFolder(context), 'list.jsonl')
  const parts = ['', 'née\n', 'a'.repeat(200_000), ...Array.from({ length: 3_000 }, (_, at) => `line ${at} of many\n`)]
  const given = async function* (failsAt = Number.POSITIVE_INFINITY): AsyncGenerator<string> {
    for (const [at, part] of parts.entries()) {
      if (at === failsAt) throw fileFault('DISK_FULL', { path: 'elsewhere' })
      yield part
    }
  }
  await replaceFileInParts(path, given())
  assert.equal(readFileSync(path, 'utf8'), parts.join(''))
  await assert.rejects(replaceFileInParts(path, given(2_000)), { code: 'DISK_FULL' })
  assert.equal(readFileSync(path, 'utf8'), parts.join(''))
  assert.throws(() => statSync(`${path}.new`), { code: 'ENOENT' })
})

function newFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-files-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

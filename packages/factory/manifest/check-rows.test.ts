import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { checkRows } from './check-rows.ts'
import { MANIFEST_LIMITS } from './limits.ts'
import type { RawRow } from './row.ts'
import { listArchive } from './seven-zip.ts'

const RULES = { anchors: [], authorities: [], scrapped: new Set<string>(), now: systemClock.now() }

test('a row too many ends the reading, and is named', async () => {
  async function* endless(): AsyncGenerator<RawRow> {
    for (let row = 1; ; row += 1) yield { row, identities: [], problems: [] }
  }
  let count = 0
  const read = async (): Promise<void> => {
    for await (const row of checkRows('espressif', endless(), { ...RULES, rowsMax: 1000 })) count += row.ok ? 1 : 0
  }
  await assert.rejects(read(), (error) => isFault(error, 'MANIFEST_UNREADABLE') && error.context['row'] === 1001)
  assert.equal(count, 1000)
})

test('a row reports its first problems and no more', async () => {
  const problems = Array.from({ length: 100 }, (_, index) => ({ check: 'form' as const, why: `problem ${index}` }))
  async function* one(): AsyncGenerator<RawRow> {
    yield { row: 1, identities: [], problems }
  }
  for await (const row of checkRows('pem', one(), RULES))
    assert.deepEqual(row.ok || row.problems, problems.slice(0, 20))
})

test('without a 7-Zip program the package to install is named', async () => {
  await assert.rejects(listArchive('archive.7z', ['no-such-program']).next(), (error) => {
    return isFault(error, 'ARCHIVE_PROGRAM_MISSING') && error.remedy.includes('7zip')
  })
})

test('the page on manifests lists every limit with its number', () => {
  const page = readFileSync(new URL('../../../docs/reference/manifest.md', import.meta.url), 'utf8')
  for (const [name, { value, unit, reason }] of Object.entries(MANIFEST_LIMITS)) {
    assert.ok(
      page.includes(`| \`${name}\` | ${value.toLocaleString('en').replaceAll(',', ' ')} ${unit} | ${reason} |`),
      name,
    )
  }
})

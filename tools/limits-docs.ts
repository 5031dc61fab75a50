/**
 * Writes `docs/reference/limits.md` from the table of limits:
 *
 *     node tools/limits-docs.ts --check | --write
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { limitsReference } from '@birthmark/cloud/server'

const FILE = join(import.meta.dirname, '../docs/reference/limits.md')

/** Tells whether the document in the repository is the one that the code would write. */
export function areLimitsUpToDate(): boolean {
  return readFileSync(FILE, 'utf8') === limitsReference()
}

if (import.meta.main) {
  const [mode] = process.argv.slice(2)
  if (mode === '--write') writeFileSync(FILE, limitsReference())
  else if (mode !== '--check') throw new Error('usage: node tools/limits-docs.ts --check | --write')
  else if (!areLimitsUpToDate()) {
    console.error('docs/reference/limits.md is out of date: run node tools/limits-docs.ts --write')
    process.exitCode = 1
  }
}

/** Manifests that somebody made to hurt: read in a process that has hardly any memory. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { MANIFEST_LIMITS } from './limits.ts'

/** Megabytes of heap of the process that reads: less than any of these files has. */
const HEAP_MB = 48
const MEGABYTE = 1_000_000

const HOSTILE: readonly {
  readonly what: string
  readonly format: 'espressif' | 'pem' | 'birthmark'
  readonly parts: () => Iterable<string>
  /** Rows that are reported before the reading ends, and how it ends. */
  readonly rows: number
  readonly says: RegExp
}[] = [
  {
    what: 'more rows than a line ever has',
    format: 'espressif',
    *parts() {
      yield 'MAC,cert\n'
      const rows = Array.from(
        { length: 1000 },
        (_, row) => `aabbccdd${String(row).padStart(4, '0')},nothing in particular\n`,
      )
      for (let sent = 0; sent <= MANIFEST_LIMITS.rows.value; sent += rows.length) yield rows.join('')
    },
    rows: MANIFEST_LIMITS.rows.value,
    says: /^MANIFEST_UNREADABLE .*from row 1000002: it holds more than 1000000 rows/,
  },
  {
    what: 'a quoted field without end',
    format: 'espressif',
    *parts() {
      yield 'MAC,cert\naabbccddeeff,"'
      for (let sent = 0; sent < 100; sent += 1) yield 'x'.repeat(MEGABYTE)
    },
    rows: 0,
    says: /^MANIFEST_UNREADABLE /,
  },
  {
    what: 'a line without end',
    format: 'birthmark',
    *parts() {
      for (let sent = 0; sent < 100; sent += 1) yield '{'.repeat(MEGABYTE)
    },
    rows: 0,
    says: /^MANIFEST_INVALID /,
  },
  {
    what: 'a block without end',
    format: 'pem',
    *parts() {
      yield '-----BEGIN CERTIFICATE-----\n'
      const lines = `${'A'.repeat(64)}\n`.repeat(MEGABYTE / 65)
      for (let sent = 0; sent < 100; sent += 1) yield lines
    },
    rows: 0,
    says: /^MANIFEST_UNREADABLE /,
  },
]

for (const { what, format, parts, rows, says } of HOSTILE) {
  test(`${format}: ${what} is refused with little memory`, async (t) => {
    const path = join(await scratchFolder(t), 'manifest')
    await pipeline(parts(), createWriteStream(path))
    const words = [`--max-old-space-size=${HEAP_MB}`, '--input-type=module', '--eval', READ, path, format]
    const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: import.meta.dirname })
    const [reported, failure] = stdout.split('\n')
    assert.equal(reported, `${rows} rows, 0 good`)
    assert.match(failure ?? '', says)
  })
}

/** Reads a manifest and says how many rows there were, and what ended it. */
const READ = `
  import { readManifest } from '@birthmark/factory/manifest'
  const [, path, format] = process.argv
  let rows = 0
  let good = 0
  let end = 'none'
  try {
    for await (const row of readManifest({ path, format }, { anyIssuer: true, now: Date.now() })) {
      rows += 1
      if (row.ok) good += 1
    }
  } catch (error) {
    end = error.code + ' ' + error.message
  }
  console.log(rows + ' rows, ' + good + ' good')
  console.log(end)
`

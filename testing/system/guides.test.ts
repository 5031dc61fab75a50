/** The guides' commands, as they are written, in an empty folder. Needs Debian's openssl, softhsm2 and opensc. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const GUIDES: readonly { readonly guide: string; readonly says: RegExp }[] = [
  { guide: 'authority', says: /Key Compromise/ },
  { guide: 'manifests', says: /1 rows: 1 devices, 0 rows are wrong/ },
  { guide: 'modules', says: /2 of 2 devices are finished/ },
  { guide: 'line', says: /holds \d+ entries, each as it was written/ },
]
for (const { guide, says } of GUIDES) {
  test(`every command of the guide to the ${guide} does its work`, async (t) => {
    const folder = await scratchFolder(t)
    // `npx birthmark` finds the command by where it is called; here it is called in an empty folder.
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    const command = fileURLToPath(new URL('../../packages/cli/bin/birthmark.js', import.meta.url))
    writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${command}" "$@"\n`)
    chmodSync(join(bin, 'npx'), 0o755)
    const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` }
    const { error, status, stdout, stderr } = spawnSync('sh', ['-eu'], {
      cwd: folder,
      env,
      input: commandsOf(guide),
      encoding: 'utf8',
    })
    assert.equal(error, undefined)
    assert.equal(status, 0, stderr)
    assert.match(stdout + stderr, says)
  })
}

/** Gives the shell commands of a guide, without those that go on until they are stopped. */
function commandsOf(guide: string): string {
  const text = readFileSync(new URL(`../../docs/guides/${guide}.md`, import.meta.url), 'utf8')
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands)
  assert.ok(blocks.length > 2)
  return blocks.filter((commands) => !/ ca (?:status-)?serve /.test(commands)).join('')
}

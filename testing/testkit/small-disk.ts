import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** Why a test on a {@link smallDisk} is left out here, or that it is not. */
export const NO_SMALL_DISK: string | false = process.getuid?.() === 0 ? false : 'only root may mount a small disk'

/** Mounts a disk of 2 MB of memory for one test, which can really be full. Only root may do that. */
export function smallDisk(context: TestContext): string {
  const disk = mkdtempSync(join(tmpdir(), 'birthmark-disk-'))
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  context.after(() => {
    spawnSync('umount', ['--lazy', disk])
    rmSync(disk, { recursive: true, force: true })
  })
  return disk
}

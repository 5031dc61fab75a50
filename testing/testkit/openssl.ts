import { spawnSync } from 'node:child_process'

/**
 * Gives what runs openssl in a folder: words with blanks between them, then whole words. A machine without it fails the
 * test, as does an exit status other than 0.
 */
export function opensslIn(folder: string): (line: string, ...more: readonly string[]) => string {
  return (line, ...more) => {
    const args = [...line.split(' '), ...more]
    const { error, status, stdout, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' })
    if (error !== undefined) throw new Error('this test needs the Debian package openssl', { cause: error })
    if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`)
    return stdout + stderr
  }
}

/** The chip guide's commands, as they are written, in an empty folder. Needs the Debian package openssl. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { scratchFolder } from '../testkit/scratch-folder.ts'

test('every command of the guide to chips does its work, those included that serve', async (t) => {
  const folder = await scratchFolder(t)
  const env = withNpx(folder)
  const said: string[] = []
  let server: Server | undefined
  for (const block of blocks()) {
    if (block.includes(' chip serve ')) {
      await server?.stop()
      server = await Server.start(t, block, folder, env)
      continue
    }
    const { error, status, stdout, stderr } = spawnSync('sh', ['-eu'], {
      cwd: folder,
      env,
      input: block,
      encoding: 'utf8',
      timeout: HANG_MS,
      killSignal: 'SIGKILL',
    })
    assert.equal(error, undefined, block)
    assert.equal(status, 0, `${block}\n${stderr}`)
    said.push(stdout, stderr)
  }
  await server?.stop()
  assert.match(said.join(''), /subject=CN ?= ?meter-1/)
  assert.match(said.join(''), /Verified OK/)
  assert.match(said.join(''), /The signature is right\./)
  assert.match(said.join(''), /^6d657465722d31$/m)
})

/** A command that serves until it is stopped, in a process group of its own. */
class Server {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.once('close', resolve)
    })
  }

  /** Starts the block, whose last command serves, and waits until it says how to stop it. */
  static async start(t: TestContext, block: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Server> {
    const child = spawn('sh', ['-eu', '-c', block], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const server = new Server(child)
    t.after(() => server.stop())
    const patience = setTimeout(() => server.#signal('SIGKILL'), HANG_MS)
    await new Promise<void>((resolve, reject) => {
      let said = ''
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (said.includes('Stop with Ctrl-C.')) resolve()
      })
      child.once('close', (status) => reject(new Error(`it ended with ${status}: ${said}`)))
    })
    clearTimeout(patience)
    return server
  }

  /** As Ctrl-C does: every process of the group hears it. */
  async stop(): Promise<void> {
    this.#signal('SIGINT')
    const patience = setTimeout(() => this.#signal('SIGKILL'), HANG_MS)
    await this.#ended
    clearTimeout(patience)
  }

  #signal(name: NodeJS.Signals): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, name)
    } catch {
      // The whole group has ended already.
    }
  }
}

/** Gives the guide's shell blocks, in order. */
function blocks(): string[] {
  const text = readFileSync(new URL('../../docs/guides/chip.md', import.meta.url), 'utf8')
  const found = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands)
  assert.ok(found.length >= 10)
  assert.equal(found.filter((block) => block.includes(' chip serve ')).length, 3)
  return found
}

/** `npx birthmark` finds the command by where it is called; here it is called in an empty folder. */
function withNpx(folder: string): NodeJS.ProcessEnv {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const command = fileURLToPath(new URL('../../packages/cli/bin/birthmark.js', import.meta.url))
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${command}" "$@"\n`)
  chmodSync(join(bin, 'npx'), 0o755)
  return { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` }
}

/** A command that has not ended by then hangs; each needs a second or two. */
const HANG_MS = 120_000

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

/** Runs the commands of README.md as they stand, in their order, in an empty folder. */

const repository = join(import.meta.dirname, '../..')
const readme = readFileSync(join(repository, 'README.md'), 'utf8')
const [start, tourInstall, ...rest] = blocks('sh')
const [shown = ''] = blocks('text')

let folder: string
let demo: ChildProcess
let said = ''

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'birthmark-readme-'))
  // What `npx birthmark` finds in a clone after `make`.
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  demo = spawn('sh', ['-c', `exec ${tourInstall ?? ''}`], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  await until(demo, 'Stop it with Ctrl-C.')
})

after(async () => {
  const ended = new Promise((resolve) => {
    demo.once('close', resolve)
  })
  // As Ctrl-C does: every process of the group hears it, npx, the command and its companions.
  if (demo.pid !== undefined) process.kill(-demo.pid, 'SIGINT')
  await ended
  rmSync(folder, { recursive: true, force: true })
})

test('the two commands are targets of the Makefile', () => {
  const targets = [...readFileSync(join(repository, 'Makefile'), 'utf8').matchAll(/^(\w+):/gm)].map(([, name]) => name)
  for (const command of (start ?? '').trim().split('\n')) assert.ok(targets.includes(command.replace('make ', '')))
})

test('what the README shows is what the demo says', () => {
  const lines = new Set(said.split('\n').map(withoutNumbers))
  const missing = shown.split('\n').filter((line) => !lines.has(withoutNumbers(line)))
  assert.deepEqual(missing, [])
})

test('the tour: the registry answers the AWS CLI', () => {
  const { status, stdout } = run(rest[0])
  assert.equal(status, 0)
  assert.match(stdout, /"thingName": "meter-/)
  assert.match(stdout, /"policyName": "own-topics-only"/)
})

test('the tour: the policy lets one message through and refuses the other', () => {
  const { output } = run(rest[1])
  assert.equal(output.match(/Not authorized/g)?.length, 1)
})

test('the tour: the cloud says why', () => {
  const { status, output } = run(rest[2])
  assert.equal(status, 0)
  assert.match(output, /POLICY_DENIED_PUBLISH/)
})

test('the tour: a device whose certificate is deactivated does not come back', () => {
  assert.equal(run(rest[3]).status, 0)
  assert.match(run(rest[1]).output, /connection was lost/i)
  assert.match(run(rest[2]).output, /CERTIFICATE_INACTIVE/)
})

function run(block: string | undefined): { status: number | null; stdout: string; output: string } {
  assert.ok(block !== undefined)
  const script = `. ./tour/try/environment.sh\n${block}`
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8', timeout: 60_000 })
  return { status, stdout, output: stdout + stderr }
}

/** Gives the fenced blocks of a language, in order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) =>
    text.trim(),
  )
}

/** Names, account numbers and rates differ from run to run. */
function withoutNumbers(line: string): string {
  return line.replaceAll(/\b[0-9a-f]{16,64}\b|\d+(?:\.\d+)?/g, '#')
}

function until(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stderr?.setEncoding('utf8')
    child.stderr?.on('data', (text: string) => {
      said += text
      if (said.includes(words)) resolve()
    })
    child.once('exit', (status) => reject(new Error(`the demo ended with ${status}: ${said}`)))
  })
}

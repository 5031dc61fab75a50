import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const BIRTHMARK = fileURLToPath(new URL('../../packages/cli/bin/birthmark.js', import.meta.url))

/** Words after `birthmark server` that take any free port. */
export const ANY_PORTS: readonly string[] = [
  '--mqtt-port',
  '0',
  '--https-port',
  '0',
  '--control-port',
  '0',
  '--control-http-port',
  '0',
]

/** How to run the command otherwise than plainly. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly uid?: number
  /** A program and its words that run the command, `faketime` for example. */
  readonly under?: readonly string[]
}

/** What a command that has ended left. */
export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The real command as a child process. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves with what matched, once either output says it; rejects when the command ends before. */
  said(pattern: RegExp): Promise<RegExpExecArray>
}

/** Starts the command. */
export function startBirthmark(words: readonly string[], options: RunOptions = {}): Running {
  const [program = '', ...args] = [...(options.under ?? []), process.execPath, BIRTHMARK, ...words]
  const child = spawn(program, args, {
    cwd: REPOSITORY,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve({ status, stdout, stderr }))
  })
  const said = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(stdout) ?? pattern.exec(stderr)
        if (found !== null) resolve(found)
      }
      child.stdout.on('data', look)
      child.stderr.on('data', look)
      look()
      void ended.then(() => reject(new Error(`the command ended without saying ${pattern}: ${stdout}${stderr}`)))
    })
  return { child, ended, said }
}

/** Runs the command to its end. */
export function runBirthmark(words: readonly string[], options?: RunOptions): Promise<Ended> {
  return startBirthmark(words, options).ended
}

/** A cloud as `birthmark server --json` told it. */
export interface RunningServer extends Running {
  readonly ready: Readonly<Record<string, string>>
}

/** Starts `birthmark server` on a data directory and waits until it is ready. */
export async function startServerCommand(folder: string, options?: RunOptions): Promise<RunningServer> {
  const server = startBirthmark(['server', '--data', folder, ...ANY_PORTS, '--json'], options)
  const [line] = await server.said(/^\{"ready":true.*\}$/m)
  return { ...server, ready: JSON.parse(line) }
}

/** Asks a command to stop and asserts that it did so in order. */
export async function stopsInOrder(running: Running): Promise<Ended> {
  running.child.kill('SIGTERM')
  const end = await running.ended
  assert.equal(end.status, 0, end.stderr)
  return end
}

/** A failure that a person can do something about: its code, and all of what is said to people, as a pattern. */
export interface ExpectedFailure {
  readonly code: string
  readonly says: RegExp
}

/**
 * Asserts that the command fails as a good command does: exit status 1, one line with what is wrong and what to do as
 * the last on standard error, the same as a document with `--json`, no stack unless `--trace` asks for it.
 */
export async function failsPlainly(
  words: readonly string[],
  { code, says }: ExpectedFailure,
  options?: RunOptions,
): Promise<void> {
  const plain = await runBirthmark(words, options)
  assert.equal(plain.status, 1, plain.stderr)
  assert.equal(plain.stdout, '')
  assert.doesNotMatch(plain.stderr, STACK_LINE)
  const line = plain.stderr.trimEnd().split('\n').at(-1) ?? ''
  assert.match(line, says)
  assert.match(line, /^birthmark: \S.*[.] [A-Z].*\.$/)

  const json = await runBirthmark([...words, '--json', '--trace'], options)
  assert.equal(json.status, 1, json.stderr)
  const { error } = JSON.parse(json.stdout)
  assert.equal(error.code, code)
  assert.equal(`${error.message}. ${error.remedy}`.toLowerCase().includes('{'), false, 'a placeholder was not filled')
  assert.match(json.stderr, STACK_LINE)
}

const STACK_LINE = /^ {4}at /m

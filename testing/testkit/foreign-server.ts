import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { TestContext } from 'node:test'

/** A server that we did not write, running for one test. */
export interface ForeignServer {
  /** What it printed so far, on both outputs. */
  readonly output: string
  /** Waits until its output matches; fails when it ends before. */
  says(pattern: RegExp): Promise<RegExpMatchArray>
  /** Types a line into it. */
  type(line: string): void
  kill(): void
}

/** Starts a program and stops it when the test ends. A program that is not installed fails the test by name. */
export function startForeignServer(
  context: TestContext,
  program: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ForeignServer {
  const env = { ...process.env, ...environment }
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(program, words, { stdio: 'pipe', env })
  let output = ''
  let ended: string | undefined
  let look = (): void => undefined
  const heard = (text: string): void => {
    output += text
    look()
  }
  const end = (why: string): void => {
    ended ??= why
    look()
  }
  child.stdout.setEncoding('utf8').on('data', heard)
  child.stderr.setEncoding('utf8').on('data', heard)
  child.on('error', (error) => end(`cannot start ${program}, is its Debian package installed? ${error.message}`))
  child.on('close', (status) => end(`${program} ended with status ${status} and said:\n${output}`))
  child.stdin.on('error', () => undefined)
  context.after(() => child.kill('SIGKILL'))
  return {
    get output() {
      return output
    },
    says: (pattern) =>
      new Promise((resolve, reject) => {
        look = () => {
          const match = output.match(pattern)
          if (match !== null) resolve(match)
          else if (ended !== undefined) reject(new Error(ended))
        }
        look()
      }),
    type: (line) => child.stdin.write(`${line}\n`),
    kill: () => child.kill('SIGKILL'),
  }
}

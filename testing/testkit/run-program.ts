import { spawn } from 'node:child_process'

/** How a program ended, and what it said. */
export interface Done {
  /** `null` when it was killed. */
  readonly status: number | null
  /** Both outputs, in the order in which they came. */
  readonly output: string
}

/**
 * Runs a program that we did not write to its end.
 *
 * @param input What it reads; its input then ends.
 * @throws a plain error when it is not installed, or has not ended after {@link HANG_MS}
 */
export function runProgram(program: string, words: readonly string[], input: Uint8Array | string = ''): Promise<Done> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: 'pipe', timeout: HANG_MS, killSignal: 'SIGKILL' })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
    // It may end before it has read everything.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    child.on('error', (error) => reject(new Error(`cannot start ${program}, is it installed? ${error.message}`)))
    child.on('close', (status, signal) => {
      if (signal === 'SIGKILL') reject(new Error(`${program} ${words.join(' ')} did not end and said:\n${output}`))
      else resolve({ status, output })
    })
  })
}

/** A program that has not ended by then hangs; the slowest packs two gigabytes, half a minute on a busy machine. */
const HANG_MS = 150_000

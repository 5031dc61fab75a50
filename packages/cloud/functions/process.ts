import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Cancel, type Clock, type Millis, messageOf, millis, type Timers } from '@birthmark/foundation/kernel'
import type { Invocation } from './invocation.ts'

/** How the process of a function is started. */
export interface ProcessStart {
  readonly name: string
  readonly modulePath: string
  readonly handler: string
  readonly memoryMb: number
  readonly environment: Readonly<Record<string, string>>
  /** Hears each line that the function writes. */
  readonly onOutput: (line: string) => void
  readonly timers: Timers
  readonly clock: Clock
}

/** One process that runs one function, one invocation at a time. */
export class FunctionProcess {
  readonly #child: ChildProcess
  readonly #timers: Timers
  readonly #clock: Clock
  #finish: ((result: Invocation) => void) | undefined
  #next = 0
  #hasEnded = false

  constructor(start: ProcessStart) {
    this.#timers = start.timers
    this.#clock = start.clock
    const memory = String(start.memoryMb)
    const words = [
      `--max-old-space-size=${start.memoryMb}`,
      WORKER,
      start.modulePath,
      start.handler,
      start.name,
      memory,
    ]
    // No environment of ours, no standard input, nothing inherited.
    this.#child = spawn(process.execPath, words, {
      env: { ...start.environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'json',
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) readLines(stream, start.onOutput)
    this.#child.on('message', (message) => this.#answer(message))
    this.#child.on('error', (error) => this.#end(messageOf(error)))
    this.#child.on('exit', (code, signal) => this.#end(`its process ended with ${signal ?? `status ${code}`}`))
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Runs the handler; a handler that takes longer than `limit` is killed with its process. Never rejects. */
  invoke(event: unknown, arn: string, requestId: string, limit: Millis): Promise<Invocation> {
    return new Promise((resolve) => {
      if (this.#hasEnded) return resolve({ outcome: 'failed', why: 'its process has ended' })
      const cancel: Cancel = this.#timers.after(limit, () => {
        this.#settle({ outcome: 'slow' })
        this.kill()
      })
      this.#finish = (result) => {
        cancel()
        resolve(result)
      }
      this.#next += 1
      const deadline = this.#clock.now() + limit
      const call = { id: this.#next, event, arn, requestId, deadline }
      this.#child.send(call, (error) => error && this.#end(messageOf(error)))
    })
  }

  /** Ends the process, whatever it does. */
  kill(): void {
    this.#hasEnded = true
    this.#child.kill('SIGKILL')
  }

  #answer(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('id' in message) || message.id !== this.#next) return
    if ('error' in message) return this.#settle({ outcome: 'failed', why: String(message.error) })
    const text = 'answer' in message && typeof message.answer === 'string' ? message.answer : 'null'
    this.#settle(readAnswer(text))
  }

  #end(why: string): void {
    this.#hasEnded = true
    this.#settle({ outcome: 'failed', why })
  }

  #settle(result: Invocation): void {
    const finish = this.#finish
    this.#finish = undefined
    finish?.(result)
  }
}

/** The function itself may have written it: it is a stranger's text. */
function readAnswer(text: string): Invocation {
  try {
    return { outcome: 'answered', answer: JSON.parse(text) }
  } catch {
    return { outcome: 'failed', why: 'its answer is not JSON' }
  }
}

function readLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
  let rest = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = (lines.pop() ?? '').slice(0, LINE_CHARACTERS_MAX)
    for (const line of lines) if (line !== '') onLine(line.slice(0, LINE_CHARACTERS_MAX))
  })
}

/** How long a process without work is kept: the next invocation then starts at once. */
export const IDLE_TIME: Millis = millis(60_000)
/** Longest line of a function's output that is kept, in characters. */
const LINE_CHARACTERS_MAX = 2000
const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))

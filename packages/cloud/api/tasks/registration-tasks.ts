import { createReadStream, statSync } from 'node:fs'
import { appendFile, open, readFile, rm, truncate } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { createInterface } from 'node:readline'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import { type Clock, type Entropy, type Log, messageOf, toHex } from '@birthmark/foundation/kernel'
import { makeFolder } from '@birthmark/foundation/system'
import { exceptionOf } from '../errors.ts'
import { AwsException } from '../exceptions.ts'
import { registerThing } from '../register-thing.ts'
import { isUnderWay, type RegistrationTask, type ReportPart, readTask, type TaskRunner, writeTask } from './task.ts'

/** What bulk registration works on and with. */
export interface RegistrationTasksOptions {
  readonly registry: Registry
  readonly certificateProvider: CertificateProvider
  /** Input files lie in `buckets/<bucket>/<key>` of this folder, reports in `reports`. */
  readonly folder: string
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
}

/** Runs bulk registration tasks: one line of the input after the other, durable in steps, resumed after a crash. */
export class RegistrationTasks implements TaskRunner {
  readonly #options: RegistrationTasksOptions
  readonly #running = new Map<string, Promise<void>>()
  #isClosed = false

  constructor(options: RegistrationTasksOptions) {
    this.#options = options
  }

  /** Goes on with the tasks that a stop or a crash interrupted. @throws faults of the registry */
  async resume(): Promise<void> {
    for (const { scope } of await this.#options.registry.openScopes()) {
      for (const { body } of await this.#options.registry.in(scope).provisioning.documents('registration-task')) {
        const task = readTask(body)
        if (isUnderWay(task)) this.start(scope, task)
      }
    }
  }

  /** Begins or goes on with a task that is kept. */
  start(scope: Scope, task: RegistrationTask): void {
    const run = this.#run(scope, task).finally(() => this.#running.delete(task.taskId))
    this.#running.set(task.taskId, run)
  }

  /** Gives a part of a report to whoever has its token; `undefined` when there is none. */
  async report(token: string): Promise<Uint8Array | undefined> {
    if (!/^[0-9a-f]{64}$/.test(token)) return undefined
    return readFile(this.#reportPath(token)).catch(() => undefined)
  }

  /** Removes the reports of a task. */
  async forget({ results, errors }: RegistrationTask): Promise<void> {
    for (const { token } of [...results, ...errors]) await rm(this.#reportPath(token), { force: true })
  }

  /** Stops after the lines that are at work; the next start goes on. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#running.values())
  }

  async #run(scope: Scope, first: RegistrationTask): Promise<void> {
    let task = first
    try {
      const path = this.#inputPath(task)
      task = { ...task, size: statSync(path).size }
      for (const part of [...task.results, ...task.errors]) await truncate(this.#reportPath(part.token), part.bytes)
      let chunk: string[] = []
      for await (const line of linesFrom(path, task.bytes)) {
        chunk.push(line)
        if (chunk.length < CHUNK_LINES) continue
        task = await this.#work(scope, task, chunk)
        chunk = []
        if (this.#isClosed || task.status !== 'InProgress') break
      }
      if (!this.#isClosed && task.status === 'InProgress') {
        if (chunk.length > 0) task = await this.#work(scope, task, chunk)
        if (task.status === 'InProgress') task = { ...task, status: 'Completed' }
      }
      if (this.#isClosed && task.status === 'InProgress') return
      await this.#keep(scope, { ...task, status: task.status === 'Cancelling' ? 'Cancelled' : task.status })
    } catch (error) {
      this.#options.log.write('error', 'task.failed', { taskId: task.taskId, why: messageOf(error) })
      const failed = { ...task, status: 'Failed', message: messageOf(error) } as const
      await this.#keep(scope, failed).catch(() => undefined)
    }
  }

  /** Registers some lines, writes what came of each into the reports, and keeps how far the task has come. */
  async #work(scope: Scope, task: RegistrationTask, lines: readonly string[]): Promise<RegistrationTask> {
    const wanted = lines.map((line, index) => ({ line, lineNumber: task.lines + index + 1 }))
    const done = await Promise.all(wanted.map(({ line, lineNumber }) => this.#register(scope, task, line, lineNumber)))
    const told = done.filter((one) => one !== undefined)
    const results = await this.#append(
      task.results,
      told.filter(({ ok }) => ok),
    )
    const errors = await this.#append(
      task.errors,
      told.filter(({ ok }) => !ok),
    )
    const next: RegistrationTask = {
      ...task,
      lines: task.lines + lines.length,
      bytes: task.bytes + lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0),
      successes: task.successes + told.filter(({ ok }) => ok).length,
      failures: task.failures + told.filter(({ ok }) => !ok).length,
      results,
      errors,
    }
    return this.#keep(scope, next)
  }

  async #register(
    scope: Scope,
    { templateBody }: RegistrationTask,
    line: string,
    lineNumber: number,
  ): Promise<{ readonly ok: boolean; readonly text: string } | undefined> {
    if (line.trim() === '') return undefined
    try {
      const { clock, entropy, certificateProvider, registry } = this.#options
      const call = { registry: registry.in(scope), certificateProvider, now: clock.now(), entropy }
      const { certificatePem, resourceArns } = await registerThing(templateBody, parametersOf(line), call)
      const response = { CertificatePem: certificatePem, ResourceArns: resourceArns }
      return { ok: true, text: JSON.stringify({ lineNumber, response }) }
    } catch (error) {
      const { name, message } = exceptionOf(error)
      return {
        ok: false,
        text: JSON.stringify({ lineNumber, errorCode: name, errorMessage: message, offendingLine: line }),
      }
    }
  }

  /** Appends to the last part of a report, or to a new one when that is long enough. */
  async #append(
    parts: readonly ReportPart[],
    lines: readonly { readonly text: string }[],
  ): Promise<readonly ReportPart[]> {
    if (lines.length === 0) return parts
    const content = Buffer.from(lines.map(({ text }) => `${text}\n`).join(''))
    const last = parts.at(-1)
    const isFull = last === undefined || last.bytes >= PART_BYTES
    const part = isFull ? { token: toHex(this.#options.entropy.bytes(32)), bytes: 0 } : last
    makeFolder(join(this.#options.folder, 'reports'))
    await appendFile(this.#reportPath(part.token), content, { mode: 0o600 })
    const file = await open(this.#reportPath(part.token), 'r+')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
    return [...(isFull ? parts : parts.slice(0, -1)), { token: part.token, bytes: part.bytes + content.length }]
  }

  /** Keeps a task, and gives it as it is then: somebody may have cancelled it. */
  async #keep(scope: Scope, task: RegistrationTask): Promise<RegistrationTask> {
    const registry = this.#options.registry.in(scope)
    const kept = await registry.provisioning.document('registration-task', task.taskId)
    const isCancelled = kept !== undefined && readTask(kept.body).status === 'Cancelling'
    const status = isCancelled && task.status === 'InProgress' ? 'Cancelling' : task.status
    const next = { ...task, status, modifiedAt: this.#options.clock.now() }
    const body = writeTask(next)
    await registry.commit([{ do: 'replace-document', kind: 'registration-task', name: task.taskId, body }])
    return next
  }

  /** A bucket is a folder, a key a path below it; neither leads out of there. */
  #inputPath({ inputFileBucket, inputFileKey }: RegistrationTask): string {
    const bucket = resolve(this.#options.folder, 'buckets', inputFileBucket)
    const path = resolve(bucket, inputFileKey)
    const isInside = bucket.startsWith(resolve(this.#options.folder, 'buckets') + sep) && path.startsWith(bucket + sep)
    if (!isInside) throw new RangeError('the bucket or the key leads out of the folder of buckets')
    return path
  }

  #reportPath(token: string): string {
    return join(this.#options.folder, 'reports', `${token}.jsonl`)
  }
}

function linesFrom(path: string, start: number): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path, { start }), crlfDelay: Infinity })
}

/** @throws a plain error for a line that is no object of texts */
function parametersOf(line: string): ReadonlyMap<string, string> {
  if (line.length > LINE_CHARACTERS_MAX) throw new AwsException('InvalidRequestException', 'The line is too long.')
  const parameters = new Map<string, string>()
  for (const [name, value] of Object.entries(parsed(line))) {
    if (typeof value !== 'string') {
      throw new AwsException('InvalidRequestException', `The value of ${name.slice(0, 60)} must be a text.`)
    }
    parameters.set(name, value)
  }
  return parameters
}

function parsed(line: string): object {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // Said below.
  }
  throw new AwsException('InvalidRequestException', 'The line is no JSON object.')
}

/** Lines that are registered at once and kept together: their commits share the disk's time. */
const CHUNK_LINES = 50
/** A part of a report that has so many bytes is not added to: a link gives a file that is read at once. */
const PART_BYTES = 8_388_608
/** Longest line of an input (AWS IoT API, StartThingRegistrationTask: 256,000). */
const LINE_CHARACTERS_MAX = 256_000

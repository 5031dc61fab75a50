import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { AccessKeyRecord, Registry, Scope } from '@birthmark/cloud/registry'
import {
  type Cancel,
  type Clock,
  type Log,
  type Millis,
  messageOf,
  millis,
  type Timers,
} from '@birthmark/foundation/kernel'
import { makeFolder, replaceFile } from '@birthmark/foundation/system'
import { type FunctionDefinition, parseFunction } from './function.ts'
import { functionArn, functionNameOf } from './function-arn.ts'
import type { Invocation } from './invocation.ts'
import { invokeUrl } from './invoke-url.ts'
import { FunctionProcess, IDLE_TIME } from './process.ts'

/** What functions run in. */
export interface FunctionWorld {
  readonly registry: Registry
  /** Where modules are written to, so that a process can load them. */
  readonly folder: string
  /** Gives the control plane's address: functions call it, not AWS. */
  readonly endpointUrl: () => string
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** Runs the functions that are registered, each in processes of its own that wait a while for more work. */
export class FunctionRunner {
  readonly #world: FunctionWorld
  readonly #pools = new Map<string, Pool>()
  readonly #unsubscribe: () => void

  constructor(world: FunctionWorld) {
    this.#world = world
    // A function that was changed or deleted runs no more as it was.
    this.#unsubscribe = world.registry.onCommit((scope, changes) => {
      for (const change of changes) {
        const isFunction = change.do === 'replace-document' || change.do === 'delete-document'
        if (isFunction && change.kind === 'function') this.#drop(keyOf(scope, change.name))
      }
    })
  }

  /**
   * Runs the function with an ARN, which has `limit` to answer besides its own; never rejects.
   *
   * @param blank Takes what is secret of the event out of what is told and logged of a failure.
   */
  async invoke(
    scope: Scope,
    arn: string,
    event: unknown,
    limit: Millis = NO_LIMIT,
    blank: (text: string) => string = (text) => text,
  ): Promise<Invocation> {
    try {
      const name = functionNameOf(arn, scope)
      if (name === undefined) return { outcome: 'failed', why: `${arn} is no function of this account and region` }
      const document = await this.#world.registry.in(scope).provisioning.document('function', name)
      if (document === undefined) return { outcome: 'failed', why: `function ${name} does not exist` }
      const definition = parseFunction(JSON.parse(document.body))
      const time = millis(Math.min(limit, definition.timeoutMs))
      const { code } = definition
      const ended =
        code.kind === 'url'
          ? await invokeUrl(code.url, name, event, time)
          : await this.#poolOf(scope, definition).run(event, time)
      const result = ended.outcome === 'failed' ? { ...ended, why: blank(ended.why) } : ended
      this.#note(name, result)
      return result
    } catch (error) {
      return { outcome: 'failed', why: blank(messageOf(error)) }
    }
  }

  /** Ends every process. */
  close(): void {
    this.#unsubscribe()
    for (const key of this.#pools.keys()) this.#drop(key)
  }

  #poolOf(scope: Scope, definition: FunctionDefinition): Pool {
    const key = keyOf(scope, definition.name)
    let pool = this.#pools.get(key)
    if (pool === undefined) {
      pool = new Pool(scope, definition, this.#world)
      this.#pools.set(key, pool)
    }
    return pool
  }

  #drop(key: string): void {
    this.#pools.get(key)?.close()
    this.#pools.delete(key)
  }

  #note(name: string, result: Invocation): void {
    const why = result.outcome === 'failed' ? { why: result.why } : {}
    const level = result.outcome === 'answered' ? 'info' : 'warn'
    this.#world.log.write(level, 'function.invoked', { function: name, outcome: result.outcome, ...why })
  }
}

/** The processes of one function. */
class Pool {
  readonly #scope: Scope
  readonly #definition: FunctionDefinition
  readonly #world: FunctionWorld
  readonly #idle: { readonly process: FunctionProcess; readonly cancel: Cancel }[] = []
  readonly #all = new Set<FunctionProcess>()
  readonly #waiting: (() => void)[] = []
  #start: Promise<() => FunctionProcess> | undefined

  constructor(scope: Scope, definition: FunctionDefinition, world: FunctionWorld) {
    this.#scope = scope
    this.#definition = definition
    this.#world = world
  }

  /** Waiting for a process counts as the function's time. */
  async run(event: unknown, limit: Millis): Promise<Invocation> {
    const begun = this.#world.clock.now()
    if (this.#waiting.length >= WAITING_MAX) return { outcome: 'failed', why: 'too many invocations wait for it' }
    const process = await this.#takeWithin(limit)
    if (process === undefined) return { outcome: 'slow' }
    const left = millis(Math.max(0, begun + limit - this.#world.clock.now()))
    const arn = functionArn(this.#scope, this.#definition.name)
    const result = await process.invoke(event, arn, randomUUID(), left)
    this.#giveBack(process)
    return result
  }

  close(): void {
    for (const { cancel } of this.#idle.splice(0)) cancel()
    for (const process of this.#all) process.kill()
    this.#all.clear()
    this.#wake()
  }

  /** Gives a process, or nothing when none became free in time; one that comes too late serves the next. */
  #takeWithin(limit: Millis): Promise<FunctionProcess | undefined> {
    return new Promise((resolve, reject) => {
      let isLate = false
      const cancel = this.#world.timers.after(limit, () => {
        isLate = true
        resolve(undefined)
      })
      this.#take().then((process) => {
        cancel()
        if (isLate) this.#giveBack(process)
        else resolve(process)
      }, reject)
    })
  }

  async #take(): Promise<FunctionProcess> {
    const start = await (this.#start ??= this.#prepare())
    for (;;) {
      const idle = this.#idle.pop()
      idle?.cancel()
      if (idle !== undefined && !idle.process.hasEnded) return idle.process
      if (idle === undefined && this.#all.size < PROCESSES_MAX) {
        const process = start()
        this.#all.add(process)
        return process
      }
      if (idle === undefined) await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    }
  }

  #giveBack(process: FunctionProcess): void {
    if (process.hasEnded) this.#all.delete(process)
    else {
      const end = (): void => {
        this.#all.delete(process)
        process.kill()
      }
      this.#idle.push({ process, cancel: this.#world.timers.after(IDLE_TIME, end, { background: true }) })
    }
    this.#wake()
  }

  #wake(): void {
    this.#waiting.shift()?.()
  }

  async #prepare(): Promise<() => FunctionProcess> {
    const { code, name, memoryMb, accessKeyId } = this.#definition
    if (code.kind !== 'module') throw new TypeError('an endpoint has no process')
    const { account, region } = this.#scope
    const folder = makeFolder(join(this.#world.folder, account, region, name))
    const modulePath = join(folder, code.file)
    replaceFile(modulePath, code.source)
    const key = accessKeyId === undefined ? undefined : await this.#world.registry.accessKey(accessKeyId)
    const environment = this.#environment(folder, code, key?.key)
    const onOutput = (line: string): void => this.#world.log.write('info', 'function.output', { function: name, line })
    const { timers, clock } = this.#world
    const start = { name, modulePath, handler: code.handler, memoryMb, environment, onOutput, timers, clock }
    return () => new FunctionProcess(start)
  }

  /** What AWS Lambda sets, with this server in the place of AWS. */
  #environment(folder: string, code: ModuleCode, key: AccessKeyRecord | undefined): Readonly<Record<string, string>> {
    const { name, memoryMb } = this.#definition
    const { region } = this.#scope
    return {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      TZ: 'UTC',
      HOME: folder,
      LAMBDA_TASK_ROOT: folder,
      _HANDLER: `${code.file.replace(/\.[^.]+$/, '')}.${code.handler}`,
      AWS_EXECUTION_ENV: `AWS_Lambda_nodejs${process.versions.node.split('.')[0]}.x`,
      AWS_LAMBDA_FUNCTION_NAME: name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ENDPOINT_URL: this.#world.endpointUrl(),
      ...(key && { AWS_ACCESS_KEY_ID: key.id, AWS_SECRET_ACCESS_KEY: key.secret }),
    }
  }
}

type ModuleCode = Extract<FunctionDefinition['code'], { readonly kind: 'module' }>

function keyOf({ account, region }: Scope, name: string): string {
  return `${account}/${region}/${name}`
}

/** Processes of one function at once, about 50 MB each. At the limit invocations wait, on their own time. */
const PROCESSES_MAX = 4
/** Invocations of one function that wait for a process. At the limit: failed, as AWS Lambda throttles. */
const WAITING_MAX = 1000
/** The function's own time is the limit. */
const NO_LIMIT = millis(900_000)

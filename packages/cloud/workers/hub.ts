import { type ChildProcess, spawn } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { Duplex } from 'node:stream'
import type { Attempt, AttemptFilter, Endpoints } from '@birthmark/cloud/front'
import type { Change, Registry, Scope } from '@birthmark/cloud/registry'
import { type Cancel, type Log, type Millis, messageOf, seconds, type Timers } from '@birthmark/foundation/kernel'
import type { HubCalls, WorkerCalls } from './calls.ts'
import { Channel } from './channel.ts'
import { workerFault } from './faults.ts'
import { type HubParts, WorkerDesk } from './hub-side.ts'

/** What the main process of a server with workers is told. */
export interface HubOptions<Start> {
  /** How many processes. */
  readonly count: number
  /** The program of a worker: a module's path. */
  readonly entry: string
  /** What a worker is told as it starts, as things are then. */
  readonly start: () => Start
  readonly timers: Timers
  readonly log: Log
}

/** The workers of a server: started, told of what concerns all of them, started again when they die. */
export class Hub<Start> {
  readonly #options: HubOptions<Start>
  readonly #parts: HubParts
  readonly #running = new Map<number, Running<Start>>()
  readonly #waits = new Set<Cancel>()
  readonly #stopFollowing: () => void
  #isClosing = false

  constructor(options: HubOptions<Start>, parts: HubParts & { readonly registry: Pick<Registry, 'onCommit'> }) {
    this.#options = options
    this.#parts = parts
    this.#stopFollowing = parts.registry.onCommit((scope, changes) => this.#committed(scope, changes))
    parts.buses.whenMade((bus, scope) => {
      for (const { desk } of this.#running.values()) desk.seatAt(bus, scope)
    })
  }

  /**
   * Starts the workers.
   *
   * @throws `WORKER_DID_NOT_START` (operator)
   */
  async open(): Promise<void> {
    const numbers = Array.from({ length: this.#options.count }, (_, index) => index + 1)
    await Promise.all(numbers.map((number) => this.#start(number, FIRST_WAIT)))
  }

  /** How many workers serve devices. */
  get size(): number {
    return [...this.#running.values()].filter(({ desk }) => desk.isServing).length
  }

  exchangeEndpoints(endpoints: Endpoints): void {
    for (const { channel } of this.#running.values()) channel.tell('exchangeEndpoints', endpoints)
  }

  /** Gives the attempts of all workers, newest first. */
  async attempts(filter: AttemptFilter): Promise<readonly Attempt[]> {
    const serving = [...this.#running.values()].filter(({ desk }) => desk.isServing)
    const asked = serving.map(({ channel }) => channel.ask('attempts', filter))
    const lists = await Promise.allSettled(asked)
    const found = lists.flatMap((list) => (list.status === 'fulfilled' ? list.value : []))
    const kept = this.#parts.attemptKeeper?.list({ ...filter, limit: (filter.limit ?? 0) + found.length }) ?? []
    const all = [...new Map([...kept, ...found].map((attempt) => [attempt.id, attempt])).values()]
    return all.toSorted((one, other) => other.startedAt - one.startedAt).slice(0, filter.limit ?? all.length)
  }

  /** Ends the connection of a client, wherever it is. @returns whether there was one */
  async endConnection(scope: Scope, clientId: string, withoutWill: boolean): Promise<boolean> {
    const desk = this.#parts.roster.workerOf(scope, clientId)
    const running = [...this.#running.values()].find((each) => each.desk === desk)
    if (running === undefined) return false
    return running.channel.ask('endConnection', scope, clientId, withoutWill)
  }

  /** Ends every connection in order, then the workers. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const cancel of this.#waits) cancel()
    await Promise.all(Array.from(this.#running.values(), (running) => this.#stop(running)))
    this.#stopFollowing()
  }

  async #stop({ channel, child, ended }: Running<Start>): Promise<void> {
    const cancel = this.#options.timers.after(STOP_MAX, () => child.kill('SIGKILL'))
    await channel.ask('stop').catch(() => undefined)
    channel.close()
    await ended
    cancel()
  }

  /** @param wait How long after its end the worker is started again, if it does not serve for a while. */
  async #start(number: number, wait: Millis): Promise<void> {
    const { log, timers } = this.#options
    const running = this.#spawn(number)
    const { channel, child, ended } = running
    const cancelStart = timers.after(START_MAX, () => child.kill('SIGKILL'))
    // It knows of every subscription when it begins to listen, and from here on of every commit.
    const started = channel.ask('start', this.#options.start())
    for (const { bus, scope } of this.#parts.buses.all()) running.desk.seatAt(bus, scope)
    try {
      await started
      cancelStart()
    } catch (error) {
      cancelStart()
      child.kill('SIGKILL')
      throw workerFault('WORKER_DID_NOT_START', { number, why: `${messageOf(error)} (${await ended})` }, error)
    }
    log.write('info', 'server.worker-ready', { number, pid: child.pid })
    const cancelWatch = this.#watch(running)
    let next = wait
    const cancelReset = timers.after(LAST_WAIT, () => (next = FIRST_WAIT), { background: true })
    void ended.then((why) => {
      cancelWatch()
      cancelReset()
      if (this.#isClosing) return
      log.write('error', 'server.worker-ended', { number, pid: child.pid, why })
      this.#startAgain(number, next)
    })
  }

  #spawn(number: number): Running<Start> {
    const words = [this.#options.entry, getCompileCacheDir() ?? '']
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
    const pipe = child.stdio[3]
    if (!(pipe instanceof Duplex)) throw workerFault('WORKER_DID_NOT_START', { number, why: 'it has no pipe' })
    const desk = new WorkerDesk<Start>(this.#parts)
    const channel = new Channel<WorkerCalls<Start>, HubCalls>(pipe)
    desk.connect(channel)
    const heardAll = Promise.withResolvers<void>()
    channel.serve(desk, () => {
      child.kill('SIGKILL')
      heardAll.resolve()
    })
    const ended = endOf(child).then(async (why) => {
      if (child.pid === undefined) pipe.destroy()
      // The last that it said may be that a client has left in peace.
      await heardAll.promise
      this.#running.delete(number)
      desk.end()
      return why
    })
    const running = { channel, child, desk, ended }
    this.#running.set(number, running)
    return running
  }

  #startAgain(number: number, wait: Millis): void {
    const { log, timers } = this.#options
    const cancel = timers.after(wait, () => {
      this.#waits.delete(cancel)
      const next = longer(wait)
      this.#start(number, next).catch((error: unknown) => {
        log.write('error', 'server.worker-failed', { number, why: messageOf(error) })
        if (!this.#isClosing) this.#startAgain(number, next)
      })
    })
    this.#waits.add(cancel)
  }

  /** Kills a worker whose event loop no longer turns: others wait for its answers. */
  #watch({ channel, child }: Running<Start>): Cancel {
    const { log, timers } = this.#options
    let cancel: Cancel = () => undefined
    const next = (): void => {
      cancel = timers.after(PING_EVERY, ask, { background: true })
    }
    const ask = (): void => {
      cancel = timers.after(SILENCE_MAX, kill, { background: true })
      channel.ask('ping').then(
        () => {
          cancel()
          next()
        },
        () => undefined,
      )
    }
    const kill = (): void => {
      log.write('error', 'server.worker-silent', { pid: child.pid })
      child.kill('SIGKILL')
    }
    next()
    return () => cancel()
  }

  #committed(scope: Scope, changes: readonly Change[]): void {
    for (const { channel } of this.#running.values()) channel.tell('committed', scope, changes)
  }
}

/** A worker's process. */
interface Running<Start> {
  readonly channel: Channel<WorkerCalls<Start>, HubCalls>
  readonly child: ChildProcess
  readonly desk: WorkerDesk<Start>
  /** Resolves with how it ended. */
  readonly ended: Promise<string>
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)))
    child.once('exit', (code, signal) => resolve(signal ?? `status ${code}`))
  })
}

function longer(wait: Millis): Millis {
  return wait * 2 < LAST_WAIT ? seconds((wait * 2) / 1000) : LAST_WAIT
}

/** How long after its end a worker is started again: twice as long each time, up to the last. */
const FIRST_WAIT: Millis = seconds(1)
const LAST_WAIT: Millis = seconds(30)
/** Time that a worker has until it listens: a busy machine takes 10 s to load it. At the limit: it is killed. */
const START_MAX: Millis = seconds(60)
/** How often a worker is asked whether it is there, and how long it may take to say so. */
const PING_EVERY: Millis = seconds(5)
const SILENCE_MAX: Millis = seconds(20)
/** Time that a worker has to end its connections: twice what a client has to take what was written to it. */
const STOP_MAX: Millis = seconds(10)

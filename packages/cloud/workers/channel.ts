import type { Duplex } from 'node:stream'
import type { Message } from '@birthmark/cloud/mqtt'
import type { Scope } from '@birthmark/cloud/registry'
import { workerFault } from './faults.ts'
import { deserializeFrame, FrameReader, FrameWriter } from './frames.ts'
import { MessagePack } from './message-pack.ts'
import { errorOf, type PortableError, portableError } from './portable-error.ts'

/** What one side of a channel serves: functions whose arguments and results V8 can serialise. */
type Calls<Names> = { readonly [Name in keyof Names]: (...args: never[]) => unknown }

/** The functions that take a pack of messages. */
type PackNames<Theirs> = {
  [Name in keyof Theirs & string]: Theirs[Name] extends (scope: Scope, messages: Uint8Array) => void ? Name : never
}[keyof Theirs & string]

/** What travels: a call (its answer is wanted when the id is not 0), or the answer to one. */
type Item =
  | readonly [id: number, name: string, args: readonly unknown[]]
  | readonly [id: number, error: PortableError | null, value: unknown]

/**
 * One end of a connection between the processes of one server. What is told first is heard first, and an answer comes
 * behind everything that was told before it. Arguments are copied at the call. All of one turn of the event loop goes
 * into one frame, so that of what one turn says, all or nothing is heard.
 *
 * The peer is this program itself, on a socket pair that nobody else can open: what it says is taken as it is.
 */
export class Channel<Theirs extends Calls<Theirs>, Ours extends Calls<Ours>> {
  readonly #stream: Duplex
  readonly #writer = new FrameWriter()
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #ours: Ours | undefined
  #onClose: () => void = () => undefined
  #draining: Promise<void> | undefined
  #nextId = 1
  readonly #pack = new MessagePack()
  /** What the messages in the pack are told by. */
  #open: { readonly name: string; readonly scope: Scope } | undefined
  #isScheduled = false
  #isClosed = false

  constructor(stream: Duplex) {
    this.#stream = stream
    stream.on('error', () => undefined)
    stream.on('close', () => this.#end())
    stream.on('end', () => stream.destroy())
  }

  /**
   * Begins to do what the other side asks.
   *
   * @param onClose Called once, when nothing more can be said or heard.
   */
  serve(ours: Ours, onClose: () => void): void {
    this.#ours = ours
    this.#onClose = onClose
    const reader = new FrameReader((frame) => this.#hear(frame))
    this.#stream.on('data', (chunk: Uint8Array) => reader.push(chunk))
  }

  /** Gives what resolves when the other side has caught up; `undefined` while it keeps up. */
  drained(): Promise<void> | undefined {
    if (this.#isClosed || this.#stream.writableLength <= BEHIND_BYTES) return undefined
    this.#draining ??= new Promise((resolve) => {
      const done = (): void => {
        this.#draining = undefined
        resolve()
      }
      this.#stream.once('drain', done)
      this.#stream.once('close', done)
    })
    return this.#draining
  }

  /** Whether so much waits for the other side that what may be lost is not said. */
  get isFull(): boolean {
    return this.#stream.writableLength > FULL_BYTES
  }

  /** Calls a function of the other side and wants no answer. */
  tell<Name extends keyof Theirs & string>(name: Name, ...args: Parameters<Theirs[Name]>): void {
    this.#say([0, name, args])
  }

  /**
   * Tells a message by a function that takes a scope and a pack of messages: those that are told one after the other
   * for one scope come together.
   *
   * @param id By which the other side says that it was taken; 0 when nobody waits for that.
   */
  pack(name: PackNames<Theirs>, scope: Scope, message: Message, id: number): void {
    const open = this.#open
    if (open?.name !== name || open.scope.account !== scope.account || open.scope.region !== scope.region) {
      this.#closePack()
      this.#open = { name, scope }
    }
    this.#pack.add(message, id)
    this.#schedule()
  }

  /**
   * Calls a function of the other side.
   *
   * @throws (rejects) what the function threw; `CHANNEL_CLOSED` when the other process is gone
   */
  ask<Name extends keyof Theirs & string>(
    name: Name,
    ...args: Parameters<Theirs[Name]>
  ): Promise<Awaited<ReturnType<Theirs[Name]>>> {
    const answer = Promise.withResolvers<Awaited<ReturnType<Theirs[Name]>>>()
    if (this.#isClosed) answer.reject(workerFault('CHANNEL_CLOSED'))
    else {
      const id = this.#nextId++
      // The other side serves the same interface: what it answers has its type.
      this.#waiting.set(id, answer as PromiseWithResolvers<unknown>)
      this.#say([id, name, args])
    }
    return answer.promise
  }

  /** Sends what was said and ends. */
  close(): void {
    this.#flush()
    this.#stream.end()
  }

  #say(item: Item): void {
    if (this.#isClosed) return
    this.#closePack()
    this.#writer.add(item)
    this.#schedule()
  }

  #closePack(): void {
    const open = this.#open
    if (open === undefined) return
    this.#open = undefined
    this.#writer.add([0, open.name, [open.scope, this.#pack.take()]] satisfies Item)
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return
    this.#isScheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#isScheduled = false
    this.#closePack()
    const frame = this.#writer.take()
    if (frame !== undefined && !this.#isClosed) this.#stream.write(frame)
  }

  #hear(frame: Uint8Array): void {
    for (const item of deserializeFrame<Item>(frame)) {
      if (typeof item[1] === 'string') this.#serve(item[0], item[1], item[2] as readonly unknown[])
      else this.#settle(-item[0], item[1], item[2])
    }
  }

  #serve(id: number, name: string, args: readonly unknown[]): void {
    try {
      // Both sides are one program: the other knows what is served here.
      const call = Reflect.get(this.#ours ?? {}, name) as () => unknown
      const served: unknown = Reflect.apply(call, this.#ours, args)
      if (id === 0) return
      if (!(served instanceof Promise)) return this.#say([-id, null, served])
      served.then(
        (value: unknown) => this.#say([-id, null, value]),
        (error: unknown) => this.#say([-id, portableError(error), undefined]),
      )
    } catch (error) {
      if (id === 0) throw error
      this.#say([-id, portableError(error), undefined])
    }
  }

  #settle(id: number, error: PortableError | null, value: unknown): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === null) waiting?.resolve(value)
    else waiting?.reject(errorOf(error))
  }

  #end(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { reject } of this.#waiting.values()) reject(workerFault('CHANNEL_CLOSED'))
    this.#waiting.clear()
    this.#onClose()
  }
}

/** Bytes that wait for the other side before publishers of QoS 1 are slowed down: a few turns of a busy event loop. */
const BEHIND_BYTES: number = 8 * 1024 * 1024
/** Bytes that wait for the other side before messages of QoS 0 are dropped. */
const FULL_BYTES: number = 32 * 1024 * 1024

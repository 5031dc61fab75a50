import { Worker } from 'node:worker_threads'
import { type CurveParameters, fromBigInt, PARAMETERS, toBigInt } from './curve.ts'
import type { Nonce, Nonces } from './nonces.ts'

/** Nonces that the thread draws at a time: enough to share a division, few enough to be ready soon. */
export const NONCES_A_TIME = 32

/** The curve of most devices. */
export const POOLED_CURVE: CurveParameters = PARAMETERS['ec-p256']

/** Nonces that are ready at most, a power of two: what a millisecond or two of signatures take. */
const SLOTS_COUNT = 128

/** A slot is two numbers modulo n, behind two counts of 32 bits. */
const NUMBER_BYTES = 32
const COUNTS_BYTES = 8
const PUT = 0
const TAKEN = 1

/** Who takes fewer pays more for the thread than it spares. */
const WORTH_A_THREAD_COUNT = 100

/** The thread holds some thirty nonces at a time; V8 wants this much for itself. */
const HEAP_MB_MAX = 16

/**
 * Nonces on P-256 that a thread of their own draws ahead, so that a signature costs its caller half the time. They are
 * in memory that both threads share: the thread fills slots in turn and counts them, {@link take} empties them in turn
 * and counts too, so that no nonce is ever given twice. A slot is wiped when it is emptied, all of them at the end.
 */
export class NoncePool implements Nonces {
  readonly #memory = new SharedArrayBuffer(NonceSlots.BYTES)
  readonly #slots = new NonceSlots(this.#memory)
  readonly #others: Nonces
  #worker: Worker | undefined
  #othersCount = 0
  #isClosed = false

  /** @param others Where nonces come from while the thread has none ready. */
  constructor(others: Nonces) {
    this.#others = others
  }

  take(): Nonce {
    const nonce = this.#isClosed ? undefined : this.#slots.take()
    if (nonce !== undefined) return nonce
    this.#othersCount += 1
    if (this.#othersCount === WORTH_A_THREAD_COUNT && !this.#isClosed) this.#start()
    return this.#others.take()
  }

  /** Ends the thread and wipes what it left. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#worker?.terminate()
    this.#slots.wipe()
  }

  #start(): void {
    this.#worker = new Worker(new URL('./nonce-worker.ts', import.meta.url), {
      workerData: this.#memory,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    })
    // A thread that cannot run leaves the pool empty, and the caller draws as it would without one.
    this.#worker.on('error', () => undefined)
    this.#worker.unref()
  }
}

/** Memory in which one thread puts nonces and another takes them. */
export class NonceSlots {
  /** How much memory it takes. */
  static readonly BYTES: number = COUNTS_BYTES + SLOTS_COUNT * 2 * NUMBER_BYTES
  /** How many nonces were ever put, and taken, modulo 2^32. */
  readonly #counts: Int32Array<SharedArrayBuffer>
  readonly #bytes: Uint8Array<SharedArrayBuffer>

  constructor(memory: SharedArrayBuffer) {
    this.#counts = new Int32Array(memory, 0, 2)
    this.#bytes = new Uint8Array(memory, COUNTS_BYTES)
  }

  /** Takes the oldest nonce; `undefined` when none is ready. */
  take(): Nonce | undefined {
    const taken = Atomics.load(this.#counts, TAKEN)
    if (taken === Atomics.load(this.#counts, PUT)) return undefined
    const slot = this.#slot(taken)
    const nonce = { r: toBigInt(slot.subarray(0, NUMBER_BYTES)), inverse: toBigInt(slot.subarray(NUMBER_BYTES)) }
    slot.fill(0)
    const next = (taken + 1) | 0
    Atomics.store(this.#counts, TAKEN, next)
    if (next % NONCES_A_TIME === 0) Atomics.notify(this.#counts, TAKEN)
    return nonce
  }

  /** Waits until there is room for {@link NONCES_A_TIME}. */
  awaitRoom(): void {
    for (;;) {
      const taken = Atomics.load(this.#counts, TAKEN)
      const full = (Atomics.load(this.#counts, PUT) - taken) | 0
      if (SLOTS_COUNT - full >= NONCES_A_TIME) return
      Atomics.wait(this.#counts, TAKEN, taken)
    }
  }

  /** Puts a nonce into a slot that is free. */
  put({ r, inverse }: Nonce): void {
    const put = Atomics.load(this.#counts, PUT)
    const slot = this.#slot(put)
    slot.set(fromBigInt(r, NUMBER_BYTES))
    slot.set(fromBigInt(inverse, NUMBER_BYTES), NUMBER_BYTES)
    Atomics.store(this.#counts, PUT, (put + 1) | 0)
  }

  wipe(): void {
    this.#bytes.fill(0)
  }

  #slot(count: number): Uint8Array<SharedArrayBuffer> {
    const at = (count & (SLOTS_COUNT - 1)) * 2 * NUMBER_BYTES
    return this.#bytes.subarray(at, at + 2 * NUMBER_BYTES)
  }
}

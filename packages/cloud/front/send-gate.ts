import type { Wire } from './wire.ts'

/**
 * What a client is told waits here while something that it promises is on its way to the disk: a CONNACK for the
 * session, a SUBACK for the subscription. What comes behind it waits too, so that the order stays.
 */
export class SendGate {
  readonly #wire: Wire
  readonly #onOpen: () => void
  readonly #onFailure: (error: unknown) => void
  #waiting: Uint8Array[] = []
  #until: Promise<void> | undefined

  constructor(wire: Wire, onOpen: () => void, onFailure: (error: unknown) => void) {
    this.#wire = wire
    this.#onOpen = onOpen
    this.#onFailure = onFailure
  }

  get isShut(): boolean {
    return this.#until !== undefined
  }

  /**
   * Keeps what is sent from now on until `kept` resolves; without one there is nothing to wait for. Promises resolve in
   * the order in which they are given.
   */
  shut(kept: Promise<void> | undefined): void {
    if (kept === undefined || this.#until === kept) return
    this.#until = kept
    kept.then(
      () => this.#until === kept && this.#open(),
      (error: unknown) => this.#until === kept && this.#fail(error),
    )
  }

  send(bytes: Uint8Array): void {
    if (this.#until === undefined) this.#wire.send(bytes)
    else this.#waiting.push(bytes)
  }

  /** Forgets what waits: what was promised is not said. */
  discard(): void {
    this.#waiting = []
    this.#until = undefined
  }

  #open(): void {
    this.#until = undefined
    for (const bytes of this.#waiting.splice(0)) this.#wire.send(bytes)
    this.#onOpen()
  }

  #fail(error: unknown): void {
    this.discard()
    this.#onFailure(error)
  }
}

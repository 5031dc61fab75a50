import { type Instant, later, type Millis, millis } from '@birthmark/foundation/kernel'
import type { ControlFrame, DataFrame } from './frame.ts'
import { decodeFrame, encodeFrame, FIRST_COUNTER, FRAME_OVERHEAD_BYTES, nextNumber } from './frame.ts'
import { CHAINING_ERROR, Reassembly, splitMessage } from './packet.ts'
import { ACKNOWLEDGE_TIMEOUT, encodeState, FRAME_BYTES_MAX } from './registers.ts'

/**
 * The chip's data link and transport layers: frames in, whole commands out; a whole response in, frames out.
 * Time only matters when somebody looks, so there is no deadline: a due repeat is found at the next access.
 *
 * ```text
 *   receive(frame) --command--> owner --respond(response, readyAt)--> waiting(now): the frame in DATA
 *                                  ^                                      |
 *                                  +---- acknowledged by the host <-- taken(now)
 * ```
 *
 * Source: IFX I2C protocol specification v1.65, data link layer (duties of the receiver) and transport layer.
 */
export class ChipLink {
  readonly #reassembly: Reassembly
  /** Last good data frame of the host. */
  #received = FIRST_COUNTER
  /** Last data frame of ours that the host acknowledged. */
  #acknowledged = FIRST_COUNTER
  /** When the host's last data frame came that is not acknowledged yet; a response that is ready in time does it. */
  #owesSince: Instant | undefined
  #control: Uint8Array | undefined
  #executing = false
  #packets: readonly Uint8Array[] = []
  #packetsSent = 0
  #readyAt: Instant | undefined
  #frame: Uint8Array | undefined
  /** The host has read {@link #frame} at least once, so it may speak of it. */
  #wasTaken = false
  /** When the host read {@link #frame}; `undefined` while it is on offer. */
  #takenAt: Instant | undefined
  #frameBytesMax = FRAME_BYTES_MAX

  /** @param commandBytesMax A longer command comes out cut to one byte more than this, for the owner to refuse. */
  constructor(commandBytesMax: number) {
    this.#reassembly = new Reassembly(commandBytesMax + 1)
  }

  /** Longest frame in either direction, in bytes; the host negotiates it. */
  get frameBytesMax(): number {
    return this.#frameBytesMax
  }

  set frameBytesMax(count: number) {
    this.#frameBytesMax = count
  }

  /** Forgets everything, as a reset does. */
  reset(): void {
    this.#frameBytesMax = FRAME_BYTES_MAX
    this.#resync()
  }

  /**
   * Takes what the host wrote into DATA.
   *
   * @param from Where the frame begins.
   * @returns A whole command: execute it and call {@link respond}. `undefined` when there is nothing to execute.
   */
  receive(bytes: Uint8Array, now: Instant, from = 0): Uint8Array | undefined {
    const frame = decodeFrame(bytes, from)
    switch (frame.kind) {
      case 'damaged':
        if (frame.why !== 'control') this.#offer({ kind: 'nak', number: nextNumber(this.#received) })
        return undefined
      case 'resync':
        this.#resync()
        return undefined
      case 'ack':
      case 'nak':
        this.#settle(frame.number, frame.kind === 'nak')
        return undefined
      case 'data':
        if (bytes.length - from <= this.#frameBytesMax) return this.#receiveData(frame, now)
        this.#offer({ kind: 'nak', number: nextNumber(this.#received) })
        return undefined
    }
  }

  /** Hands over the response to the last command; the host sees it from `readyAt` on, and BUSY until then. */
  respond(response: Uint8Array, readyAt: Instant): void {
    if (!this.#executing) return
    this.#executing = false
    this.#send(splitMessage(response, this.#frameBytesMax - FRAME_OVERHEAD_BYTES), readyAt)
  }

  /** Tells whether there is nothing to do: no command under way, nothing that the host has not acknowledged. */
  get isIdle(): boolean {
    return !this.#isWorking && this.#control === undefined && this.#owesSince === undefined
  }

  /** Gives what register I2C_STATE reads. */
  state(now: Instant): Uint8Array {
    return encodeState(!this.#isReady(now) && this.#isWorking, this.waiting(now)?.length ?? 0)
  }

  /** Gives the frame that waits in DATA. */
  waiting(now: Instant): Uint8Array | undefined {
    if (this.#control !== undefined) return this.#control
    if (this.#isReady(now)) return this.#responseFrame(now)
    if (this.#owesSince === undefined || now < later(this.#owesSince, ACKNOWLEDGE_AFTER)) return undefined
    // The response is not ready in time to carry the acknowledgement.
    this.#offer({ kind: 'ack', number: this.#received })
    return this.#control
  }

  /** Says that the host has read the waiting frame. A response stays until it is acknowledged. */
  taken(now: Instant): void {
    if (this.#control !== undefined) this.#control = undefined
    else if (this.#frame !== undefined) {
      this.#wasTaken = true
      this.#takenAt = now
    }
  }

  get #isWorking(): boolean {
    return this.#executing || this.#readyAt !== undefined
  }

  #isReady(now: Instant): boolean {
    return this.#readyAt !== undefined && now >= this.#readyAt
  }

  #receiveData(frame: DataFrame, now: Instant): Uint8Array | undefined {
    this.#settle(frame.acknowledges, frame.refuses)
    if (frame.number !== nextNumber(this.#received)) {
      this.#offer({ kind: 'ack', number: this.#received })
      // A repeat means that the host saw neither acknowledgement nor response: both are offered again.
      if (frame.number === this.#received) this.#takenAt = undefined
      return undefined
    }
    this.#received = frame.number
    this.#control = undefined
    this.#dropResponse()
    this.#owesSince = now
    const result = this.#reassembly.accept(frame.packet, this.#frameBytesMax - FRAME_OVERHEAD_BYTES)
    switch (result.kind) {
      case 'message':
        this.#executing = true
        return result.message
      case 'more':
        this.#offer({ kind: 'ack', number: this.#received })
        return undefined
      case 'broken':
        this.#send([CHAINING_ERROR], now)
        return undefined
      case 'refused':
        // The host could not put our chain together; what it wanted is gone. It will ask again.
        return undefined
    }
  }

  /** Takes the host's word on our frame `number`; anything but the current one is stale. */
  #settle(number: number, refused: boolean): void {
    if (!this.#wasTaken || number !== nextNumber(this.#acknowledged)) return
    this.#takenAt = undefined
    if (refused) return
    this.#acknowledged = number
    this.#frame = undefined
    this.#wasTaken = false
    this.#packetsSent++
    if (this.#packetsSent === this.#packets.length) this.#dropResponse()
  }

  #responseFrame(now: Instant): Uint8Array | undefined {
    this.#frame ??= this.#encodeResponse()
    if (this.#takenAt === undefined) return this.#frame
    if (now < later(this.#takenAt, REOFFER_AFTER)) return undefined
    this.#takenAt = undefined
    return this.#frame
  }

  #encodeResponse(): Uint8Array | undefined {
    const packet = this.#packets[this.#packetsSent]
    if (packet === undefined) return undefined
    this.#owesSince = undefined
    const number = nextNumber(this.#acknowledged)
    return encodeFrame({ kind: 'data', number, acknowledges: this.#received, refuses: false, packet })
  }

  #offer(frame: ControlFrame): void {
    if (frame.kind === 'ack') this.#owesSince = undefined
    this.#control = encodeFrame(frame)
  }

  #send(packets: readonly Uint8Array[], readyAt: Instant): void {
    this.#packets = packets
    this.#packetsSent = 0
    this.#readyAt = readyAt
  }

  #dropResponse(): void {
    this.#executing = false
    this.#packets = []
    this.#packetsSent = 0
    this.#readyAt = undefined
    this.#frame = undefined
    this.#wasTaken = false
    this.#takenAt = undefined
  }

  #resync(): void {
    this.#received = FIRST_COUNTER
    this.#acknowledged = FIRST_COUNTER
    this.#control = undefined
    this.#owesSince = undefined
    this.#reassembly.reset()
    this.#dropResponse()
  }
}

/**
 * The acknowledge timer: a response that is ready within it carries the acknowledgement, later an acknowledgement goes
 * ahead. Shorter than TRANS_TIMEOUT by what a host needs to look every 5 ms, as the vendor's library does.
 */
export const ACKNOWLEDGE_AFTER: Millis = millis(4)

/** A response frame that the host has read but not acknowledged is offered again after this long. */
export const REOFFER_AFTER: Millis = ACKNOWLEDGE_TIMEOUT

import type { Cancel, Millis, Timers } from '@birthmark/foundation/kernel'
import type { AttemptCause, AttemptCauseCode } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { FrontLimits } from './limits.ts'

/** What an arrival is waited for. */
type Phase = 'tls' | 'connect' | 'request'

/** What is waited for, and what happens when it does not come. */
interface Expected {
  readonly phase: Phase
  readonly address: string
  readonly giveUp: (cause: AttemptCause) => void
}

type ArrivalLimits = Pick<FrontLimits, 'halfOpenMax' | 'halfOpenPerAddressMax' | 'handshake' | 'connect'>

/**
 * The connections that have not sent a CONNECT yet, oldest first. Each has a deadline, and there are never more than
 * the limit: the oldest makes room, so that silent sockets cannot keep an honest client out. A single address may have
 * a part of them only, so that it cannot drive those of others out.
 */
export class Arrivals {
  readonly #timers: Timers
  readonly #limits: ArrivalLimits
  readonly #waiting = new Map<object, Omit<Expected, 'address'> & { readonly cancel: Cancel; readonly group: string }>()
  /** The same by where they come from, each oldest first. */
  readonly #byAddress = new Map<string, Set<object>>()

  constructor(timers: Timers, limits: ArrivalLimits) {
    this.#timers = timers
    this.#limits = limits
  }

  /** Waits for what `phase` names; `giveUp` is called at most once, when it has taken too long. */
  expect(arrival: object, { phase, address, giveUp }: Expected): void {
    this.settle(arrival)
    const limit = phase === 'tls' ? this.#limits.handshake : this.#limits.connect
    const cancel = this.#timers.after(limit, () => this.#giveUp(arrival, lateness(limit)), { background: true })
    const group = addressGroup(address)
    this.#waiting.set(arrival, { phase, cancel, giveUp, group })
    const neighbours = this.#byAddress.get(group) ?? new Set()
    this.#byAddress.set(group, neighbours.add(arrival))
    if (neighbours.size > this.#limits.halfOpenPerAddressMax) {
      const [oldest = arrival] = neighbours
      const { halfOpenPerAddressMax } = this.#limits
      this.#giveUp(
        oldest,
        `it made room for one of more than ${halfOpenPerAddressMax} newer connections of its address`,
      )
    }
    if (this.#waiting.size <= this.#limits.halfOpenMax) return
    for (const oldest of this.#waiting.keys()) {
      this.#giveUp(oldest, `it made room for one of more than ${this.#limits.halfOpenMax} newer connections`)
      return
    }
  }

  /** Stops waiting: it came, or the connection is gone. */
  settle(arrival: object): void {
    const waiting = this.#waiting.get(arrival)
    if (waiting === undefined) return
    waiting.cancel()
    this.#waiting.delete(arrival)
    const neighbours = this.#byAddress.get(waiting.group)
    neighbours?.delete(arrival)
    if (neighbours?.size === 0) this.#byAddress.delete(waiting.group)
  }

  #giveUp(arrival: object, why: string): void {
    const waiting = this.#waiting.get(arrival)
    this.settle(arrival)
    waiting?.giveUp(attemptCause(CAUSE_BY_PHASE[waiting.phase], { why }))
  }
}

const CAUSE_BY_PHASE: Readonly<Record<Phase, AttemptCauseCode>> = {
  tls: 'TLS_HANDSHAKE_TIMEOUT',
  connect: 'CONNECT_TIMEOUT',
  request: 'HTTP_REQUEST_TIMEOUT',
}

/** One customer has a whole /64 of IPv6 (RFC 6177 §2): its addresses count as one. */
function addressGroup(address: string): string {
  if (!address.includes(':')) return address
  const [high = '', low] = address.split('::', 2)
  const before = high.split(':')
  const after = low === undefined || low === '' ? [] : low.split(':')
  const zeros = low === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  return [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':')
}

function lateness(limit: Millis): string {
  return `${limit / 1000} seconds have passed`
}

import { type Cancel, type Clock, type Instant, instant, type Millis, type Timers } from '@birthmark/foundation/kernel'

/** Time that nobody has to wait for: it stands still, and jumps to whatever the program waits for next. */
export class SkippingTime implements Clock, Timers {
  #now = 1_000_000

  now(): Instant {
    return instant(this.#now)
  }

  /** Runs `task` as soon as the program is idle, and says that `delay` has passed. For one waiter at a time. */
  after(delay: Millis, task: () => void): Cancel {
    const due = this.#now + delay
    let isCancelled = false
    queueMicrotask(() => {
      if (isCancelled) return
      this.#now = Math.max(this.#now, due)
      task()
    })
    return () => {
      isCancelled = true
    }
  }

  /** Lets time pass. */
  pass(delay: number): void {
    this.#now += delay
  }
}

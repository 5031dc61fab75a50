import { type Cancel, type Clock, type Instant, instant, type Millis, type Timers } from '@birthmark/foundation/kernel'

/** A clock and timers that move only when a test says so. */
export class ManualTime implements Clock, Timers {
  #now = Date.now()
  readonly #tasks = new Set<{ readonly at: number; readonly task: () => void }>()

  now(): Instant {
    return instant(this.#now)
  }

  after(delay: Millis, task: () => void): Cancel {
    const entry = { at: this.#now + delay, task }
    this.#tasks.add(entry)
    return () => void this.#tasks.delete(entry)
  }

  /** Lets `duration` pass and runs what became due, in order. */
  pass(duration: Millis): void {
    this.#now += duration
    const due = [...this.#tasks].filter(({ at }) => at <= this.#now).sort((left, right) => left.at - right.at)
    for (const entry of due) {
      if (this.#tasks.delete(entry)) entry.task()
    }
  }
}

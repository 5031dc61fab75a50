import type { LineProgress, PersonalisationStep } from '@birthmark/factory/line'
import { PERSONALISATION_STEPS } from '@birthmark/factory/line'
import type { Clock } from '@birthmark/foundation/kernel'
import { MultiBar, Presets, type SingleBar } from 'cli-progress'
import type { Output } from '../../output.ts'

/** Shows a line at work. */
export interface LineDisplay {
  take(event: LineProgress): void
  done(): void
}

/** What is shown. */
export interface DisplayOptions {
  readonly output: Output
  readonly clock: Clock
  /** Devices that are still to be made. */
  readonly total: number
  /** Sockets that are at work side by side. */
  readonly parallel: number
  /** Whether machines want an event for each step as well. */
  readonly steps: boolean
}

/** Gives sockets and totals that are drawn anew on a terminal, plain lines elsewhere, and JSON lines for machines. */
export function lineDisplay(options: DisplayOptions): LineDisplay {
  const { output } = options
  if (output.jsonWanted) return { take: (event) => tellMachine(event, options), done: () => undefined }
  return output.terminal ? new Screen(options) : new PlainLines(options)
}

function tellMachine(event: LineProgress, { output, steps }: DisplayOptions): void {
  if (event.event === 'step') {
    if (steps) output.json(event)
    return
  }
  const { result, ...rest } = event
  output.json({ ...rest, ...result, steps: Object.fromEntries(result.steps) })
}

/** Rate, yield and time left, from what has happened since the start. */
class Pace {
  readonly #clock: Clock
  readonly #total: number
  readonly #startedAt: number
  made = 0
  gone = 0

  constructor({ clock, total }: DisplayOptions) {
    this.#clock = clock
    this.#total = total
    this.#startedAt = clock.now()
  }

  count(event: LineProgress & { readonly event: 'device' }): void {
    const { outcome } = event.result
    if (outcome === 'made') this.made += 1
    if (outcome === 'failed' || outcome === 'scrapped') this.gone += 1
  }

  text(): { readonly rate: string; readonly yielded: string; readonly left: string } {
    const perMs = this.made / Math.max(this.#clock.now() - this.#startedAt, 1)
    const all = this.made + this.gone
    const seconds = perMs === 0 ? undefined : Math.round((this.#total - this.made) / perMs / 1000)
    return {
      rate: `${Math.round(perMs * 1000)}/s`,
      yielded: all === 0 ? '-' : `${((100 * this.made) / all).toFixed(1)} %`,
      left: seconds === undefined ? '-' : `${Math.floor(seconds / 60)} min ${seconds % 60} s`,
    }
  }
}

/** A row for each of the first sockets, with the step of its element, and one for the whole. */
class Screen implements LineDisplay {
  readonly #bars: MultiBar
  readonly #whole: SingleBar
  readonly #sockets: readonly SingleBar[]
  readonly #pace: Pace
  readonly #output: Output

  constructor(options: DisplayOptions) {
    const { total, parallel, output } = options
    this.#pace = new Pace(options)
    this.#output = output
    this.#bars = new MultiBar(
      { stream: process.stderr, hideCursor: true, clearOnComplete: false, fps: 8, format: SOCKET_FORMAT },
      Presets.shades_classic,
    )
    const rows = Math.min(parallel, SOCKET_ROWS)
    this.#sockets = Array.from({ length: rows }, (_, n) => {
      return this.#bars.create(PERSONALISATION_STEPS.length, 0, {
        socket: String(n + 1).padStart(2),
        step: 'empty',
        uid: '',
      })
    })
    this.#whole = this.#bars.create(total, 0, this.#pace.text(), { format: WHOLE_FORMAT })
  }

  take(event: LineProgress): void {
    const row = this.#sockets[event.socket]
    if (event.event === 'step') {
      row?.update(stepNumber(event.step), { step: event.step, uid: short(event.uid) })
      return
    }
    const { result } = event
    this.#pace.count(event)
    row?.update(PERSONALISATION_STEPS.length, { step: result.outcome, uid: short(result.uid) })
    this.#whole.update(this.#pace.made, this.#pace.text())
    if ('reason' in result) this.#bars.log(`${failureLine(result)}\n`)
  }

  done(): void {
    this.#whole.update(this.#pace.made, this.#pace.text())
    this.#bars.stop()
    this.#output.say()
  }
}

class PlainLines implements LineDisplay {
  readonly #output: Output
  readonly #total: number
  readonly #pace: Pace

  constructor(options: DisplayOptions) {
    this.#output = options.output
    this.#total = options.total
    this.#pace = new Pace(options)
  }

  take(event: LineProgress): void {
    if (event.event !== 'device') return
    const { result } = event
    this.#pace.count(event)
    if ('reason' in result) this.#output.say(failureLine(result))
    const { made } = this.#pace
    const each = Math.ceil(this.#total / LINES)
    if (result.outcome !== 'made' || (made % each !== 0 && made !== this.#total)) return
    const { rate, yielded, left } = this.#pace.text()
    this.#output.say(`  made ${made}/${this.#total}  ${rate}  yield ${yielded}  ${left} left`)
  }

  done(): void {
    // Nothing is drawn that would have to be taken away.
  }
}

function failureLine(result: {
  readonly uid: string | undefined
  readonly step: PersonalisationStep
  readonly outcome: string
  readonly reason: { readonly code: string; readonly message: string; readonly remedy: string }
}): string {
  const { uid = 'an element without a number', step, outcome, reason } = result
  return `  ${uid} ${outcome} at ${step}: ${reason.message} (${reason.code}). ${reason.remedy}`
}

function stepNumber(step: PersonalisationStep): number {
  return PERSONALISATION_STEPS.indexOf(step)
}

/** The beginning of an element's number is its type, the end its firmware: what differs is between. */
function short(uid: string | undefined): string {
  return uid === undefined || uid.length <= 24 ? (uid ?? '') : `${uid.slice(0, 4)}..${uid.slice(20, 40)}`
}

const SOCKET_FORMAT = '  socket {socket} {bar} {step} {uid}'
const WHOLE_FORMAT = '  made {bar} {value}/{total}  {rate}  yield {yielded}  {left} left'

/** Sockets that get a row; a terminal has 24. */
const SOCKET_ROWS = 16

/** Lines that a run prints where nothing can be drawn. */
const LINES = 10

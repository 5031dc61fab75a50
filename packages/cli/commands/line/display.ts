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
  /** Where the elements are, in the order in which they are put in; absent where they are nowhere, as virtual ones. */
  readonly places?: readonly string[]
}

/** Gives sockets and totals that are drawn anew on a terminal, plain lines elsewhere, and JSON lines for machines. */
export function lineDisplay(options: DisplayOptions): LineDisplay {
  const { output } = options
  const places = new Places(options.places ?? [])
  const display = output.jsonWanted
    ? { take: (event: LineProgress) => tellMachine(event, options, places), done: () => undefined }
    : output.terminal
      ? new Screen(options, places)
      : new PlainLines(options, places)
  return {
    take: (event) => {
      places.follow(event)
      display.take(event)
    },
    done: () => display.done(),
  }
}

/** Knows where the element in each socket is: one that does not open has no number by which to find it. */
class Places {
  readonly #names: readonly string[]
  readonly #bySocket = new Map<number, string>()
  #opened = 0

  constructor(names: readonly string[]) {
    this.#names = names
  }

  /** Elements are opened in the order in which they are put in. */
  follow(event: LineProgress): void {
    if (event.event !== 'step' || event.step !== 'open') return
    const name = this.#names[this.#opened]
    this.#opened += 1
    if (name !== undefined) this.#bySocket.set(event.socket, name)
  }

  of({ socket }: LineProgress): { readonly place?: string } {
    const place = this.#bySocket.get(socket)
    return place === undefined ? {} : { place }
  }
}

function tellMachine(event: LineProgress, { output, steps }: DisplayOptions, places: Places): void {
  const place = places.of(event)
  if (event.event === 'step') {
    if (steps) output.json({ ...event, ...place })
    return
  }
  const { result, ...rest } = event
  output.json({ ...rest, ...place, ...result, steps: Object.fromEntries(result.steps) })
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
  readonly #places: Places

  constructor(options: DisplayOptions, places: Places) {
    const { total, parallel, output } = options
    this.#pace = new Pace(options)
    this.#output = output
    this.#places = places
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
    const { place = '' } = this.#places.of(event)
    row?.update(PERSONALISATION_STEPS.length, { step: result.outcome, uid: short(result.uid) || place })
    this.#whole.update(this.#pace.made, this.#pace.text())
    if ('reason' in result) this.#bars.log(`${failureLine(result, this.#places.of(event))}\n`)
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
  readonly #places: Places

  constructor(options: DisplayOptions, places: Places) {
    this.#output = options.output
    this.#total = options.total
    this.#pace = new Pace(options)
    this.#places = places
  }

  take(event: LineProgress): void {
    if (event.event !== 'device') return
    const { result } = event
    this.#pace.count(event)
    if ('reason' in result) this.#output.say(failureLine(result, this.#places.of(event)))
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

function failureLine(
  result: {
    readonly uid: string | undefined
    readonly step: PersonalisationStep
    readonly outcome: string
    readonly reason: { readonly code: string; readonly message: string; readonly remedy: string }
  },
  { place }: { readonly place?: string },
): string {
  const { uid = 'an element without a number', step, outcome, reason } = result
  const element = place === undefined ? uid : `${uid} at ${place}`
  return `  ${element}: ${outcome} in ${step}: ${reason.message} (${reason.code}). ${reason.remedy}`
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

import { type Members, readJsonObject } from '@birthmark/factory/json'
import { ORDER_ID, WRITER_NAME } from '@birthmark/factory/ledger'
import { type Instant, instant } from '@birthmark/foundation/kernel'
import { lineFault } from './faults.ts'
import { PERSONALISATION_STEPS, type PersonalisationResult, type PersonalisationStep } from './personalise.ts'

/** How one step went, over all elements of a run. */
export interface StepStatistics {
  readonly step: PersonalisationStep
  /** Elements that came to it. */
  readonly entered: number
  /** Elements that left their socket in it without being done. */
  readonly failed: number
  /** Milliseconds over all elements, and of the one that took longest. */
  readonly sum: number
  readonly longest: number
  /** Elements by time: in the place n those that took less than 2^n ms and not less than half of it. */
  readonly byTime: readonly number[]
}

/** One run of a line, as its file holds it. */
export interface RunRecord {
  readonly order: string
  readonly product: string
  /** Devices that the order allows. */
  readonly count: number
  /** The id of the station's key, and its name. */
  readonly station: string
  readonly stationName: string
  readonly startedAt: Instant
  /** When this was written last. */
  readonly writtenAt: Instant
  readonly outcomes: Readonly<Record<PersonalisationResult['outcome'], number>>
  /** Elements that failed or were scrapped, by the code of the reason. */
  readonly reasons: Readonly<Record<string, number>>
  readonly steps: readonly StepStatistics[]
}

/** Counts how the elements of a run leave their sockets, in constant memory. */
export class RunStatistics {
  readonly #about: Pick<RunRecord, 'order' | 'product' | 'count' | 'station' | 'stationName' | 'startedAt'>
  readonly #outcomes = { made: 0, 'made-before': 0, failed: 0, scrapped: 0, waiting: 0 }
  readonly #reasons = new Map<string, number>()
  readonly #steps = new Map(PERSONALISATION_STEPS.map((step) => [step, emptyStep()]))

  constructor(about: Pick<RunRecord, 'order' | 'product' | 'count' | 'station' | 'stationName' | 'startedAt'>) {
    this.#about = about
  }

  /** Counts one element. */
  add(result: PersonalisationResult): void {
    this.#outcomes[result.outcome] += 1
    for (const [step, ms = 0] of result.steps) {
      const counted = this.#steps.get(step)
      if (counted === undefined) continue
      counted.entered += 1
      counted.sum += ms
      counted.longest = Math.max(counted.longest, ms)
      const place = Math.min(Math.ceil(Math.log2(ms + 1)), TIME_PLACES - 1)
      counted.byTime[place] = (counted.byTime[place] ?? 0) + 1
    }
    if (!('reason' in result) || result.outcome === 'waiting') return
    const failedIn = this.#steps.get(result.step)
    if (failedIn !== undefined) failedIn.failed += 1
    const { code } = result.reason
    if (this.#reasons.size < REASONS_COUNT_MAX || this.#reasons.has(code)) {
      this.#reasons.set(code, (this.#reasons.get(code) ?? 0) + 1)
    }
  }

  /** Gives what was counted up to now. */
  record(now: Instant): RunRecord {
    return {
      ...this.#about,
      writtenAt: now,
      outcomes: { ...this.#outcomes },
      reasons: Object.fromEntries(this.#reasons),
      steps: [...this.#steps].map(([step, counted]) => ({ step, ...counted, byTime: [...counted.byTime] })),
    }
  }
}

/** Writes a run as its file holds it. */
export function formatRun({ startedAt, writtenAt, ...record }: RunRecord): string {
  const times = { startedAt: new Date(startedAt).toISOString(), writtenAt: new Date(writtenAt).toISOString() }
  return `${JSON.stringify({ format: RUN_FORMAT, ...record, ...times })}\n`
}

/** Reads the file of a run. @throws `RUN_FILE_INVALID` (operator) */
export function parseRun(text: string): RunRecord {
  const parsed = readJsonObject(text, readRun)
  if (parsed.ok) return parsed.value
  throw lineFault('RUN_FILE_INVALID', { problems: parsed.problems.join('; ') })
}

function readRun(members: Members): RunRecord {
  members.word('format', [RUN_FORMAT])
  return {
    order: members.text('order', ORDER_ID, 'the number of an order'),
    product: members.text('product', /^[a-zA-Z0-9_-]{1,32}$/, 'the name of a product'),
    count: numberIn(members, 'count'),
    station: members.text('station', /^[0-9a-f]{64}$/, 'the id of a key'),
    stationName: members.text('stationName', WRITER_NAME, 'a name'),
    startedAt: instant(members.moment('startedAt')),
    writtenAt: instant(members.moment('writtenAt')),
    outcomes: members.object('outcomes', readOutcomes) ?? NO_OUTCOMES,
    reasons: Object.fromEntries(members.numbers('reasons')),
    steps: members.objects('steps', (step) => ({
      step: step.word('step', PERSONALISATION_STEPS),
      entered: numberIn(step, 'entered'),
      failed: numberIn(step, 'failed'),
      sum: numberIn(step, 'sum'),
      longest: numberIn(step, 'longest'),
      byTime: [...step.numbers('byTime').values()],
    })),
  }
}

function readOutcomes(members: Members): RunRecord['outcomes'] {
  return {
    made: numberIn(members, 'made'),
    'made-before': numberIn(members, 'made-before'),
    failed: numberIn(members, 'failed'),
    scrapped: numberIn(members, 'scrapped'),
    waiting: numberIn(members, 'waiting'),
  }
}

function numberIn(members: Members, name: string): number {
  return members.integer(name, 0, Number.MAX_SAFE_INTEGER)
}

function emptyStep(): { entered: number; failed: number; sum: number; longest: number; byTime: number[] } {
  return { entered: 0, failed: 0, sum: 0, longest: 0, byTime: Array.from({ length: TIME_PLACES }, () => 0) }
}

const NO_OUTCOMES: RunRecord['outcomes'] = { made: 0, 'made-before': 0, failed: 0, scrapped: 0, waiting: 0 }

/** Up to 2^16 ms, a minute; what takes longer is counted there. */
const TIME_PLACES = 17

/** Reasons that are told apart. */
const REASONS_COUNT_MAX = 100

const RUN_FORMAT = 'birthmark-line-run/1'

import type { SecureElement } from '@birthmark/chip'
import type { Ledger } from '@birthmark/factory/ledger'
import { writeManifest, writePemBundle } from '@birthmark/factory/manifest'
import type { IssuingAuthority, WorkOrder } from '@birthmark/factory/order'
import { type Clock, type Entropy, type Log, type Millis, millis } from '@birthmark/foundation/kernel'
import type { Signer } from '@birthmark/foundation/x509'
import { finishedDevices } from './finished-devices.ts'
import { type OnStep, type PersonalisationResult, type PersonalisationStep, personalise } from './personalise.ts'
import type { Station } from './station.ts'

/** What runs a line. */
export interface LineOptions {
  readonly order: WorkOrder
  /** The elements as they come into the sockets, opened or still to be opened; each is closed at its end. */
  readonly sockets: Iterable<ElementSource> | AsyncIterable<ElementSource>
  /** Sockets at work at a time, 1 to {@link PARALLEL_COUNT_MAX}. */
  readonly parallel: number
  readonly authority: IssuingAuthority
  readonly ledger: Ledger
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
  /** Where the manifest of everything finished under this order goes; none is written without. */
  readonly manifestPath?: string
  /** Signs the manifest, so that the next company can tell it from a forged one. */
  readonly manifestSigner?: Signer
  /** Where the same certificates go as PEM. */
  readonly bundlePath?: string
  readonly onProgress?: (progress: LineProgress) => void
}

/** An element, or what opens it. */
export type ElementSource = SecureElement | (() => Promise<SecureElement>)

/** What happens on a line, as it happens. */
export type LineProgress =
  | {
      readonly event: 'step'
      /** The place of the element among those at work now, from 0. */
      readonly socket: number
      readonly step: PersonalisationStep
      readonly uid: string | undefined
    }
  /** `finished` of `count` devices of the order are done, those of earlier runs included. */
  | {
      readonly event: 'device'
      readonly socket: number
      readonly result: PersonalisationResult
      readonly finished: number
      readonly count: number
    }

/** What came of a run. */
export interface LineSummary {
  readonly order: string
  /** Devices by how they left their socket in this run. */
  readonly outcomes: Readonly<Record<PersonalisationResult['outcome'], number>>
  /** Devices of the order that are done now, those of earlier runs included. */
  readonly finished: number
  readonly count: number
  readonly ended: 'order-complete' | 'no-more-elements' | 'too-many-failures'
  readonly elapsed: Millis
  /** Of the devices that were made in this run; absent when none was. */
  readonly cycle?: { readonly shortest: Millis; readonly mean: Millis; readonly longest: Millis }
}

/**
 * Runs a line: takes elements as they come, works on several side by side, goes on after one that failed, and stops
 * when the order is complete, no element comes any more, or too many failed in a row. Then it writes the manifest.
 *
 * @throws what the source of elements, `onProgress` and the log throw, and for the manifest `FILE_NOT_PERMITTED`,
 * `DISK_FULL`, `FILE_UNUSABLE`, `LEDGER_DAMAGED`, `LEDGER_CLOSED` (operator), and what its signer throws
 */
export async function runLine(options: LineOptions): Promise<LineSummary> {
  const { order, ledger, authority, manifestPath, manifestSigner: signer, bundlePath } = options
  const run = new Run(options)
  const ended = await run.perform()
  if (manifestPath !== undefined) {
    const { intermediates, root } = await authority.issuers()
    const { id, product, count } = order
    await writeManifest(manifestPath, {
      heading: { order: id, product, count, issuer: intermediates[0] ?? root },
      devices: finishedDevices(ledger, order),
      ledger: ledger.head,
      ...(signer !== undefined && { signer }),
    })
  }
  if (bundlePath !== undefined) await writePemBundle(bundlePath, finishedDevices(ledger, order))
  return run.summary(ended)
}

/** One run: who is in the sockets, and how those before them left. */
class Run {
  readonly #options: LineOptions
  readonly #station: Station
  readonly #startedAt: number
  readonly #underWay = new Set<Promise<void>>()
  readonly #sockets = new Set<number>()
  readonly #outcomes = { made: 0, 'made-before': 0, failed: 0, scrapped: 0, waiting: 0 }
  readonly #cycle = { shortest: Number.POSITIVE_INFINITY, sum: 0, longest: 0 }
  #failuresInRow = 0
  /** What a listener or the log threw first; it ends the run. */
  #thrown: { readonly error: unknown } | undefined
  #onLeave: () => void = () => undefined

  constructor(options: LineOptions) {
    const { order, authority, ledger, clock, entropy } = options
    this.#options = options
    this.#station = { order, authority, ledger, clock, entropy, inWork: new Set() }
    this.#startedAt = clock.now()
  }

  async perform(): Promise<LineSummary['ended']> {
    const { sockets } = this.#options
    const parallel = Math.min(Math.max(this.#options.parallel, 1), PARALLEL_COUNT_MAX)
    const already = this.#end()
    if (already !== undefined) return already
    try {
      for await (const source of sockets) {
        this.#start(source)
        while (this.#underWay.size >= parallel || this.#mayComplete()) await this.#oneLeaves()
        const ended = this.#end()
        if (ended !== undefined) return ended
      }
      await Promise.all(this.#underWay)
      return this.#end() ?? 'no-more-elements'
    } finally {
      await Promise.all(this.#underWay)
    }
  }

  summary(ended: LineSummary['ended']): LineSummary {
    const { order, clock } = this.#options
    const { made } = this.#outcomes
    const { shortest, sum, longest } = this.#cycle
    const cycle = { shortest: millis(shortest), mean: millis(sum / made), longest: millis(longest) }
    return {
      order: order.id,
      outcomes: { ...this.#outcomes },
      finished: this.#finished(),
      count: order.count,
      ended,
      elapsed: millis(clock.now() - this.#startedAt),
      ...(made > 0 && { cycle }),
    }
  }

  #start(source: ElementSource): void {
    const { onProgress } = this.#options
    const socket = this.#takeSocket()
    const work = async (): Promise<void> => {
      const onStep: OnStep = (step, uid) => onProgress?.({ event: 'step', socket, step, uid })
      try {
        this.#note(await personalise(source, this.#station, onStep), socket)
      } catch (error) {
        this.#thrown ??= { error }
      }
      this.#underWay.delete(promise)
      this.#sockets.delete(socket)
      this.#onLeave()
    }
    const promise = work()
    this.#underWay.add(promise)
  }

  /**
   * Returns when the next element leaves its socket. A race of all of them would say the same, and leave a note with
   * each element for every other one that leaves before it.
   */
  #oneLeaves(): Promise<void> {
    return new Promise((resolve) => {
      this.#onLeave = resolve
    })
  }

  #takeSocket(): number {
    let socket = 0
    while (this.#sockets.has(socket)) socket += 1
    this.#sockets.add(socket)
    return socket
  }

  #note(result: PersonalisationResult, socket: number): void {
    const { order, log, onProgress } = this.#options
    const { outcome, uid } = result
    this.#outcomes[outcome] += 1
    if (outcome === 'failed' || outcome === 'scrapped') {
      this.#failuresInRow += 1
      log.write('warn', `line.device-${outcome}`, { order: order.id, uid, step: result.step, code: result.reason.code })
    } else {
      this.#failuresInRow = 0
      log.write('info', `line.device-${outcome}`, { order: order.id, uid, ms: result.cycle })
    }
    if (outcome === 'made') {
      this.#cycle.sum += result.cycle
      this.#cycle.shortest = Math.min(this.#cycle.shortest, result.cycle)
      this.#cycle.longest = Math.max(this.#cycle.longest, result.cycle)
    }
    onProgress?.({ event: 'device', socket, result, finished: this.#finished(), count: order.count })
  }

  #end(): LineSummary['ended'] | undefined {
    if (this.#thrown !== undefined) throw this.#thrown.error
    if (this.#finished() >= this.#options.order.count) return 'order-complete'
    return this.#failuresInRow >= FAILURES_IN_ROW_COUNT_MAX ? 'too-many-failures' : undefined
  }

  /** Tells whether those at work now may be the last ones: then no further element is taken until that is known. */
  #mayComplete(): boolean {
    return this.#underWay.size > 0 && this.#finished() + this.#underWay.size >= this.#options.order.count
  }

  #finished(): number {
    const { order, ledger } = this.#options
    const counts = ledger.count(order.id)
    const done = counts.locked + counts.shipped + counts['owner-changed']
    return order.locks.length === 0 ? counts.made + done : done
  }
}

/** Sockets of one line. More are several lines: one process has one CPU for their arithmetic. */
export const PARALLEL_COUNT_MAX = 256

/** Failures in a row after which a line stops: then it is not the elements, and the next would be spoilt too. */
export const FAILURES_IN_ROW_COUNT_MAX = 20

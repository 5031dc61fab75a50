import type { Scope } from '@birthmark/cloud/registry'
import { type Clock, type Entropy, type Log, millis } from '@birthmark/foundation/kernel'
import type { Attempt, AttemptCause, AttemptFilter, AttemptSource, AttemptStep, AttemptStepName } from './attempt.ts'
import type { FrontLimits } from './limits.ts'
import { randomUuid } from './uuid.ts'

/** What an attempt log needs. */
export interface AttemptLogOptions {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
  readonly limits: Pick<FrontLimits, 'attemptsMax' | 'stepsPerAttemptMax'>
  /** Where a connection belongs until its client has sent a server name. */
  readonly defaultScope: Scope
}

/** The attempts of this process, in memory: the newest of them. */
export class AttemptLog implements AttemptSource {
  readonly #options: AttemptLogOptions
  /** A ring: the attempt with number n stands at n modulo its size. */
  readonly #ring: AttemptRecord[] = []
  #opened = 0

  constructor(options: AttemptLogOptions) {
    this.#options = options
  }

  /** Begins the record of a connection. */
  open(origin: Pick<Attempt, 'listener' | 'remoteAddress'>): AttemptRecord {
    const record = new AttemptRecord(origin, this.#options)
    this.#ring[this.#opened % this.#options.limits.attemptsMax] = record
    this.#opened++
    return record
  }

  list(filter: AttemptFilter): readonly Attempt[] {
    const found: Attempt[] = []
    const wanted = Math.min(filter.limit ?? LIST_DEFAULT, LIST_MAX)
    for (let back = 1; back <= this.#ring.length && found.length < wanted; back++) {
      const record = this.#ring[(this.#opened - back) % this.#options.limits.attemptsMax]
      if (record?.matches(filter)) found.push(record.snapshot())
    }
    return found
  }
}

/** What a client showed, as it becomes known. */
export type Shown = Partial<Pick<Attempt, 'sni' | 'alpn' | 'tlsVersion' | 'certificateId' | 'clientId'>>

/** The record of one connection while it is written. */
export class AttemptRecord {
  readonly id: string
  readonly #options: AttemptLogOptions
  readonly #origin: Pick<Attempt, 'listener' | 'remoteAddress' | 'startedAt'>
  readonly #steps: AttemptStep[] = []
  #stepsLeftOut = 0
  #scope: Scope
  #shown: Shown = {}
  #outcome: Attempt['outcome'] = 'open'
  #cause: AttemptCause | undefined

  constructor(origin: Pick<Attempt, 'listener' | 'remoteAddress'>, options: AttemptLogOptions) {
    this.id = randomUuid(options.entropy)
    this.#options = options
    this.#scope = options.defaultScope
    this.#origin = { listener: origin.listener, remoteAddress: origin.remoteAddress, startedAt: options.clock.now() }
  }

  /** Notes where the client belongs. */
  belongsTo(scope: Scope): void {
    this.#scope = scope
  }

  /** Notes what the client showed. */
  show(shown: Shown): void {
    this.#shown = { ...this.#shown, ...shown }
  }

  /** Appends a step; `detail` is for people and is cut to {@link STEP_DETAIL_CHARACTERS_MAX}. */
  step(step: AttemptStepName, detail: string): void {
    if (this.#outcome !== 'open') return
    if (this.#steps.length >= this.#options.limits.stepsPerAttemptMax) {
      this.#stepsLeftOut++
      return
    }
    this.#steps.push({ after: this.#elapsed(), step, detail: cut(detail) })
  }

  /** Keeps the first cause; later ones are consequences. */
  blame(cause: AttemptCause): void {
    this.#cause ??= cause
  }

  /** Ends the record, once: the last step, and one wide event in the log. */
  end(outcome: 'refused' | 'ended', detail: string, counts: { bytesIn: number; bytesOut: number }): void {
    if (this.#outcome !== 'open') return
    this.#outcome = outcome
    this.#steps.push({ after: this.#elapsed(), step: 'end', detail: cut(this.#withLeftOut(detail)) })
    this.#options.log.write(this.#cause?.code === 'SERVER_ERROR' ? 'error' : 'info', 'front.connection', {
      attempt: this.id,
      listener: this.#origin.listener,
      remote: this.#origin.remoteAddress,
      account: this.#scope.account,
      region: this.#scope.region,
      clientId: this.#shown.clientId,
      certificateId: this.#shown.certificateId,
      outcome,
      code: this.#cause?.code,
      ms: this.#elapsed(),
      ...counts,
    })
  }

  matches({ scope, certificateId, clientId, outcome }: AttemptFilter): boolean {
    return (
      (scope === undefined || (scope.account === this.#scope.account && scope.region === this.#scope.region)) &&
      (certificateId === undefined || certificateId === this.#shown.certificateId) &&
      (clientId === undefined || clientId === this.#shown.clientId) &&
      (outcome === undefined || outcome === this.#outcome)
    )
  }

  /** Gives the record as it stands. */
  snapshot(): Attempt {
    const { sni, alpn, tlsVersion, certificateId, clientId } = this.#shown
    const shown = { sni, alpn, tlsVersion, certificateId, clientId }
    return {
      id: this.id,
      ...this.#origin,
      account: this.#scope.account,
      region: this.#scope.region,
      ...shown,
      steps: [...this.#steps],
      outcome: this.#outcome,
      cause: this.#cause,
    }
  }

  #elapsed(): AttemptStep['after'] {
    return millis(Math.max(0, this.#options.clock.now() - this.#origin.startedAt))
  }

  #withLeftOut(detail: string): string {
    return this.#stepsLeftOut === 0 ? detail : `${detail} (${this.#stepsLeftOut} more steps are not recorded)`
  }
}

function cut(text: string): string {
  return text.length <= STEP_DETAIL_CHARACTERS_MAX ? text : `${text.slice(0, STEP_DETAIL_CHARACTERS_MAX - 1)}…`
}

/** Longest text of one step, in characters; longer ones are cut. */
const STEP_DETAIL_CHARACTERS_MAX = 400
/** Attempts in one list when the asker sets no limit, and at most. */
const LIST_DEFAULT = 100
const LIST_MAX = 1000

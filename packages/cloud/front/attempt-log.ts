import type { Scope } from '@birthmark/cloud/registry'
import { type Clock, type Entropy, type Log, millis } from '@birthmark/foundation/kernel'
import type { Attempt, AttemptCause, AttemptFilter, AttemptSource, AttemptStep, AttemptStepName } from './attempt.ts'
import type { AttemptKeeper, AttemptStage } from './attempt-keeper.ts'
import type { FrontLimits } from './limits.ts'
import { packSteps, unpackSteps } from './packed-steps.ts'
import { randomUuid } from './uuid.ts'

/** What an attempt log needs. */
export interface AttemptLogOptions {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
  readonly limits: Pick<FrontLimits, 'attemptsMax' | 'refusedAttemptsMax' | 'stepsPerAttemptMax'>
  /** Keeps those that were refused on disk; none are when absent. */
  readonly keeper?: AttemptKeeper
  /** Where a connection belongs until its client has sent a server name. */
  readonly defaultScope: Scope
}

/**
 * The attempts of this process, in memory: the newest of them, and in a ring of their own the newest of those that were
 * refused after TLS. No crowd of strangers, and no fleet that comes back, pushes these out.
 */
export class AttemptLog implements AttemptSource {
  readonly #options: AttemptLogOptions
  readonly #all: Ring
  readonly #refused: Ring
  readonly #onRefused = (record: AttemptRecord): void => this.#keep(record)
  #opened = 0

  constructor(options: AttemptLogOptions) {
    this.#options = options
    this.#all = new Ring(options.limits.attemptsMax)
    this.#refused = new Ring(options.limits.refusedAttemptsMax)
  }

  /** Begins the record of a connection. */
  open(origin: Pick<Attempt, 'listener' | 'remoteAddress'>): AttemptRecord {
    this.#opened++
    const record = new AttemptRecord(origin, this.#options, this.#opened, this.#onRefused)
    this.#all.push(record)
    return record
  }

  list(filter: AttemptFilter): readonly Attempt[] {
    const limit = Math.min(filter.limit ?? LIST_DEFAULT, LIST_MAX)
    const fitting = [...this.#all.newestFirst(filter, limit), ...this.#refused.newestFirst(filter, limit)]
    const ordered = [...new Set(fitting)].toSorted((left, right) => right.number - left.number)
    const found = ordered.slice(0, limit).map((record) => record.snapshot())
    if (found.length >= limit || this.#options.keeper === undefined) return found
    // What is on disk is of this process too, as far as it was refused.
    const known = new Set(fitting.map(({ id }) => id))
    const kept = this.#options.keeper.list({ ...filter, limit: limit + known.size })
    return [...found, ...kept.filter(({ id }) => !known.has(id))]
      .toSorted((left, right) => right.startedAt - left.startedAt)
      .slice(0, limit)
  }

  #keep(record: AttemptRecord): void {
    if (record.stage === 'after-tls') this.#refused.push(record)
    this.#options.keeper?.keep(record.snapshot(), record.stage)
  }
}

/** The newest records, so many at most. */
class Ring {
  readonly #size: number
  /** The record that was pushed as the n-th stands at n modulo the size. */
  readonly #records: AttemptRecord[] = []
  #pushed = 0

  constructor(size: number) {
    this.#size = size
  }

  push(record: AttemptRecord): void {
    this.#records[this.#pushed % this.#size] = record
    this.#pushed++
  }

  newestFirst(filter: AttemptFilter, limit: number): readonly AttemptRecord[] {
    const found: AttemptRecord[] = []
    for (let back = 1; back <= this.#records.length && found.length < limit; back++) {
      const record = this.#records[(this.#pushed - back) % this.#size]
      if (record?.matches(filter)) found.push(record)
    }
    return found
  }
}

/** What a client showed, as it becomes known. */
export type Shown = Partial<Pick<Attempt, 'sni' | 'alpn' | 'tlsVersion' | 'certificateId' | 'clientId'>>

/** The record of one connection while it is written. */
export class AttemptRecord {
  readonly id: string
  /** Counts the attempts of this process. */
  readonly number: number
  readonly #options: AttemptLogOptions
  readonly #onRefused: (record: AttemptRecord) => void
  readonly #origin: Pick<Attempt, 'listener' | 'remoteAddress' | 'startedAt'>
  /** Steps that nobody is likely to look at soon. */
  #packed = ''
  /** Those after them. */
  #recent: AttemptStep[] = []
  #stepCount = 0
  #scope: Scope
  #shown: Shown = NOTHING_SHOWN
  #outcome: Attempt['outcome'] = 'open'
  #cause: AttemptCause | undefined

  constructor(
    origin: Pick<Attempt, 'listener' | 'remoteAddress'>,
    options: AttemptLogOptions,
    number: number,
    onRefused: (record: AttemptRecord) => void,
  ) {
    this.id = randomUuid(options.entropy)
    this.number = number
    this.#onRefused = onRefused
    this.#options = options
    this.#scope = options.defaultScope
    this.#origin = { listener: origin.listener, remoteAddress: origin.remoteAddress, startedAt: options.clock.now() }
  }

  /** How far it has come by now. */
  get stage(): AttemptStage {
    const hasMet = this.#shown.tlsVersion !== undefined || this.#origin.listener === 'mqtt-plain'
    return hasMet ? 'after-tls' : 'before-tls'
  }

  /** Notes where the client belongs. */
  belongsTo(scope: Scope): void {
    this.#scope = scope
  }

  /** Notes what the client showed. */
  show(shown: Shown): void {
    const before = this.#shown
    this.#shown = {
      sni: shown.sni ?? before.sni,
      alpn: shown.alpn ?? before.alpn,
      tlsVersion: shown.tlsVersion ?? before.tlsVersion,
      certificateId: shown.certificateId ?? before.certificateId,
      clientId: shown.clientId ?? before.clientId,
    }
  }

  /** Appends a step; `detail` is for people and is cut to {@link STEP_DETAIL_CHARACTERS_MAX}. */
  step(step: AttemptStepName, detail: string): void {
    if (this.#outcome !== 'open') return
    this.#stepCount++
    if (this.#stepCount > this.#options.limits.stepsPerAttemptMax) return
    this.#recent.push({ after: this.#elapsed(), step, detail: cut(detail) })
  }

  /** Keeps the steps so far in little memory: nothing is likely to follow for a while. */
  rest(): void {
    this.#packed = [this.#packed, packSteps(this.#recent)].join('')
    this.#recent = []
  }

  /** Keeps the first cause; later ones are consequences. */
  blame(cause: AttemptCause): void {
    this.#cause ??= cause
  }

  /** Ends the record, once: the last step, and one wide event in the log. */
  end(outcome: 'refused' | 'ended', detail: string, counts: { bytesIn: number; bytesOut: number }): void {
    if (this.#outcome !== 'open') return
    this.#outcome = outcome
    this.#recent.push({ after: this.#elapsed(), step: 'end', detail: cut(this.#withLeftOut(detail)) })
    this.rest()
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
      reason: this.#cause?.reason,
      remedy: this.#cause?.remedy,
      ms: this.#elapsed(),
      ...counts,
    })
    if (outcome === 'refused') this.#onRefused(this)
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
      steps: [...unpackSteps(this.#packed), ...this.#recent],
      outcome: this.#outcome,
      cause: this.#cause,
    }
  }

  #elapsed(): AttemptStep['after'] {
    return millis(Math.max(0, this.#options.clock.now() - this.#origin.startedAt))
  }

  #withLeftOut(detail: string): string {
    const leftOut = this.#stepCount - this.#options.limits.stepsPerAttemptMax
    return leftOut <= 0 ? detail : `${detail} (${leftOut} more steps are not recorded)`
  }
}

function cut(text: string): string {
  return text.length <= STEP_DETAIL_CHARACTERS_MAX ? text : `${text.slice(0, STEP_DETAIL_CHARACTERS_MAX - 1)}…`
}

const NOTHING_SHOWN: Shown = {
  sni: undefined,
  alpn: undefined,
  tlsVersion: undefined,
  certificateId: undefined,
  clientId: undefined,
}

/** Longest text of one step, in characters; longer ones are cut. */
const STEP_DETAIL_CHARACTERS_MAX = 400
/** Attempts in one list when the asker sets no limit, and at most. */
const LIST_DEFAULT = 100
const LIST_MAX = 1000

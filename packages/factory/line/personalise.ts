import type { SecureElement } from '@birthmark/chip'
import { Fault, isFault, type Millis, messageOf, millis } from '@birthmark/foundation/kernel'
import type { Certificate } from '@birthmark/foundation/x509'
import { SCRAPPING_CODES } from './faults.ts'
import { type Bench, isFinished, type Station } from './station.ts'
import {
  challenge,
  generateKey,
  identify,
  lock,
  readMadeCertificate,
  requestCertificate,
  takeIn,
  writeCertificate,
} from './steps.ts'

/** The steps of a device's birth, in their order. A device that was interrupted goes on where it stood. */
export const PERSONALISATION_STEPS = [
  'open',
  'identify',
  'generateKey',
  'requestCertificate',
  'writeCertificate',
  'writeTrustAnchor',
  'challenge',
  'recordMade',
  'lock',
  'recordLocked',
] as const

/** One step of a device's birth. */
export type PersonalisationStep = (typeof PERSONALISATION_STEPS)[number]

/** How one element left its socket. */
export type PersonalisationResult =
  | {
      /** `made`: finished now. `made-before`: was finished already, and nothing was done. */
      readonly outcome: 'made' | 'made-before'
      readonly uid: string
      /** SHA-256 of the certificate, hex. */
      readonly fingerprint: string
      readonly cycle: Millis
      readonly steps: StepTimes
    }
  | {
      /**
       * `failed`: put it in again, and it goes on. `scrapped`: it is on record that it is never used. `waiting`: its
       * CSR is kept until the authority can be reached.
       */
      readonly outcome: 'failed' | 'scrapped' | 'waiting'
      /** Unknown when the element did not get as far as saying it. */
      readonly uid: string | undefined
      readonly step: PersonalisationStep
      readonly reason: { readonly code: string; readonly message: string; readonly remedy: string }
      readonly cycle: Millis
      readonly steps: StepTimes
    }

/** Milliseconds by step, of those that the element came to. */
export type StepTimes = ReadonlyMap<PersonalisationStep, number>

/** Is told each step when it begins. */
export type OnStep = (step: PersonalisationStep, uid: string | undefined) => void

/**
 * Makes one device: key, certificate, trust anchor, proof, locks, record. May be interrupted at any moment, by the
 * element, the authority or the power of the station: put in again, the same element is finished with the same key
 * and the same certificate, or scrapped with a reason. What fails is part of the result; nothing is thrown.
 *
 * @param source An element, or what opens it; it is closed at the end.
 */
export async function personalise(
  source: SecureElement | (() => Promise<SecureElement>),
  station: Station,
  onStep: OnStep = () => undefined,
): Promise<PersonalisationResult> {
  const walk = new Walk(station, onStep)
  try {
    return await walk.perform(source)
  } catch (error) {
    return await walk.fail(error)
  } finally {
    await walk.leave()
  }
}

/** One element's way through the steps: where it is, and how it ended. */
class Walk {
  readonly #station: Station
  readonly #onStep: OnStep
  readonly #startedAt: number
  #step: PersonalisationStep = 'open'
  readonly #steps = new Map<PersonalisationStep, number>()
  #stepAt: number
  #element: SecureElement | undefined
  #uid: string | undefined
  #bench: Bench | undefined

  constructor(station: Station, onStep: OnStep) {
    this.#station = station
    this.#onStep = onStep
    this.#startedAt = station.clock.now()
    this.#stepAt = this.#startedAt
  }

  async perform(source: SecureElement | (() => Promise<SecureElement>)): Promise<PersonalisationResult> {
    const { order } = this.#station
    this.#enter('open')
    const element = typeof source === 'function' ? await source() : source
    this.#element = element

    this.#enter('identify')
    const uid = await identify(element)
    this.#uid = uid
    const bench = takeIn(element, uid, this.#station)
    this.#bench = bench
    if (isFinished(bench.earlier?.stage, order)) return this.#finished('made-before', bench.earlier?.fingerprint)

    const certificate = bench.earlier?.stage === 'made' ? await this.#checkMade(bench) : await this.#make(bench)
    await this.#lock(bench, certificate.fingerprint)
    return this.#finished('made', certificate.fingerprint)
  }

  /** Takes note of a failure; one that no repetition mends is written into the ledger. */
  async fail(error: unknown): Promise<PersonalisationResult> {
    const failed = { uid: this.#uid, step: this.#step, ...this.#times() }
    if (this.#bench !== undefined && error instanceof Fault && SCRAPPING_CODES.has(error.code)) {
      const { ledger, order } = this.#station
      try {
        await ledger.record({ kind: 'scrapped', order: order.id, uid: this.#bench.uid, reason: error.code })
        return { outcome: 'scrapped', reason: reasonOf(error), ...failed }
      } catch (unrecorded) {
        return { outcome: 'failed', reason: reasonOf(unrecorded), ...failed }
      }
    }
    const outcome = isFault(error, 'CERTIFICATE_PENDING') ? 'waiting' : 'failed'
    return { outcome, reason: reasonOf(error), ...failed }
  }

  /** Lets go of the element and of its number. */
  async leave(): Promise<void> {
    if (this.#bench !== undefined) this.#station.inWork.delete(this.#bench.uid)
    // Everything that counts is read back and on record; an element that cannot be closed changes nothing of it.
    await this.#element?.close().catch(() => undefined)
  }

  async #make(bench: Bench): Promise<Certificate> {
    const station = this.#station
    const { order, ledger } = station
    this.#enter('generateKey')
    const publicKey = await generateKey(bench, station)
    this.#enter('requestCertificate')
    const certificate = await requestCertificate(bench, publicKey, station)
    this.#enter('writeCertificate')
    await writeCertificate(bench, bench.slots.certificate, certificate.der)
    if (order.trustAnchor !== undefined) {
      this.#enter('writeTrustAnchor')
      await writeCertificate(bench, bench.slots.trustAnchor, order.trustAnchor)
    }
    this.#enter('challenge')
    await challenge(bench, certificate, station)
    // What follows, the locking, cannot be undone: it is on record first what is locked in.
    this.#enter('recordMade')
    const { fingerprint, der } = certificate
    await ledger.record({ kind: 'made', order: order.id, uid: bench.uid, fingerprint, certificate: der })
    return certificate
  }

  /** Goes on with a device that was made and is not, or not wholly, locked. */
  async #checkMade(bench: Bench): Promise<Certificate> {
    this.#enter('challenge')
    const certificate = await readMadeCertificate(bench)
    await challenge(bench, certificate, this.#station)
    return certificate
  }

  async #lock(bench: Bench, fingerprint: string): Promise<void> {
    const { order, ledger } = this.#station
    if (order.locks.length === 0) return
    this.#enter('lock')
    const locks = await lock(bench, this.#station)
    this.#enter('recordLocked')
    const weakness = locks === 'recorded' && { locks }
    await ledger.record({ kind: 'locked', order: order.id, uid: bench.uid, fingerprint, ...weakness })
  }

  #enter(step: PersonalisationStep): void {
    this.#endStep()
    this.#steps.set(step, 0)
    this.#step = step
    this.#onStep(step, this.#uid)
  }

  #finished(outcome: 'made' | 'made-before', fingerprint = ''): PersonalisationResult {
    return { outcome, uid: this.#uid ?? '', fingerprint, ...this.#times() }
  }

  #endStep(): void {
    const now = this.#station.clock.now()
    if (this.#steps.has(this.#step)) this.#steps.set(this.#step, now - this.#stepAt)
    this.#stepAt = now
  }

  #times(): { readonly cycle: Millis; readonly steps: StepTimes } {
    this.#endStep()
    return { cycle: millis(this.#stepAt - this.#startedAt), steps: this.#steps }
  }
}

function reasonOf(error: unknown): { readonly code: string; readonly message: string; readonly remedy: string } {
  if (error instanceof Fault) return { code: error.code, message: error.message, remedy: error.remedy }
  return {
    code: 'UNEXPECTED',
    message: messageOf(error),
    remedy: 'Report this with the log; put the element in again.',
  }
}
